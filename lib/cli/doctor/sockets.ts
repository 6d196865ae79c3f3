// Finds who listens on a port: /proc/net/tcp{,6} lists the sockets, /proc/PID/fd their owners. Linux only; elsewhere, and for
// processes of other users, the owner is unknown.
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { canonicalHost, listenersOverlap } from '../../../config/host.ts';

export interface ListeningSocket {
  /** Canonical: `0.0.0.0`, `::`, `127.0.0.1`. */
  readonly host: string;
  readonly port: number;
  readonly inode: string;
}

export interface Holder {
  readonly pid: number;
  /** As in the shortest output of ps. */
  readonly command: string;
}

/** Returns all listening sockets; null if unknown. Each socket in TIME_WAIT is a line too: 50,000 of them take a tenth of a second. */
export function listeningSockets(): ListeningSocket[] | null {
  const tables = [read('/proc/net/tcp'), read('/proc/net/tcp6')];
  if (tables.every((text) => text === null)) return null;
  return tables.flatMap((text) => parseListeners(text ?? ''));
}

/** Returns those of `sockets` on this port whose address collides with `host`. */
export function listenersOn(host: string, port: number, sockets: readonly ListeningSocket[]): ListeningSocket[] {
  const wanted = canonicalHost(host);
  return sockets.filter((socket) => socket.port === port && listenersOverlap(socket.host, wanted));
}

/** Returns the listening sockets in the text of /proc/net/tcp or tcp6. */
export function parseListeners(text: string): ListeningSocket[] {
  return [...text.matchAll(LISTENING)].map(([, hex = '', port = '', inode = '']) => {
    return { host: hostOf(hex), port: Number.parseInt(port, 16), inode };
  });
}

/** 0A is TCP_LISTEN. */
const LISTENING = /^ *\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) [0-9A-F:]+ 0A (?:[0-9A-F:]+ +){5}(\d+)/gm;

/** Addresses are printed as 32-bit words in host byte order; all our platforms are little-endian. */
function hostOf(hex: string): string {
  const words = Array.from({ length: hex.length / 8 }, (_, i) => {
    return [...Buffer.from(hex.slice(i * 8, i * 8 + 8), 'hex')].toReversed();
  });
  const [first] = words;
  if (words.length === 1 && first !== undefined) return first.join('.');
  const groups = words.flatMap(([a = 0, b = 0, c = 0, d = 0]) => [a * 256 + b, c * 256 + d]);
  return canonicalHost(groups.map((group) => group.toString(16)).join(':'));
}

/** Returns which of `pids` (by default all readable processes) hold one of these sockets. */
export function holdersOf(sockets: readonly ListeningSocket[], pids: readonly number[] = allPids()): Holder[] {
  const names = new Set(sockets.map(({ inode }) => `socket:[${inode}]`));
  return pids
    .filter((pid) => descriptorsOf(pid).some((target) => names.has(target)))
    .map((pid) => ({ pid, command: (read(`/proc/${pid}/comm`) ?? '?').trim() }));
}

function allPids(): number[] {
  try {
    return readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry))
      .map(Number);
  } catch {
    return [];
  }
}

function descriptorsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
      } catch {
        return []; // closed since readdir
      }
    });
  } catch {
    return []; // gone, or another user's
  }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
