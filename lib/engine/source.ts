// From which address of this machine the next connection comes.

import { isIP } from 'node:net';

/** For a connection to `ip`; undefined: the system chooses, null: none of the sources is of that family. */
export type NextSource = (ip: string) => string | null | undefined;

/** They take turns, those of the family that is asked for. */
export function takeTurns(sources: readonly string[]): NextSource {
  if (sources.length === 0) return () => undefined;
  let turn = 0;
  const families = new Map([4, 6].map((family) => [family, sources.filter((source) => isIP(source) === family)]));
  return (ip) => {
    const fitting = families.get(isIP(ip)) ?? [];
    return fitting[turn++ % fitting.length] ?? null;
  };
}

/** Those that can be connected to from one of the sources; all where none can, for that has to be told. */
export function fitting(ips: readonly string[], source: NextSource): readonly string[] {
  const found = ips.filter((ip) => source(ip) !== null);
  return found.length === 0 ? ips : found;
}

/** What a connect fails with that has none. */
export function noSource(): NodeJS.ErrnoException {
  const message = 'Cannot connect: no source address is of the family of the address';
  return Object.assign(new Error(message), { code: 'EADDRNOTAVAIL', syscall: 'bind' });
}
