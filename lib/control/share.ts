// A backend's share of the connections, as text for people. Defaults are left out.

import type { BackendStatus } from './protocol.ts';

/** `10.0.0.1:80`, `10.0.0.1:80 weight 3`, `10.0.0.1:80 at 40 %`, `10.0.0.1:80 backup`, `10.0.0.1:80 at most 200`, `10.0.0.1:80 drained`. */
export function addressWithShare({
  address,
  weight,
  slow_start,
  backup,
  max_connections: most,
  administrative,
}: Pick<BackendStatus, 'address' | 'weight' | 'slow_start' | 'backup' | 'max_connections' | 'administrative'>): string {
  const share = (weight ?? 1) === 1 ? '' : ` weight ${weight}`;
  const part = (slow_start ?? null) === null ? '' : ` at ${slow_start?.percent} %`;
  const limit = (most ?? 0) === 0 ? '' : ` at most ${most}`;
  const taken = administrative === 'drained' ? ' drained' : '';
  return `${address}${share}${part}${backup === true ? ' backup' : ''}${limit}${taken}`;
}
