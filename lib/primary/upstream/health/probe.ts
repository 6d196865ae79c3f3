// One health check of one backend: can a TCP connection be opened to any of its addresses in time?

import { connect as connectTcp, isIPv6, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { failureOf } from '../../../engine/failure.ts';
import { hangUp } from '../../../hang-up.ts';
import type { ConnectFailure } from '../../../engine/engine.ts';

export type Connect = (options: { host: string; port: number }) => Socket;

export type Probed =
  { readonly ok: true; readonly ip: string } | { readonly ok: false; readonly cause: ConnectFailure };

/** Of a name with more addresses only so many are tried: each costs a descriptor until the check is over. */
const MAX_ADDRESSES = 8;

/** Every socket of the probes that share it. Once `signal` is aborted nothing is opened; who aborts it destroys what is open. */
export interface Sockets {
  readonly open: Set<Socket>;
  readonly signal: AbortSignal;
}

/**
 * Tries `ips` in order, the next one when the one before failed or its share of `timeoutMs` is over; the first that answers
 * wins.
 */
export function probe(
  ips: readonly string[],
  port: number,
  timeoutMs: number,
  { open, signal }: Sockets,
  connect: Connect = connectTcp,
): Promise<Probed> {
  const todo = ips.slice(0, MAX_ADDRESSES);
  const share = timeoutMs / todo.length;
  return new Promise((resolve) => {
    const pending = new Set<Socket>();
    const causes: ConnectFailure[] = [];
    let nextTry: NodeJS.Timeout | undefined;
    const deadline = setTimeout(() => finish('timeout'), timeoutMs);

    function finish(result: ConnectFailure | { ip: string }): void {
      clearTimeout(deadline);
      clearTimeout(nextTry);
      for (const socket of pending) socket.destroy();
      pending.clear();
      if (typeof result === 'object') resolve({ ok: true, ip: result.ip });
      // An address that we could not even try may be the good one.
      else resolve({ ok: false, cause: causes.includes('local') ? 'local' : result });
    }

    function tryNext(): void {
      clearTimeout(nextTry);
      const ip = signal.aborted ? undefined : todo.shift();
      if (ip === undefined) {
        if (pending.size === 0) finish(causes.at(-1) ?? 'other');
        return;
      }
      const socket = connect({ host: ip, port });
      pending.add(socket);
      open.add(socket);
      socket.once('close', () => {
        open.delete(socket);
        if (pending.delete(socket)) tryNext();
      });
      socket.on('error', (error: NodeJS.ErrnoException) => {
        // It was connected, and has reset before this process looked: a busy machine must not make another result of that.
        if (error.code === 'ECONNRESET' && pending.delete(socket)) finish({ ip });
        if (pending.has(socket)) causes.push(causeOf(error, ip));
      });
      socket.once('connect', () => {
        if (!pending.delete(socket)) return;
        hangUp(socket);
        finish({ ip });
      });
      if (todo.length > 0) nextTry = setTimeout(tryNext, share);
    }

    tryNext();
  });
}

function causeOf(error: NodeJS.ErrnoException, ip: string): ConnectFailure {
  // Without any IPv6 on this machine, that is the answer for every IPv6 address and no sign of used up ports.
  if (error.code === 'EADDRNOTAVAIL' && isIPv6(ip) && !hasIPv6()) return 'unreachable';
  return failureOf(error);
}

function hasIPv6(): boolean {
  return Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ family }) => family === 'IPv6'));
}
