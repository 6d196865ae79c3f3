// The first process of a PID namespace, as bal is in a container without an init, becomes the parent of all that lose theirs, and
// when they end they stay zombies until it asks for their exit code. Node asks for that of its own children only, so for the others
// bal does: by the addon, for Node has no call for it.
//
// Node's own must never be among them, or nobody learns how a worker ended. They are told from the others by time: Node asks for
// its own in the turn of the loop in which the kernel says that one has ended, so what is a zombie still when the loop has turned
// for LOOK_MS is not Node's.

import { readdirSync, readFileSync } from 'node:fs';

export interface Orphans {
  close(): void;
}

export interface OrphansParts {
  /** Zombies whose parent this process is: pid → when it was started, since the kernel uses a pid again. May throw. */
  readonly zombies: () => ReadonlyMap<number, string>;
  readonly reap: (pid: number) => void;
}

export const LOOK_MS = 500;

/** Reaps from now on, whenever a child of this process ends. */
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
    // Not before the loop has asked the kernel: two timers that are due may run one right after the other.
    if (before.size > 0 || now === null) setImmediate(lookSoon);
  }

  /** null: nobody knows, for want of a descriptor. */
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
  // Those from before.
  lookSoon();
  return {
    close() {
      closed = true;
      process.off('SIGCHLD', lookSoon);
      clearTimeout(timer);
    },
  };
}

/** From /proc, which in a container shows no processes but its own. */
export function zombiesOf(parent: number): Map<number, string> {
  const found = new Map<number, string>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = statOf(name);
    // The name of a process may hold spaces and brackets.
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
