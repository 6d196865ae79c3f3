// Parses the command line.
import { parseArgs } from 'node:util';
import { CASES } from './cases.ts';
import { FEATURES, HEALTH_CHECKS } from './features/features.ts';

export interface Options {
  readonly rounds: number;
  /** Per run of one case on one proxy. */
  readonly seconds: number;
  /** Connections that the case `idle` holds open. */
  readonly idleConnections: number;
  /** Names; null: all. */
  readonly cases: readonly string[] | null;
  readonly proxies: readonly string[] | null;
  readonly commandRuns: { readonly status: number; readonly start: number };
  /** Number of fresh instances, and runs with each; scrapes that count as a thousand, and how many thousands; seconds with `bal top`. */
  readonly eyes: {
    readonly batches: number;
    readonly rounds: number;
    readonly scrapes: number;
    readonly thousands: number;
    readonly topSeconds: number;
  };
  /**
   * Number of fresh instances, seconds of load before they count, and runs with each; runs without clients, for the health
   * checks, and their seconds.
   */
  readonly features: {
    readonly batches: number;
    readonly warmUpSeconds: number;
    readonly rounds: number;
    readonly checkRounds: number;
    readonly checkSeconds: number;
  };
  /** How often to repeat a run because other programs used the CPU. */
  readonly retries: number;
  /** Total time to wait for moments when nothing else runs. */
  readonly patienceSeconds: number;
  /** Null: only print the results. */
  readonly out: string | null;
}

export const PROXY_NAMES = ['direct', 'haproxy', 'nginx', 'bal-native', 'bal-js'] as const;

const FEATURE_NAMES = [...FEATURES.map(({ name }) => name), HEALTH_CHECKS];

export const USAGE = `npm run bench -- [options]
  --quick          one short round, printed and not kept: shows that everything works
  --rounds N       rounds (5)
  --seconds S      seconds of one run (1)
  --cases LIST     ${CASES.map(({ name }) => name).join(',')},commands,eyes,features
                   of the features alone: ${FEATURE_NAMES.join(',')}
  --proxies LIST   ${PROXY_NAMES.join(',')}
  --patience S     seconds in all to wait for moments when other programs are quiet (120)
  --out FILE       where the results go (e2e/bench/RESULTS.md; a part of the cases or proxies is only printed)`;

function names(list: string | undefined, known: readonly string[]): readonly string[] | null {
  if (list === undefined) return null;
  const chosen = list.split(',').filter((name) => name !== '');
  const unknown = chosen.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`Cannot measure ${unknown.join(', ')}: known are ${known.join(', ')}`);
  return chosen;
}

function positive(name: string, value: string | undefined, normal: number): number {
  const number = value === undefined ? normal : Number(value);
  if (!(number > 0 && number <= 10_000)) throw new Error(`Cannot take --${name} ${value}: expected a number above 0`);
  return number;
}

/** Returns null if help was asked for. Throws with a message for the user. */
export function readOptions(args: readonly string[], resultsFile: string): Options | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      cases: { type: 'string' },
      proxies: { type: 'string' },
      patience: { type: 'string' },
      out: { type: 'string' },
    },
  });
  if (values.help) return null;
  const cases = names(values.cases, [
    ...CASES.map(({ name }) => name),
    'commands',
    'eyes',
    'features',
    ...FEATURE_NAMES,
  ]);
  const proxies = names(values.proxies, PROXY_NAMES);
  const isWhole = !values.quick && cases === null && proxies === null;
  return {
    rounds: Math.ceil(positive('rounds', values.rounds, values.quick ? 1 : 5)),
    seconds: positive('seconds', values.seconds, values.quick ? 0.2 : 1),
    idleConnections: values.quick ? 2000 : 5000,
    cases,
    proxies,
    commandRuns: values.quick ? { status: 5, start: 1 } : { status: 20, start: 5 },
    eyes: values.quick
      ? { batches: 1, rounds: 2, scrapes: 20, thousands: 2, topSeconds: 2 }
      : { batches: 5, rounds: 16, scrapes: 1000, thousands: 12, topSeconds: 6 },
    features: values.quick
      ? { batches: 1, warmUpSeconds: 0.2, rounds: 1, checkRounds: 1, checkSeconds: 1 }
      : { batches: 3, warmUpSeconds: 4, rounds: 8, checkRounds: 6, checkSeconds: 10 },
    retries: values.quick ? 0 : 2,
    patienceSeconds: positive('patience', values.patience, values.quick ? 1 : 120),
    out: values.out ?? (isWhole ? resultsFile : null),
  };
}
