// Log lines about the whole instance: starting, started, stopped.

import { addressOf, type Plan } from '../../../config/plan.ts';
import { version } from '../../version.ts';
import type { Log } from './log.ts';

/** `predecessor`: the instance being replaced, or null. `faults`: those of sockets passed by a service manager. */
export function logStarting(
  log: Log,
  { configPath }: Plan,
  predecessor: { readonly pid: number; readonly version: string } | null,
  faults: readonly string[],
): void {
  log.info('bal.starting', `bal ${version} starts`, {
    pid: process.pid,
    node: process.version,
    config: configPath,
    takes_over_from: predecessor === null ? null : { pid: predecessor.pid, version: predecessor.version },
  });
  for (const fault of faults) log.error('listener.not_passed', fault, {});
}

/** `startedAt` is performance.now(). */
export function logStarted(log: Log, { workers, services, admin }: Plan, startedAt: number): void {
  log.info('bal.started', 'every worker accepts connections', {
    workers,
    services: services.map(({ name, bindAddress, port }) => ({ name, bind_address: bindAddress, port })),
    admin: admin === null ? null : addressOf(admin.host, admin.port),
    ready_ms: Math.round(performance.now() - startedAt),
  });
}

export function logStopped(log: Log, cut: number, startedAt: number): void {
  const facts = { cut, uptime_ms: Math.round(performance.now() - startedAt) };
  if (cut === 0) log.info('bal.stopped', 'bal is stopped', facts);
  else log.warn('bal.stopped', 'bal is stopped, and connections were cut', facts);
}
