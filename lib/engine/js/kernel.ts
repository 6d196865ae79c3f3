// Asks the Linux kernel how much open sockets still have to deliver and how much lies unread. Node cannot query a
// single socket (SIOCOUTQ, TCP_INFO). The kernel's tables of all sockets say it too, but must be read whole. So many
// sockets are looked up at once, and only when one is to be judged.

import { existsSync, fstatSync, readFileSync } from 'node:fs';

/** `n: local remote state sending:unread timer retransmits uid timeout inode …` */
const LINE = /^ *\d+: \S+ \S+ (..) (\S+) \S+ \S+ +\d+ +\d+ (\d+)/;
/** States after the peer's FIN, which counts as one unread byte. */
const FIN_HAS_COME = new Set(['08', '09', '0B']);

export interface Queues {
  /** Bytes handed to the kernel that the peer has not acknowledged. */
  readonly sending: number;
  /** Bytes received and not read. */
  readonly unread: number;
}

/**
 * The queues of open sockets by descriptor, without those that the peer has reset. Null where the kernel does not tell.
 */
export function queuesOf(fds: Iterable<number>): ReadonlyMap<number, Queues> | null {
  try {
    const byInode = new Map(Array.from(fds, (fd) => [String(fstatSync(fd).ino), fd]));
    const found = new Map<number, Queues>();
    for (const line of [...lines('/proc/net/tcp'), ...ipv6Lines()]) {
      const [, state = '', queued = '', inode = ''] = LINE.exec(line) ?? [];
      const fd = byInode.get(inode);
      if (fd !== undefined) found.set(fd, queues(state, queued));
    }
    return found;
  } catch {
    return null; // Not Linux, no /proc, or no descriptor left to read it.
  }
}

function lines(table: string): string[] {
  return readFileSync(table, 'latin1').split('\n');
}

function ipv6Lines(): string[] {
  return existsSync('/proc/net/tcp6') ? lines('/proc/net/tcp6') : [];
}

function queues(state: string, queued: string): Queues {
  const [sending = 0, unread = 0] = queued.split(':').map((digits) => Number.parseInt(digits, 16));
  return { sending, unread: FIN_HAS_COME.has(state) && unread > 0 ? unread - 1 : unread };
}
