// How people read what share of the connections a backend has: what is as usual is left out.

import type { BackendStatus } from './protocol.ts';

/** `10.0.0.1:80`, `10.0.0.1:80 weight 3`, `10.0.0.1:80 backup`. */
export function addressWithShare({
  address,
  weight,
  backup,
}: Pick<BackendStatus, 'address' | 'weight' | 'backup'>): string {
  const share = (weight ?? 1) === 1 ? '' : ` weight ${weight}`;
  return `${address}${share}${backup === true ? ' backup' : ''}`;
}
