// The duties of bal as the first process of a PID namespace (a container without an init): signals and orphans.

import { loadAddon } from '../../engine/addon.ts';
import { reapOrphans, zombiesOf } from './orphans.ts';

export interface Init {
  close(): void;
}

const SIGNALS = [
  ['SIGTERM', 15],
  ['SIGINT', 2],
] as const;

/** Takes up these duties. Does nothing in any other process. */
export function beInit(): Init {
  if (process.pid !== 1) return { close: () => undefined };
  const forget = SIGNALS.map(([name, number]) => {
    // The kernel ignores these signals for PID 1 unless it has a handler. This one ends the process while bal has none of its own:
    // before the instance starts and after it has stopped.
    const end = (): void => {
      if (process.listenerCount(name) === 1) endNow(128 + number);
    };
    const earlier = process.listeners(name);
    process.on(name, end);
    // Those of bin/bal.ts. Not before there is another one: a signal must not be lost.
    for (const other of earlier) process.off(name, other);
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

/** Ends the process at once, even if a thread of Node's pool hangs. */
export function endNow(exitCode: number): void {
  const loaded = loadAddon();
  if (process.pid === 1 && loaded.ok) loaded.addon.leave(exitCode);
  // SIGTERM would not end PID 1. Without the addon, process.exit() waits for the threads.
  if (process.pid === 1) process.exit(exitCode);
  process.kill(process.pid, 'SIGTERM');
}
