// `bal why`: prints the verdict on every service and backend, its evidence, and what will end it.

import { addressOf } from '../../config/plan.ts';
import { pathIn } from '../../config/unix.ts';
import { drainingText, sinceText } from '../control/facts.ts';
import { listenerText } from '../control/listeners.ts';
import type { RecentStatus } from '../control/protocol.ts';
import type { BackendWhy, EvidenceStatus, ServiceWhy, Why } from '../control/why.ts';
import { causeText, failuresText } from '../control/recent.ts';
import { home } from '../paths.ts';
import type { Options } from './arguments.ts';
import type { ExitCode, Io } from './command.ts';
import { PATIENCE_MS, reach, strangeAnswer } from './reach.ts';
import { INK, json, paint, printableLine, printDiagnosis } from './report.ts';
import { STOPPING } from './status.ts';
import { counted, duration, listed } from '../units.ts';
import { isStopping, type Shown } from '../view/state.ts';

/** 0: all is well; 1: something is not, or there is no such service or backend; 3: not running. */
export async function why(options: Options, io: Io): Promise<ExitCode> {
  const reached = await reach(home(), 'GET', '/why', PATIENCE_MS);
  if (reached.kind !== 'answered' || !isWhy(reached.body)) {
    const problem = reached.kind === 'answered' ? notWhy : reached.problem;
    if (options.json) json(io, { state: null, services: [], draining: null, problem });
    else printDiagnosis(io, problem);
    return reached.kind === 'not_running' ? 3 : 1;
  }
  const [word = null] = options.words;
  const chosen = select(reached.body, word);
  if (chosen.services.length === 0) return unknownWord(reached.body, options, io);
  // An instance of an older version does not report its state.
  const isEnding = isStopping(chosen.state ?? null);
  if (options.json) json(io, chosen);
  else for (const line of lines(chosen, reached.body, word === null, io)) io.out(printableLine(line));
  const isWell = ({ name, problem, backends }: ServiceWhy): boolean =>
    backends.every((backend) => backend.problem === null) && (problem === null || (word !== null && word !== name));
  return !isEnding && chosen.services.every(isWell) ? 0 : 1;
}

/** Selects the service of that name, or the backend with that address wherever it is; all if `word` is null. */
function select(all: Why, word: string | null): Why {
  if (word === null) return all;
  const path = pathIn(word);
  const wanted = path === null ? word : addressOf(path, 0);
  const services = all.services.flatMap((service) => {
    if (service.name === word) return [service];
    const backends = service.backends.filter((backend) => backend.address === wanted);
    return backends.length === 0 ? [] : [{ ...service, backends }];
  });
  return { ...all, services };
}

function lines({ state, services, listeners, draining }: Why, all: Why, whole: boolean, io: Io): string[] {
  const isEnding = isStopping(state ?? null);
  // One backend says nothing about the others.
  const shown = new Map(all.services.map((service) => [service.name, shownOf(service, isEnding)]));
  const ending = isEnding ? [...tripletLines(STOPPING, ''), ''] : [];
  const old = whole ? drainingText(draining) : null;
  // An instance of an older version does not report them.
  const shared = whole && (listeners ?? []).length > 0 ? [...listeners.map(listenerText), ''] : [];
  return [
    ...ending,
    ...services.flatMap((service) => serviceLines(service, shown.get(service.name), io)),
    ...shared,
    ...(old === null ? [] : [old]),
  ];
}

function unknownWord(all: Why, options: Options, io: Io): ExitCode {
  const known = all.services.flatMap(({ name, backends }) => [name, ...backends.map(({ address }) => address)]);
  const problem = {
    what_happened: `there is no service or backend ${options.words[0] ?? ''}`,
    why_likely: 'it is misspelt, or the running configuration is an older one',
    do_this_now: `name one of: ${listed([...new Set(known)])}`,
  };
  if (options.json) json(io, { services: [], problem });
  else printDiagnosis(io, problem);
  return 1;
}

/** The same words as in `status`, the page and `top`. */
export function shownOf({ verdict, backends }: Pick<ServiceWhy, 'verdict' | 'backends'>, isEnding: boolean): Shown {
  if (isEnding) return { text: 'stopping', tone: 'odd' };
  const isAnyMeant = backends.some((backend) => !GETS_NOBODY.has(backend.verdict));
  if (verdict === 'failing_open' || !isAnyMeant) return { text: 'failing', tone: 'bad' };
  return { text: verdict, tone: verdict === 'degraded' ? 'odd' : 'good' };
}

