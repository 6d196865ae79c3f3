// Socket activation: takes the sockets that a service manager passes (sd_listen_fds(3): LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES).
// Checks each descriptor first. One that is not a listening stream socket is reported and closed.

import { closeSync, readlinkSync } from 'node:fs';

import type { Diagnosis } from '../../control/protocol.ts';
import type { Inherited } from './listeners.ts';
import { readSocketTables, type SocketTables } from './socket-tables.ts';

export interface Passed {
  readonly sockets: readonly Inherited[];
  /** One message for each socket that cannot be used. */
  readonly faults: readonly string[];
}

/** The first descriptor: SD_LISTEN_FDS_START. */
const FIRST = 3;
/** More than the listeners of 64 services. */
const MAX_SOCKETS = 256;
const VARIABLES = ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES'];

export const NOTHING_PASSED: Passed = { sockets: [], faults: [] };

/** Whether sockets are passed to this process. */
export function isPassed({ LISTEN_FDS: count, LISTEN_PID: whose }: NodeJS.ProcessEnv): boolean {
  return count !== undefined && whose === String(process.pid);
}

/** Takes the passed sockets, once: it deletes the variables, so that no child process takes them for its own. */
export function takePassed(environment: NodeJS.ProcessEnv, pid = process.pid): Passed | Diagnosis {
  const { LISTEN_FDS: count, LISTEN_PID: whose, LISTEN_FDNAMES: names = '' } = environment;
  for (const name of VARIABLES) delete environment[name];
  // The variables were meant for another process, whose environment was inherited.
  if (count === undefined || whose !== String(pid)) return NOTHING_PASSED;
  if (!/^\d{1,9}$/.test(count) || Number(count) > MAX_SOCKETS) return wrongCount(count);
  const named = names.split(':');
  const tables = readSocketTables();
  const seen = new Set<string>();
  const found = Array.from({ length: Number(count) }, (_, i) => {
    const it = look(FIRST + i, named[i] ?? '', tables);
    if (typeof it === 'string') return it;
    // The kernel would spread clients over both sockets, and nobody would accept those of the second.
    if (seen.has(it.address)) return `${it.address} is passed twice (ReusePort= is not for bal)`;
    seen.add(it.address);
    return it;
  });
  return {
    sockets: found.flatMap((it) => (typeof it === 'string' ? [] : [it])),
    faults: found.flatMap((it) => (typeof it === 'string' ? [it] : [])),
  };
}

/**
 * Returns the descriptor with its address, or what is wrong with it after closing it if it is a socket. Sockets of another network
 * namespace cannot be looked up.
 */
function look(fd: number, name: string, { listeningAt }: SocketTables): Inherited | string {
  const what = `descriptor ${fd}${name === '' ? '' : ` (${JSON.stringify(name.slice(0, 255))})`}`;
  let link: string;
  try {
    link = readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return `${what} is not open`;
  }
  const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1];
  // Leave it open: if fewer sockets were passed than LISTEN_FDS says, it may be Node's own.
  if (inode === undefined) return `${what} is no socket`;
  const address = listeningAt(inode);
  if (address !== null) return { address, fd, isPassed: true };
  closeSync(fd);
  return `${what} is no stream socket that listens in this network namespace; Accept=yes and datagrams are not for bal`;
}

function wrongCount(count: string): Diagnosis {
  return {
    what_happened: `LISTEN_FDS is ${JSON.stringify(count.slice(0, 40))}: expected how many sockets are passed, at most ${MAX_SOCKETS}`,
    why_likely: 'something else than a service manager has set it, or a socket unit with far too many addresses',
    do_this_now: "correct the socket unit ('systemctl cat bal.socket'), or unset LISTEN_FDS",
  };
}
