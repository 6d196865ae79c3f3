// Reaps orphans. The first process of a PID namespace, like bal in a container without an init, becomes the parent of all orphans,
// which stay zombies until it waits for them. Node waits only for its own children and has no call for others, so bal uses the addon.
//
// It must never reap Node's own children, or the exit code of a worker is lost. Time tells them apart: Node reaps its own in the
// same turn of the loop in which the kernel reports the end. A process that is still a zombie after LOOK_MS of running loop is not
// Node's.

import { readdirSync, readFileSync } from 'node:fs';

export interface Orphans {
  close(): void;
}

export interface OrphansParts {
  /** Zombie children of this process: pid → start time, since the kernel reuses pids. May throw. */
  readonly zombies: () => ReadonlyMap<number, string>;
  readonly reap: (pid: number) => void;
}

export const LOOK_MS = 500;

/** Reaps orphans whenever a child of this process ends. */
export function reapOrphans({ zombies, reap }: OrphansParts): Orphans {
  let timer: NodeJS.Timeout | undefined;
  let before: ReadonlyMap<number, string> = new Map();
  let closed = false;

  function look(): void {
    timer = undefined;
    const now = seen();
    for (const [pid, startedAt] of now ?? []) {
      if (before.get(pid) !== startedAt) continue;
      reap(pid);
      now?.delete(pid);
    }
    before = now ?? before;
    // Let the loop poll the kernel first: two timers that are due may run back to back.
    if (before.size > 0 || now === null) setImmediate(lookSoon);
  }

  /** Null if the zombies cannot be read, for example without a free descriptor. */
  function seen(): Map<number, string> | null {
    try {
      return new Map(zombies());
    } catch {
      return null;
    }
  }

  function lookSoon(): void {
    if (closed) return;
    timer ??= setTimeout(look, LOOK_MS);
    timer.unref();
  }

  process.on('SIGCHLD', lookSoon);
  // Reap earlier zombies too.
  lookSoon();
  return {
    close() {
      closed = true;
      process.off('SIGCHLD', lookSoon);
      clearTimeout(timer);
    },
  };
}

/** Reads the zombies from /proc, which in a container shows only its own processes. */
export function zombiesOf(parent: number): Map<number, string> {
  const found = new Map<number, string>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = statOf(name);
    // A process name may contain spaces and brackets.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' && Number(fields[1]) === parent) found.set(Number(name), fields[19] ?? '');
  }
  return found;
}

function statOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return '';
  }
}
