// Where a backend's name leads, asked for anew when the time of its records is over, and at once when the backend refuses.

import { isLiteral } from '../../../../config/unix.ts';
import type { Resolver } from '../discovery/resolver.ts';

export interface NameFollower {
  /** It may lead elsewhere by now. */
  again(): void;
  stop(): void;
}

export interface NameFollowerParts {
  readonly resolver: Pick<Resolver, 'fresh' | 'lifeLeft'>;
  /** It is asked for anew after this time, if its records do not live shorter. */
  readonly maxAgeMs: () => number;
  /** A good answer. */
  readonly found: (ips: readonly string[]) => void;
}

/** What is not older is not asked for again. */
const AGAIN_MS = 1000;

/** Begins at once; an address is not followed. */
export function followName(host: string, { resolver, maxAgeMs, found }: NameFollowerParts): NameFollower {
  let timer: NodeJS.Timeout | undefined;
  let asking = false;
  let stopped = isLiteral(host);

  async function follow(maxAge: number): Promise<void> {
    if (asking || stopped) return;
    asking = true;
    clearTimeout(timer);
    const resolution = await resolver.fresh(host, maxAge);
    if (resolution.ok && !stopped) found(resolution.ips);
    const ms = await resolver.lifeLeft(host, maxAgeMs());
    asking = false;
    if (!stopped) timer = setTimeout(() => void follow(maxAgeMs()), ms);
  }

  void follow(maxAgeMs());
  return {
    again: () => void follow(AGAIN_MS),
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
