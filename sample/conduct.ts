// The current behaviour of a sample backend, and its only owner. The listener and the answers ask here. Whoever controls the backend
// (flags, stdin, control port) changes it here.
import { parseBehaviour, type Behaviour } from './behaviour.ts';

export interface Conduct {
  readonly now: Behaviour;
  /** Returns once the new behaviour is in effect, so that a test may rely on it. */
  change(next: Behaviour): Promise<void>;
  /** Parses and applies a behaviour. False when the words name none. */
  say(words: string): Promise<boolean>;
  /** Waits while the backend stalls. */
  released(): Promise<void>;
}

/** `apply` makes the listener behave so: opens it, closes it, resets open connections. */
export function conduct(first: Behaviour, apply: (next: Behaviour) => Promise<void>): Conduct {
  let now = first;
  let held: (() => void)[] = [];
  const change = async (next: Behaviour): Promise<void> => {
    now = next;
    await apply(next);
    if (next.kind === 'stall') return;
    const free = held;
    held = [];
    for (const release of free) release();
  };
  return {
    get now() {
      return now;
    },
    change,
    async say(words) {
      const next = parseBehaviour(words);
      if (next === null) return false;
      await change(next);
      return true;
    },
    released: () => (now.kind === 'stall' ? new Promise((resolve) => held.push(resolve)) : Promise.resolve()),
  };
}
