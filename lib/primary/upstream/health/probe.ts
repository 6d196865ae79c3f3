// One health check of one backend: does one of its addresses accept a connection in time, and answer as expected?

import { connect as connectTcp, isIPv6, type Socket } from 'node:net';
import { interfaceAddresses } from '../../../../config/interfaces.ts';
import { isPath } from '../../../../config/unix.ts';
import { failureOf } from '../../../engine/failure.ts';
import { hangUp } from '../../../hang-up.ts';
import type { ConnectFailure } from '../../../engine/engine.ts';
import type { TcpChecks } from '../../../engine/tcp-checks.ts';
import type { TcpRounds } from '../../../engine/tcp-rounds.ts';
import type { NextSource } from '../../../engine/source.ts';
import { ask } from './question/dialogue.ts';
import type { Question } from './question/question.ts';
import { isSpare } from './spare.ts';

/** `path` takes precedence. */
export type Connect = (options: { host: string; port: number; path?: string; localAddress?: string }) => Socket;

interface Failure {
  /** `bad_answer`: the connect succeeded. */
  readonly cause: ConnectFailure | 'bad_answer';
  /** More than the cause says, for people; null if there is nothing more. */
  readonly fact: string | null;
}

export type Probed = { readonly ok: true; readonly ip: string } | ({ readonly ok: false } & Failure);

/** Only so many addresses of a name are tried: each costs a descriptor until the check is over. */
export const MAX_ADDRESSES = 8;

/** The open attempts of all probes that share it. Once `signal` is aborted, none is opened; the aborter destroys those that are open. */
export interface Sockets {
  readonly open: Set<Pick<Attempt, 'destroy'>>;
  readonly signal: AbortSignal;
}

/** A connect to one address, and the dialogue on it. */
type Attempt = Pick<Socket, 'connecting' | 'pending' | 'bytesRead'> & { destroy(): void };

/** How connects are made. The last two are used where a bare connect is enough; `tcpRounds` repeats it. */
export interface Ways {
  readonly connect?: Connect | undefined;
  readonly tcpChecks?: TcpChecks | undefined;
  readonly tcpRounds?: TcpRounds | undefined;
}

export interface ProbeOptions {
  readonly port: number;
  /** For connects, question and answer, but not for resolving. */
  readonly timeoutMs: number;
  /** What is sent first; null: nothing. */
  readonly preamble: Uint8Array | null;
  /** null: a connect is enough. */
  readonly question: Question | null;
  /** The source address to use. */
  readonly source: NextSource;
}

/** Whether a connect is all that is asked. */
export function isBare({ preamble, question }: Pick<ProbeOptions, 'preamble' | 'question'>): boolean {
  return question === null && preamble === null;
}

/**
 * Tries `ips` in order. The next one is tried when the previous one fails or its share of `timeoutMs` is over. The first that
 * answers as expected wins. Returns no promise if the result is known at once: a promise and its timer cost as much as the check.
 */