const GETS_NOBODY: ReadonlySet<BackendWhy['verdict']> = new Set(['draining', 'drained', 'no_weight']);

function serviceLines(
  { name, health_check, problem, protection, waiting, ends, recent, backends }: ServiceWhy,
  shown: Shown | undefined,
  io: Io,
): string[] {
  const reasons = Object.entries(ends).filter(([, count]) => count > 0);
  return [
    ...(shown === undefined ? [] : [`${paint(io, 'bold', name)} is ${paint(io, INK[shown.tone], shown.text)}`]),
    ...(problem === null ? [] : tripletLines(problem, '  ')),
    ...(protection.enabled === true
      ? [
          `  protection mode is on since ${protection.since ?? '?'}: ${protection.reason ?? '?'}; ends ${protection.exit_condition ?? '?'}`,
        ]
      : []),
    ...(waiting === 0
      ? []
      : [
          `  ${counted(waiting, 'client')} ${waiting === 1 ? 'waits' : 'wait'} for a connection to end: the limit is reached, or every backend that works is full`,
        ]),
    ...(reasons.length === 0
      ? []
      : [`  connections ended: ${reasons.map(([reason, count]) => `${reason} ${count}`).join(', ')}`]),
    ...(health_check === 'none' ? ['  not checked: what clients meet is all that is known of the backends'] : []),
    ...recentLines(recent, 'client', '  '),
    ...backends.flatMap((backend) => backendLines(backend, io)),
    '',
  ];
}

function backendLines(backend: BackendWhy, io: Io): string[] {
  const { address, state, verdict, problem, recent, evidence, ends_when, live_changes, slow_start } = backend;
  const colour = verdict === 'in_use' || verdict === 'spare' ? 'green' : verdict === 'out' ? 'red' : 'yellow';
  return [
    `  ${address} is ${state}, ${paint(io, colour, verdict.replaceAll('_', ' '))}`,
    ...(live_changes ?? []).map((change) => `    ${sinceText(change)}, by 'bal backend'`),
    ...slowStartLines(slow_start),
    ...evidence.map((item) => `    ${evidenceText(item)}`),
    ...recentLines(recent, 'connection', '    '),
    ...(problem === null ? [] : tripletLines(problem, '    ')),
    ...(ends_when === null ? [] : [`    ends when ${ends_when}`]),
  ];
}

function slowStartLines(slowStart: BackendWhy['slow_start'] | undefined): string[] {
  if (slowStart === undefined || slowStart === null) return [];
  return [`    taking clients at ${slowStart.percent} % of its weight, since ${slowStart.since}`];
}

function recentLines(recent: RecentStatus | undefined, whose: 'client' | 'connection', indent: string): string[] {
  if (recent === undefined || recent.ended === 0) return [];
  const minutes = Math.round(recent.window_ms / 60_000);
  const span = minutes === 1 ? 'minute' : `${minutes} minutes`;
  const well = `${counted(recent.ended, whose)} in the last ${span}, none failed`;
  return [indent + (failuresText(recent, `${whose}s`) ?? well)];
}

function evidenceText({ source, cause, fact, count, first, last }: EvidenceStatus): string {
  const checks = counted(count, 'health check');
  const failed = `${source === 'check' ? checks : count === 1 ? "1 client's connect" : `${count} clients' connects`} failed: ${fact ?? causeText(cause)}`;
  const passed = source === 'check' ? `${checks} passed` : `clients' connects stood for ${checks}`;
  const what = cause === null ? passed : failed;
  const span = count === 1 ? last : `${first} to ${last}`;
  const ago = duration(Math.max(0, Date.now() - Date.parse(last)));
  return `${what}, ${span} (${ago} ago)`;
}

function tripletLines(
  problem: { what_happened: string; why_likely: string; do_this_now: string },
  indent: string,
): string[] {
  const { what_happened, why_likely, do_this_now } = problem;
  return [`what_happened: ${what_happened}`, `why_likely: ${why_likely}`, `do_this_now: ${do_this_now}`].map(
    (line) => indent + line,
  );
}

const notWhy = strangeAnswer('verdict');

function isWhy(body: unknown): body is Why {
  return typeof body === 'object' && body !== null && 'services' in body && Array.isArray(body.services);
}
