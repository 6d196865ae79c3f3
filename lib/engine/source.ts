// Chooses the source address of the next connection.

import { isIP } from 'node:net';

/** Returns a source for a connection to `ip`; undefined: the system chooses; null: no source is of that family. */
export type NextSource = (ip: string) => string | null | undefined;

/** Takes turns among the sources of the family of `ip`. Every call is a turn. */
export function takeTurns(sources: readonly string[]): NextSource {
  if (sources.length === 0) return () => undefined;
  const turns = new Map([4, 6].map((family) => [family, { own: ofFamily(family, sources), next: 0 }]));
  return (ip) => {
    const turn = turns.get(isIP(ip));
    return turn?.own[turn.next++ % turn.own.length] ?? null;
  };
}

function ofFamily(family: number, sources: readonly string[]): readonly string[] {
  return sources.filter((source) => isIP(source) === family);
}

/** All sources that can connect to `ip`. Undefined among them: the system chooses. */
export function sourcesFor(ip: string, sources: readonly string[]): readonly (string | undefined)[] {
  return sources.length === 0 ? [undefined] : ofFamily(isIP(ip), sources);
}

/** The addresses that a source can connect to; all if there are none, so that the failure is reported. */
export function fitting(ips: readonly string[], sources: readonly string[]): readonly string[] {
  const found = ips.filter((ip) => sourcesFor(ip, sources).length > 0);
  return found.length === 0 ? ips : found;
}

/** The error of a connect without a source. */
export function noSource(): NodeJS.ErrnoException {
  const message = 'Cannot connect: no source address is of the family of the address';
  return Object.assign(new Error(message), { code: 'EADDRNOTAVAIL', syscall: 'bind' });
}
