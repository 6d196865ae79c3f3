// bal as the first process of a PID namespace (a container without an init): what is different for it.

import { loadAddon } from '../../engine/addon.ts';
import { reapOrphans, zombiesOf } from './orphans.ts';

export interface Init {
  close(): void;
}

const SIGNALS = { SIGTERM: 15, SIGINT: 2 } as const;

/** What only the first process has to do; for another one, nothing. */
export function beInit(): Init {
  if (process.pid !== 1) return { close: () => undefined };
  const forget = Object.entries(SIGNALS).map(([name, number]) => {
    // It ends other processes that do not mind it, and to the first one it does nothing: until bal minds it, and when it minds it
    // no longer, somebody has to.
    const end = (): void => {
      if (process.listenerCount(name) === 1) endNow(128 + number);
    };
    process.on(name, end);
    return () => process.off(name, end);
  });
  const loaded = loadAddon();
  const orphans = loaded.ok
    ? reapOrphans({ zombies: () => zombiesOf(1), reap: (pid) => void loaded.addon.reap(pid) })
    : null;
  return {
    close() {
      orphans?.close();
      forget.forEach((one) => one());
    },
  };
}

/** Whatever hangs in a thread of Node's. */
export function endNow(exitCode: number): void {
  const loaded = loadAddon();
  if (process.pid === 1 && loaded.ok) loaded.addon.leave(exitCode);
  // For the first process it is nothing, and there the exit waits for the threads.
  if (process.pid === 1) process.exit(exitCode);
  process.kill(process.pid, 'SIGTERM');
}
