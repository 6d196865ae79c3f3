// Looks up where the sockets of this network namespace listen, by inode (proc_pid_net(5)). Node cannot query a descriptor.

import { closeSync, openSync, readSync } from 'node:fs';
import { endianness } from 'node:os';

import { canonicalHost } from '../../../config/host.ts';
import { addressOf } from '../../../config/plan.ts';

export interface SocketTables {
  /** `ip:port` or `unix:/path` of a listening stream socket; null if it is not one or is unknown. */
  readonly listeningAt: (inode: string) => string | null;
}

/** Listening sockets come first, with 150 bytes each. */
const MAX_BYTES = 4 * 1024 * 1024;
const TCP_LISTEN = '0A';
/** __SO_ACCEPTCON, and SOCK_STREAM. */
const UNIX_LISTENS = 0x10000;
const UNIX_STREAM = '0001';

export function readSocketTables(read = readStart): SocketTables {
  const found = new Map<string, string>();
  for (const [file, addressIn] of [
    ['/proc/net/tcp', tcpAddress],
    ['/proc/net/tcp6', tcpAddress],
    ['/proc/net/unix', unixAddress],
  ] as const) {
    for (const line of read(file).split('\n').slice(1)) {
      const entry = addressIn(line);
      if (entry !== null) found.set(entry.inode, entry.address);
    }
  }
  return { listeningAt: (inode) => found.get(inode) ?? null };
}

interface Entry {
  readonly inode: string;
  readonly address: string;
}

/** `  0: 0100007F:2449 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000  0 12345 …` */
function tcpAddress(line: string): Entry | null {
  const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
  const [hex = '', port = ''] = local.split(':');
  if (state !== TCP_LISTEN || !/^([0-9A-F]{8}|[0-9A-F]{32})$/.test(hex)) return null;
  return { inode, address: addressOf(ipOf(hex), Number.parseInt(port, 16)) };
}

/** Parses words of 32 bits in host byte order. */
function ipOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => {
    const inOrder = [...Buffer.from(word, 'hex')];
    return endianness() === 'LE' ? inOrder.toReversed() : inOrder;
  });
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  return canonicalHost(groups.join(':'));
}

/** `0000000000000000: 00000002 00000000 00010000 0001 01 12345 /run/app.sock` */
function unixAddress(line: string): Entry | null {
  const [, flags = '', type, inode = '', path = ''] =
    /^\S+ \S+ \S+ ([0-9A-F]{8}) ([0-9A-F]{4}) \S+ +(\d+) (\/.*)$/i.exec(line) ?? [];
  if (type !== UNIX_STREAM || (Number.parseInt(flags, 16) & UNIX_LISTENS) === 0) return null;
  return { inode, address: addressOf(path, 0) };
}

function readStart(file: string): string {
  let fd: number | null = null;
  try {
    fd = openSync(file, 'r');
    const buffer = Buffer.alloc(MAX_BYTES);
    let length = 0;
    for (;;) {
      const bytes = readSync(fd, buffer, length, buffer.length - length, null);
      length += bytes;
      if (bytes === 0) return buffer.toString('utf8', 0, length);
    }
  } catch {
    return ''; // not Linux, or /proc is not mounted
  } finally {
    if (fd !== null) closeSync(fd);
  }
}