export function probe(
  ips: readonly string[],
  { port, timeoutMs, preamble, question, source }: ProbeOptions,
  { open, signal }: Sockets,
  { connect = connectTcp, tcpChecks }: Ways = {},
): Probed | Promise<Probed> {
  const todo = ips.slice(0, MAX_ADDRESSES);
  const share = timeoutMs / todo.length;
  const pending = new Set<Attempt>();
  const failures: Failure[] = [];
  let nextTry: NodeJS.Timeout | undefined;
  let deadline: NodeJS.Timeout | undefined;
  let result: Probed | null = null;
  let resolve: ((result: Probed) => void) | undefined;

  function resultNow(): Probed | null {
    return result;
  }

  function finish(outcome: Failure | { ip: string }): void {
    clearTimeout(deadline);
    clearTimeout(nextTry);
    const given = [...pending];
    // Clear first, so that their `close` events have no effect.
    pending.clear();
    for (const attempt of given) attempt.destroy();
    // An address that could not even be tried may be the good one.
    const local = failures.find(({ cause }) => cause === 'local');
    result = 'ip' in outcome ? { ok: true, ip: outcome.ip } : { ok: false, ...(local ?? outcome) };
    resolve?.(result);
  }

  /** On timeout: was it still connecting, or waiting for an answer? */
  function lateness(): Failure {
    const connected = [...pending].filter(({ connecting, pending: isUnconnected }) => !connecting && !isUnconnected);
    if (connected.length === 0) return { cause: 'timeout', fact: null };
    const what = connected.some(({ bytesRead }) => bytesRead > 0) ? 'no complete answer' : 'no answer';
    return { cause: 'bad_answer', fact: `${what} within ${timeoutMs} ms` };
  }

  function fail(attempt: Attempt, failure: Failure): void {
    if (!pending.delete(attempt)) return;
    failures.push(failure);
    tryNext();
  }

  function tryNext(): void {
    clearTimeout(nextTry);
    const ip = signal.aborted ? undefined : todo.shift();
    if (ip === undefined) {
      if (pending.size === 0) finish(failures.at(-1) ?? { cause: 'other', fact: null });
      return;
    }
    const localAddress = source(ip);
    if (localAddress === null) {
      failures.push({ cause: 'local', fact: null });
      return tryNext();
    }
    if (tcpChecks !== undefined && isBare({ preamble, question }) && !isPath(ip))
      checkNatively(ip, localAddress, tcpChecks);
    else connectTo(ip, localAddress);
    if (todo.length > 0 && resultNow() === null) nextTry = setTimeout(tryNext, share);
  }

  function checkNatively(ip: string, source: string | undefined, by: TcpChecks): void {
    const check = by.start(ip, port, source, (code) => {
      open.delete(attempt);
      if (code === null) finish({ ip });
      else fail(attempt, { cause: causeOf({ code }, ip), fact: null });
    });
    if (check === 'accepted') return finish({ ip });
    const destroy = (): void => {
      open.delete(attempt);
      by.cancel(check);
      fail(attempt, { cause: 'other', fact: null });
    };
    const attempt = { connecting: true, pending: true, bytesRead: 0, destroy };
    pending.add(attempt);
    open.add(attempt);
  }

  function connectTo(ip: string, localAddress: string | undefined): void {
    const socket = connect({
      host: ip,
      port,
      ...(isPath(ip) && { path: ip }),
      ...(localAddress !== undefined && { localAddress }),
    });
    pending.add(socket);
    open.add(socket);
    // Node opens the descriptor of a TCP socket in the next tick.
    process.nextTick(() => {
      if (!isSpare(socket) || !pending.has(socket)) return;
      fail(socket, { cause: 'local', fact: null });
      socket.destroy();
    });
    socket.once('close', () => {
      open.delete(socket);
      fail(socket, { cause: 'other', fact: null });
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // It was connected and reset before this process looked. A busy machine must not turn that into a failure.
      if (error.code === 'ECONNRESET' && question === null && pending.delete(socket)) finish({ ip });
      fail(socket, { cause: causeOf(error, ip), fact: null });
    });
    socket.once('connect', () => {
      if (!pending.has(socket)) return;
      if (preamble !== null) socket.write(preamble);
      if (question !== null) return converse(socket, question, ip);
      pending.delete(socket);
      hangUp(socket);
      finish({ ip });
    });
  }

  function converse(socket: Socket, asked: Question, ip: string): void {
    ask(socket, asked, (verdict) => {
      if (!verdict.ok) fail(socket, { cause: 'bad_answer', fact: verdict.fact });
      else if (pending.delete(socket)) finish({ ip });
    });
  }

  function wait(): Promise<Probed> {
    deadline = setTimeout(() => finish(lateness()), timeoutMs);
    return new Promise((settle) => {
      resolve = settle;
    });
  }

  tryNext();
  return resultNow() ?? wait();
}

/** `ip` is where the connect went. */
export function causeOf(error: { readonly code?: string | undefined }, ip: string): ConnectFailure {
  // Without any IPv6 on this machine, every IPv6 address gets this error, so it is no sign of exhausted ports.
  if (error.code === 'EADDRNOTAVAIL' && isIPv6(ip) && !hasIPv6()) return 'unreachable';
  return failureOf(error);
}

function hasIPv6(): boolean {
  return interfaceAddresses().some(({ family }) => family === 'IPv6');
}
