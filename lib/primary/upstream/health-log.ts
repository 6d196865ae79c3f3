// What the log says of backends and of protection.

import type { Log } from '../log/log.ts';
import type { Transition } from './pool.ts';
import type { ProtectionView } from './protection.ts';

export function logTransition(log: Log, service: string, { address, from, to, evidence }: Transition): void {
  const { source, cause, count } = evidence;
  const fields = { service, backend: address, from, source, cause, count };
  if (to === 'down') log.warn('backend.down', `backend ${address} is down`, fields);
  else log.info('backend.up', `backend ${address} is up`, fields);
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
