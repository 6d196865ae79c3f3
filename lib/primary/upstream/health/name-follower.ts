// Follows a backend's name: resolves it again when its records expire, and at once when the backend refuses.

import { isLiteral } from '../../../../config/unix.ts';
import type { Resolver } from '../discovery/resolver.ts';

export interface NameFollower {
  /** Resolves the name again, because it may have changed. */
  again(): void;
  stop(): void;
}

export interface NameFollowerParts {
  readonly resolver: Pick<Resolver, 'fresh' | 'lifeLeft'>;
  /** The name is resolved again after this time, or earlier if its records expire. */
  readonly maxAgeMs: () => number;
  /** Called with each good answer. */
  readonly found: (ips: readonly string[]) => void;
  /** Called with each failure. */
  readonly lost: () => void;
}

/** An answer younger than this is good enough for again(). */
const AGAIN_MS = 1000;
/** A timer may fire a fraction of a millisecond early; the record would still be good, and the next look a second away. */
const LATE_MS = 2;

/** Starts at once. Does nothing for a literal address. */
export function followName(host: string, { resolver, maxAgeMs, found, lost }: NameFollowerParts): NameFollower {
  let timer: NodeJS.Timeout | undefined;
  let asking = false;
  let waiting = false;
  let answers = 0;
  let stopped = isLiteral(host);

  async function follow(maxAge: number): Promise<void> {
    if (asking || stopped) return;
    asking = true;
    clearTimeout(timer);
    const resolution = await resolver.fresh(host, maxAge);
    asking = false;
    answers++;
    if (!stopped) {
      if (resolution.ok) found(resolution.ips);
      else lost();
    }
    await plan();
  }

  /** Sets the timer when the name server has told the lifetime, which may take seconds. */
  async function plan(): Promise<void> {
    if (waiting) return;
    waiting = true;
    let ms: number;
    let seen: number;
    do {
      seen = answers;
      ms = await resolver.lifeLeft(host, maxAgeMs());
    } while (seen !== answers);
    waiting = false;
    clearTimeout(timer);
    if (!stopped && !asking) timer = setTimeout(() => void follow(maxAgeMs()), ms + LATE_MS);
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
