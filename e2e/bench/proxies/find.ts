// Finds the proxies that can be compared on this machine.
import { findBal } from './bal.ts';
import { findHaproxy } from './haproxy.ts';
import { findNginx } from './nginx.ts';
import type { Found } from './proxy.ts';

const direct: Found = {
  kind: 'found',
  proxy: { name: 'direct', version: 'clients connect to the backends themselves', prepare: () => null },
};

/** Returns them in the order of the results. */
export function findProxies(chosen: readonly string[] | null): readonly Found[] {
  const all = [direct, findHaproxy(), findNginx(), findBal('native'), findBal('js')];
  const name = (found: Found): string => (found.kind === 'found' ? found.proxy.name : found.name);
  return chosen === null ? all : all.filter((found) => chosen.includes(name(found)));
}
