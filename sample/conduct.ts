// What a sample backend does right now: the one owner of its behaviour. The listener and the answers ask here; whoever
// controls the backend (flags, stdin, control port) changes it here.
import { parseBehaviour, type Behaviour } from './behaviour.ts';

export interface Conduct {
  readonly now: Behaviour;
  /** Returns once the new behaviour is in effect, so that a test may rely on it. */
  change(next: Behaviour): Promise<void>;
  /** The same from words; false when they name no behaviour. */
  say(words: string): Promise<boolean>;
  /** Waits while the backend stalls. */
  released(): Promise<void>;
}

/** `apply` makes a behaviour true for the listener: opens it, closes it, resets what is open. */
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
