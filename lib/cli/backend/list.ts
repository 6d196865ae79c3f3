// `bal backend list`: every backend of every service, with the changes an operator made.

import { liveChangeLines } from '../../control/facts.ts';
import type { BackendStatus, ServiceStatus } from '../../control/protocol.ts';
import { home } from '../../paths.ts';
import { listed } from '../../units.ts';
import type { Options } from '../arguments.ts';
import type { ExitCode, Io } from '../command.ts';
import { PATIENCE_MS, isStatus, reach, strangeAnswer } from '../reach.ts';
import { json, printableLine, printDiagnosis, table, type Cell } from '../report.ts';

/** 0: shown; 1: no answer, or no such service; 3: not running. */
export async function listBackends(options: Options, io: Io): Promise<ExitCode> {
  const reached = await reach(home(), 'GET', '/status', PATIENCE_MS);
  if (reached.kind !== 'answered' || !isStatus(reached.body)) {
    const problem = reached.kind === 'answered' ? strangeAnswer('status') : reached.problem;
    if (options.json) json(io, { backends: [], live_changes: [], problem });
    else printDiagnosis(io, problem);
    return reached.kind === 'not_running' ? 3 : 1;
  }
  const { services: all, live_changes: changes } = reached.body;
  const { service } = options;
  const services = all.filter(({ name }) => service === null || name === service);
  if (services.length === 0) return noService(service ?? '', all, options, io);
  const shown = changes.filter((change) => service === null || change.service === service);
  if (options.json) {
    const backends = services.flatMap(({ name, backends: its }) => its.map((it) => ({ service: name, ...it })));
    json(io, { backends, live_changes: shown, problem: null });
    return 0;
  }
  for (const line of lines(services, io)) io.out(printableLine(line));
  const others = liveChangeLines(shown);
  if (others.length > 0) io.out('not in the file:');
  for (const line of others) io.out(printableLine(`  ${line}`));
  return 0;
}

function noService(service: string, all: readonly ServiceStatus[], options: Options, io: Io): ExitCode {
  const problem = {
    what_happened: `there is no service ${service}`,
    why_likely: 'its name is misspelt, or the running configuration is an older one',
    do_this_now: `name one of: ${listed(all.map(({ name }) => name))}`,
  };
  if (options.json) json(io, { backends: [], live_changes: [], problem });
  else printDiagnosis(io, problem);
  return 1;
}

function lines(services: readonly ServiceStatus[], io: Io): string[] {
  const head: Cell[] = ['SERVICE', 'BACKEND', 'STATE', 'ADMINISTRATIVE', 'WEIGHT', 'CONNECTIONS', 'SINCE'];
  const rows = services.flatMap(({ name, backends }) => backends.map((backend) => row(name, backend)));
  return table(io, 'llllrrl', [head, ...rows]);
}

function row(service: string, backend: BackendStatus): Cell[] {
  const { address, state, administrative, administrative_since: since, weight, backup, active_connections } = backend;
  return [
    service,
    `${address}${backup === true ? ' backup' : ''}`,
    { text: state ?? '?', paint: state === 'up' ? 'green' : state === 'down' ? 'red' : 'yellow' },
    { text: administrative, paint: administrative === 'ready' ? 'green' : 'yellow' },
    weight === null ? '-' : String(weight),
    String(active_connections ?? '-'),
    since ?? '-',
  ];
}
