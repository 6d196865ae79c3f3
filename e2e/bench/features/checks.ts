// Measures what health checks cost: a bal and an haproxy without clients, both with as many checks, at the same time.
import { setTimeout as pause } from 'node:timers/promises';
import type { Options } from '../options.ts';
import { fineCpuSecondsOf } from '../process-tree.ts';
import { haproxy } from '../proxies/haproxy.ts';
import { hasSeenBackends, startProxy, type Surroundings } from '../running.ts';
import { type Spread, spread } from '../statistics.ts';
import { bal } from './features.ts';

const INTERVAL_MS = 100;
/** For each of the two. */
export const CHECKED = 80;
export const CHECKS_PER_SECOND = (CHECKED * 1000) / INTERVAL_MS;

export interface CheckFigures {
  /** As a multiple of haproxy's CPU. */
  readonly cpu: Spread | null;
  /** Percent of a core. */
  readonly bal: Spread | null;
  readonly haproxy: Spread | null;
}

const settings = {
  runtime: { health_check_interval_ms: INTERVAL_MS, health_check_up_interval_ms: INTERVAL_MS },
};

export async function measureChecks(
  backends: readonly [bal: readonly number[], haproxy: readonly number[]],
  around: Surroundings,
  { features: { checkRounds, checkSeconds } }: Options,
  say: (line: string) => void,
): Promise<CheckFigures> {
  const values: [bal: number, haproxy: number][] = [];
  const it = await startProxy(
    bal('checks', () => settings),
    backends[0],
    around,
  );
  try {
    await hasSeenBackends(it);
    const other = await startProxy(
      haproxy('', () => ({ server: ` check inter ${INTERVAL_MS}ms` })),
      backends[1],
      around,
    );
    try {
      const pids = [it.pid ?? 0, other.pid ?? 0] as const;
      const look = () => [performance.now() / 1000, ...pids.map(fineCpuSecondsOf)] as const;
      // The first seconds belong to the start and to compilers.
      await pause(checkSeconds * 2000);
      for (let round = 0; round < checkRounds; round++) {
        const [began, balBefore = 0, haproxyBefore = 0] = look();
        await pause(checkSeconds * 1000);
        const [ended, balAfter = 0, haproxyAfter = 0] = look();
        const percent = (seconds: number): number => (100 * seconds) / (ended - began);
        values.push([percent(balAfter - balBefore), percent(haproxyAfter - haproxyBefore)]);
        say(
          `checks ${round}: ${values
            .at(-1)
            ?.map((value) => value.toFixed(2))
            .join(' and ')} % of a core`,
        );
      }
    } finally {
      await other.stop();
    }
  } finally {
    await it.stop();
  }
  return {
    cpu: spread(values.map(([ours, theirs]) => ours / theirs)),
    bal: spread(values.map(([ours]) => ours)),
    haproxy: spread(values.map(([, theirs]) => theirs)),
  };
}
