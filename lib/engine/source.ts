// Chooses the source address of the next connection.

import { isIP } from 'node:net';

/** Returns a source for a connection to `ip`; undefined: the system chooses; null: no source is of that family. */
export type NextSource = (ip: string) => string | null | undefined;

/** Takes turns among the sources of the family of `ip`. */
export function takeTurns(sources: readonly string[]): NextSource {
  if (sources.length === 0) return () => undefined;
  let turn = 0;
  const families = new Map([4, 6].map((family) => [family, sources.filter((source) => isIP(source) === family)]));
  return (ip) => {
    const fitting = families.get(isIP(ip)) ?? [];
    return fitting[turn++ % fitting.length] ?? null;
  };
}

/** The addresses that a source can connect to; all if there are none, so that the failure is reported. */
export function fitting(ips: readonly string[], source: NextSource): readonly string[] {
  const found = ips.filter((ip) => source(ip) !== null);
  return found.length === 0 ? ips : found;
}

/** The error of a connect without a source. */
export function noSource(): NodeJS.ErrnoException {
  const message = 'Cannot connect: no source address is of the family of the address';
  return Object.assign(new Error(message), { code: 'EADDRNOTAVAIL', syscall: 'bind' });
}
