// The log messages about backends and protection.

import { createThrottle } from '../../throttle.ts';
import type { Log } from '../log/log.ts';
import type { Backend } from './backend.ts';
import type { CheckResult } from './health/health.ts';
import type { Transition } from './pool.ts';
import type { ProtectionView } from './protection.ts';

export function logTransition(log: Log, service: string, { address, from, to, evidence }: Transition): void {
  const { source, cause, fact, count } = evidence;
  const fields = { service, backend: address, from, source, cause, ...(fact === null ? {} : { fact }), count };
  if (to === 'down') log.warn('backend.down', `backend ${address} is down`, fields);
  else log.info('backend.up', `backend ${address} is up`, fields);
}

export function logCheck(log: Log, service: string, address: string, result: CheckResult): void {
  log.debug('backend.checked', `check of ${address}: ${result.kind}`, () => ({ service, backend: address, ...result }));
}

/** Logs each pause once; the pauses grow. */
export function logEarlyFailures(log: Log, service: string, { address, early }: Backend, threshold: number): void {
  const { times, since, until } = early;
  const pause = Math.round(until - performance.now());
  log.warn(
    'backend.early_failures',
    `backend ${address} accepts clients and closes without sending a byte: no new clients for ${pause} ms`,
    {
      service,
      backend: address,
      threshold,
      times,
      since: new Date(since).toISOString(),
      pause_ms: pause,
    },
  );
}

export function logProtection(
  log: Log,
  service: string,
  to: 'on' | 'off',
  { reason, exitCondition }: ProtectionView,
): void {
  const fields = { service, reason, exit_condition: exitCondition };
  if (to === 'on') log.warn('protection.on', 'protection mode is on: fewer retries, longer cool-downs', fields);
  else log.info('protection.off', 'protection mode is off', { service });
}

/** Throttled, because a machine that runs short does so at every check. */
export function createShortageLog(log: Log): (service: string, backend: string) => void {
  const throttle = createThrottle();
  return (service, backend) => {
    const now = performance.now();
    if (!throttle.isOpen(now)) return;
    throttle.close(now);
    log.warn(
      'check.impossible',
      'this machine lacks descriptors, ports or memory for a health check, or does not have its source address',
      {
        service,
        backend,
      },
    );
  };
}
