// Which givers' connections no worker should try to take any more, by the path where they are offered.

import { pidOfHandover } from '../../paths.ts';
import type { Log } from '../log/log.ts';
import { logGivenUp } from '../workers/worker-log.ts';

/** Takers that may die: a connection that ends whoever adopts it must not end all. */
const DEATHS = 3;
/** Takers that may fail and live: each may have its own reason. */
const FAILURES = 3;

export interface FailedTakers {
  died(path: string): void;
  /** It has taken nothing. */
  failed(path: string): void;
  kills(path: string): boolean;
  isHopeless(path: string): boolean;
  forget(path: string): void;
  keepOnly(paths: readonly string[]): void;
}

export function createFailedTakers(log: Log): FailedTakers {
  const deaths = new Map<string, number>();
  const failures = new Map<string, number>();
  const kills = (path: string): boolean => (deaths.get(path) ?? 0) >= DEATHS;

  return {
    died(path) {
      if (count(deaths, path) === DEATHS) logGivenUp(log, pidOfHandover(path), DEATHS);
    },
    failed: (path) => void count(failures, path),
    kills,
    isHopeless: (path) => kills(path) || (failures.get(path) ?? 0) >= FAILURES,
    forget(path) {
      deaths.delete(path);
      failures.delete(path);
    },
    keepOnly(paths) {
      for (const path of [...deaths.keys(), ...failures.keys()]) if (!paths.includes(path)) this.forget(path);
    },
  };
}

function count(counts: Map<string, number>, path: string): number {
  const now = (counts.get(path) ?? 0) + 1;
  counts.set(path, now);
  return now;
}
