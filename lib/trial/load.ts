// Closed-loop clients of an echo service and their results: every byte that comes back is compared.

import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

import { deferred } from '../deferred.ts';

/**
 * visits: connect, ask once, close, repeat. talks: connections stay and ask repeatedly. streams: as many bytes as possible.
 * rest: one question, then silence.
 */
export const MODES = ['visits', 'talks', 'streams', 'rest'] as const;
export type Mode = (typeof MODES)[number];

/**
 * refused: no connection; reset, ended: in the middle; wrong: other bytes came back; late: none within PATIENCE_MS. short: this
 * machine had no port or descriptor for the client, so it never reached a server.
 */
export const LOSSES = ['refused', 'reset', 'ended', 'wrong', 'late', 'short'] as const;
export type Loss = (typeof LOSSES)[number];

export interface LoadOptions {
  readonly mode: Mode;
  readonly port: number;
  readonly clients: number;
  /** Between two questions of a client. */
  readonly pauseMs: number;
}

export interface LoadResult {
  readonly seconds: number;
  /** Answered questions. */
  readonly done: number;
  /** Bytes that came back. */
  readonly bytes: number;
  /** Latency of a question over an open connection. */
  readonly p50_us: number | null;
  readonly p99_us: number | null;
  readonly lost: Readonly<Record<Loss, number>>;
}

const PATIENCE_MS = 10_000;
const QUESTION_BYTES = 64;
const STREAM_BYTES = 64 * 1024;
/** Limits concurrent initial connects: more would overflow the accept queue and retry a second later. */
const RAMP = 64;
const MAX_SAMPLES = 500_000;
/** Retry delay, so as not to storm a server that refuses. */
const AGAIN_MS = 20;

export interface Load {
  /** Resolves when every client has had its first answer. */
  readonly ready: Promise<void>;
  /** Waits for the answers to pending questions. */
  stop(): Promise<LoadResult>;
}

export function startLoad({ mode, port, clients, pauseMs }: LoadOptions): Load {
  const startedAt = performance.now();
  const lost: Record<Loss, number> = { refused: 0, reset: 0, ended: 0, wrong: 0, late: 0, short: 0 };
  const samples: number[] = [];
  let done = 0;
  let bytes = 0;
  let isOver = false;
  const sleepers = new Set<() => void>();

  function pause(ms: number): Promise<void> {
    if (isOver) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        sleepers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      sleepers.add(wake);
    });
  }

  /** Runs one connection to its end and calls `first` at its first answer. Returns how it was lost. */
  function connection(first: () => void): Promise<Loss | null> {
    return new Promise((resolve) => {
      const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
      const question = randomBytes(mode === 'streams' ? STREAM_BYTES : QUESTION_BYTES);
      let at = 0;
      let askedAt = 0;
      let isAsking = false;
      let isConnected = false;
      let patience: NodeJS.Timeout | undefined;

      const end = (loss: Loss | null): void => {
        clearTimeout(patience);
        socket.removeAllListeners();
        socket.on('error', () => undefined);
        if (loss === null) socket.end().resume();
        else socket.destroy();
        sleepers.delete(leave);
        resolve(loss);
      };
      /** Closes the connection unless an answer is pending. */
      const leave = (): void => {
        if (!isAsking) end(null);
      };
      const wait = (): void => {
        clearTimeout(patience);
        patience = setTimeout(() => end('late'), PATIENCE_MS);
      };
      const ask = (): void => {
        isAsking = true;
        askedAt = performance.now();
        at = 0;
        socket.write(question);
        wait();
      };
      const answered = (): void => {
        clearTimeout(patience);
        isAsking = false;
        done++;
        if (isConnected && samples.length < MAX_SAMPLES) samples.push(performance.now() - askedAt);
        isConnected = true;
        first();
        if (mode === 'visits' || isOver) return end(null);
        if (mode === 'rest') return;
        if (pauseMs === 0) return ask();
        void pause(pauseMs).then(() => (socket.destroyed ? undefined : isOver ? leave() : ask()));
      };

      wait();
      socket.once('connect', ask);
      socket.on('data', (chunk) => {
        bytes += chunk.length;
        if (!chunk.equals(question.subarray(at, at + chunk.length))) return end('wrong');
        at += chunk.length;
        if (at === question.length) answered();
      });
      socket.on('end', () => end('ended'));
      socket.on('error', (error: NodeJS.ErrnoException) => end(lossOf(error)));
      socket.on('close', () => end('ended'));
      if (mode === 'rest') sleepers.add(leave);
    });
  }

  async function client(first: () => void): Promise<void> {
    while (!isOver) {
      const loss = await connection(first);
      if (loss !== null) lost[loss]++;
      const ms = loss === null ? pauseMs : Math.max(pauseMs, AGAIN_MS);
      if (ms > 0) await pause(ms);
    }
  }

  const firsts = Array.from({ length: clients }, () => deferred<void>());
  const all = firsts.map(async (first, i) => {
    await firsts[i - RAMP]?.promise;
    await client(() => first.resolve());
    // Release the clients that wait for this one.
    first.resolve();
  });

  return {
    ready: Promise.all(firsts.map(({ promise }) => promise)).then(() => undefined),
    async stop() {
      const seconds = (performance.now() - startedAt) / 1000;
      isOver = true;
      for (const wake of sleepers) wake();
      await Promise.all(all);
      samples.sort((a, b) => a - b);
      return { seconds, done, bytes, p50_us: percentile(samples, 0.5), p99_us: percentile(samples, 0.99), lost };
    },
  };
}

const SHORT = new Set(['EADDRNOTAVAIL', 'EAGAIN', 'EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']);

function lossOf({ code = '' }: NodeJS.ErrnoException): Loss {
  if (SHORT.has(code)) return 'short';
  return code === 'ECONNREFUSED' ? 'refused' : 'reset';
}

/** Takes sorted times in ms; returns µs. */
function percentile(sorted: readonly number[], share: number): number | null {
  const found = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return found === undefined ? null : Math.round(found * 1000);
}

/** Counts losses between client and backend, not those of this machine. */
export function lossesOf(lost: LoadResult['lost']): number {
  return LOSSES.reduce((sum, kind) => sum + (kind === 'short' ? 0 : lost[kind]), 0);
}

export function sumOf(all: readonly LoadResult['lost'][]): LoadResult['lost'] {
  const sum: Record<Loss, number> = { refused: 0, reset: 0, ended: 0, wrong: 0, late: 0, short: 0 };
  for (const lost of all) for (const kind of LOSSES) sum[kind] += lost[kind];
  return sum;
}
