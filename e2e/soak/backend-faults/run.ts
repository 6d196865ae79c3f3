// Runs all faults at once against one bal: each has a service with the faulty backend alone and one with a healthy backend
// beside it. What clients see, what bal reports, and how long it takes make a row of the report.
import { type Bal, startBal } from '../../harness.ts';
import { backend, type Backend } from '../../harness/backend.ts';
import { named } from '../../harness/behaviours.ts';
import type { EngineName } from '../../harness/engines.ts';
import { names, type Outcome } from '../../harness/exchange.ts';
import { visits } from '../../harness/load.ts';
import type { Owner } from '../../../lib/testing/owner.ts';
import { freePort } from '../../../lib/testing/ports.ts';
import { until } from '../../../lib/testing/until.ts';
import { askWhy } from '../control.ts';
import type { Fault } from './fault.ts';
import { FAULTY } from './faults.ts';

export interface Row {
  readonly fault: string;
  readonly engine: EngineName;
  readonly alone: Seen;
  readonly beside: Seen;
  /** The faulty backend's state in `bal status` during the fault; its verdict and last failure in `bal why`. */
  readonly state: string;
  readonly why: string;
  /** From the start of the fault until `status` says down; null if it never does. */
  readonly detectedMs: number | null;
  /** From the repair until `status` says up and a client of the backend is served. */
  readonly recoveredMs: number;
}

export type Seen = Partial<Record<Outcome, number>>;

export const SETTINGS = {
  health_check_interval_ms: 200,
  health_check_timeout_ms: 400,
  health_check_fail_threshold: 2,
  health_check_success_threshold: 1,
  backend_connect_timeout_ms: 400,
  failover_backoff_initial_ms: 50,
  failover_backoff_max_ms: 200,
  backend_cooldown_ms: 100,
  drain_timeout_ms: 5000,
} as const;

const BATCH = 6;
const BATCHES = 4;
const OUTCOMES = ['ok', 'refused', 'reset', 'short', 'wrong', 'late'] as const;

interface Scene {
  readonly fault: Fault;
  readonly faulty: Backend;
  /** As `status` names it. */
  readonly address: string;
  readonly index: number;
  readonly alonePort: number;
  readonly besidePort: number;
}

export async function runFaults(t: Owner, engine: EngineName, faults: readonly Fault[]): Promise<Row[]> {
  const healthy = await backend(t, named('healthy'));
  const scenes = await Promise.all(
    faults.map(async (fault, index): Promise<Scene> => {
      const faulty = await backend(t, named(FAULTY));
      const address = fault.host === undefined ? faulty.address : `${fault.host}:${faulty.port}`;
      return { fault, faulty, address, index, alonePort: await freePort(), besidePort: await freePort() };
    }),
  );
  const services = Object.fromEntries(
    scenes.flatMap(({ fault, faulty, index, alonePort, besidePort }) => {
      const one = { host: fault.host ?? faulty.host, port: faulty.port };
      const more = fault.idleMs === undefined ? {} : { runtime: { connection_idle_timeout_ms: fault.idleMs } };
      const other = { host: healthy.host, port: healthy.port };
      return [
        [`alone${index}`, { port: alonePort, backends: [one], ...more }],
        [`beside${index}`, { port: besidePort, backends: [one, other], ...more }],
      ];
    }),
  );
  const config = { bind_address: '127.0.0.1', workers: 2, runtime: SETTINGS, services };
  const bal = await startBal(t, { engine, config });
  await bal.checked();
  return Promise.all(scenes.map((scene) => play(t, bal, engine, scene)));
}

async function play(t: Owner, bal: Bal, engine: EngineName, scene: Scene): Promise<Row> {
  const { fault, faulty, address, index, alonePort, besidePort } = scene;
  const stateNow = async (): Promise<string> => {
    const service = (await bal.status()).services.find(({ name }) => name === `beside${index}`);
    return service?.backends.find((one) => one.address === address)?.state ?? 'missing';
  };
  const seen: { alone: Seen; beside: Seen } = { alone: {}, beside: {} };
  const underWay = await fault.begin(t, faulty);
  const began = performance.now();
  let detectedMs: number | null = null;
  const watching =
    fault.detected === true
      ? until(`${fault.name}: the status says down`, async () => (await stateNow()) === 'down', { everyMs: 5 }).then(
          () => {
            detectedMs = performance.now() - began;
          },
        )
      : Promise.resolve();
  // Failed connects reveal the fault, but not to clients: run a few batches at least, and until it is detected.
  for (let batch = 0; batch < BATCHES || (fault.detected === true && detectedMs === null); batch++) {
    add(seen.beside, await visits(besidePort, names(FAULTY, 'healthy'), BATCH, { clients: 3 }));
    await underWay.between?.();
    if (batch > 500) break;
  }
  await watching;
  for (let batch = 0; batch < (underWay.between === undefined ? 1 : 8); batch++) {
    add(seen.alone, await visits(alonePort, names(FAULTY), BATCH, { clients: BATCH }));
    await underWay.between?.();
  }
  const state = await stateNow();
  const why = await whyOf(bal, index, address);
  await underWay.repair();
  const repaired = performance.now();
  await until(`${fault.name}: it is up and serves`, async () => {
    if ((await stateNow()) !== 'up') return false;
    return (await visits(alonePort, names(FAULTY), 1)).ok === 1;
  });
  return { fault: fault.name, engine, ...seen, state, why, detectedMs, recoveredMs: performance.now() - repaired };
}

function add(seen: Seen, counts: Readonly<Record<Outcome, number>>): void {
  for (const outcome of OUTCOMES) if (counts[outcome] > 0) seen[outcome] = (seen[outcome] ?? 0) + counts[outcome];
}

async function whyOf(bal: Bal, index: number, address: string): Promise<string> {
  const { services } = await askWhy(bal.home.socket);
  const reported = services
    .find(({ name }) => name === `beside${index}`)
    ?.backends.find((one) => one.address === address);
  const failure = reported?.evidence.findLast(({ cause }) => cause !== null);
  return `${reported?.verdict ?? 'nothing'}${failure === undefined ? '' : ` (${failure.source}: ${failure.cause})`}`;
}
