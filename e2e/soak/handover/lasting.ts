// Long-lived connections of every kind: silent, talking, streaming, with full buffers, and half-closed by either side. Each
// checks every byte it receives, and its backend every byte the client sends.
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Owner } from '../../../lib/testing/owner.ts';
import { atEnd } from '../../../lib/testing/owner.ts';
import { within } from '../../../lib/testing/until.ts';
import { backend, type Backend } from '../../harness/backend.ts';
import { echo, pour } from '../../harness/behaviours.ts';
import { ending } from '../../harness/ending.ts';
import { PatternCheck, pattern, patternAt } from '../../harness/pattern.ts';

export const KINDS = ['idle', 'talks', 'streams', 'slow', 'client_ended', 'backend_ended'] as const;
export type Kind = (typeof KINDS)[number];

/** The outcome; `cut`: it ended too early. */
export type Fate = 'ok' | 'cut' | 'wrong';

export interface Lasting {
  readonly kind: Kind;
  /** In any way. */
  readonly isOver: boolean;
  finish(): Promise<Fate>;
  /** Closes the descriptor of a connection that is over. */
  drop(): void;
}

const SLICE = { idle: 64, talks: 64, streams: 16_384, backend_ended: 512 } as const;
const PACE_MS = { talks: 1000, streams: 500, slow: 2000, backend_ended: 1000 } as const;
/** More than the kernel and bal buffer for a reader that stands still. */
const POURED = 12 * 1024 * 1024;
const ANSWER = 50_000;
const SEED_BYTES = 4;
const END_MS = 60_000;

export interface Scenery {
  readonly backends: Readonly<Record<Kind, Backend>>;
  open(kind: Kind, port: number): Promise<Lasting>;
  /** Lets backends answer clients that have ended. */
  release(): void;
}

export async function scenery(t: Owner): Promise<Scenery> {
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  /** Bytes received by a backend that has ended, by the connection's seed. */
  const receivedBytes = new Map<number, { readonly check: PatternCheck; readonly over: Promise<unknown> }>();
  let seeds = 0;

  /** A connection begins with its seed, then its stream. */
  function withSeed(socket: Socket, known: (seed: number, rest: Buffer) => void): void {
    let first = Buffer.alloc(0);
    const listen = (chunk: Buffer): void => {
      first = Buffer.concat([first, chunk]);
      if (first.length < SEED_BYTES) return;
      socket.off('data', listen);
      known(first.readUInt32LE(), first.subarray(SEED_BYTES));
    };
    socket.on('data', listen);
    socket.resume();
  }

  const backends = {
    idle: await backend(t, echo),
    talks: await backend(t, echo),
    streams: await backend(t, echo),
    slow: await backend(t, (socket) => withSeed(socket, (seed) => pour(socket, seed, POURED))),
    client_ended: await backend(t, (socket) =>
      withSeed(socket, (seed) => {
        socket.once('end', () => void gate.then(() => socket.end(pattern(seed, ANSWER))));
      }),
    ),
    backend_ended: await backend(t, (socket) =>
      withSeed(socket, (seed, rest) => {
        const check = new PatternCheck(seed);
        check.take(rest);
        socket.on('data', (chunk: Buffer) => check.take(chunk));
        receivedBytes.set(seed, { check, over: new Promise((resolve) => socket.once('end', resolve)) });
        socket.end(pattern(seed, ANSWER));
      }),
    ),
  };

  async function open(kind: Kind, port: number): Promise<Lasting> {
    const seed = ++seeds;
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    atEnd(t, () => socket.destroy());
    const check = new PatternCheck(seed);
    let how: string | null = null;
    let sent = 0;
    let isFinishing = false;
    let wake = (): void => undefined;
    const over = ending(socket).then((its) => {
      how = its;
      wake();
    });
    socket.on('data', (chunk: Buffer) => {
      check.take(chunk);
      wake();
    });

    async function receives(bytes: number): Promise<void> {
      while (check.received < bytes && how === null) await new Promise<void>((resolve) => (wake = resolve));
    }
    async function says(bytes: number): Promise<void> {
      const slice = patternAt(seed, sent, bytes);
      sent += bytes;
      if (!socket.write(slice) && how === null)
        await Promise.race([over, new Promise((done) => socket.once('drain', done))]);
    }
    /** If the backend has ended, only a reset counts. */
    const isOver = (): boolean => (kind === 'backend_ended' ? socket.destroyed : how !== null);

    /** Repeats `act` until the connection is to end. */
    async function goOn(act: () => Promise<void>, ms: number): Promise<void> {
      // Not all at once.
      await pause(Math.random() * ms);
      while (!isFinishing && !isOver()) {
        await act();
        await pause(ms);
      }
    }
    /** A client that does not read does not notice the end. */
    async function sips(): Promise<void> {
      socket.resume();
      await receives(check.received + 1);
      if (!isFinishing) socket.pause();
    }
    const named = Buffer.alloc(SEED_BYTES);
    named.writeUInt32LE(seed);
    let running: Promise<void> = Promise.resolve();
    const exchange = async (size: number): Promise<void> => {
      await says(size);
      await receives(sent);
    };

    switch (kind) {
      case 'idle':
        await exchange(SLICE.idle);
        break;
      case 'talks':
      case 'streams':
        await exchange(SLICE[kind]);
        running = goOn(() => exchange(SLICE[kind]), PACE_MS[kind]);
        break;
      case 'slow':
        socket.write(named);
        await receives(1);
        socket.pause();
        running = goOn(sips, PACE_MS.slow);
        break;
      case 'client_ended':
        socket.end(named);
        await new Promise((connected) => socket.once('connect', connected));
        break;
      case 'backend_ended':
        socket.write(named);
        await receives(ANSWER);
        await over;
        running = goOn(() => says(SLICE.backend_ended), PACE_MS.backend_ended);
    }
    const isReset = (): boolean => how === 'reset' || (how !== null && socket.errored !== null);

    /** Whether everything was sent and received. */
    async function isWhole(): Promise<boolean> {
      if (kind === 'idle' || kind === 'talks' || kind === 'streams') {
        await exchange(64);
        if (how !== null) return false;
        socket.end();
        await over;
        return check.received === sent;
      }
      if (kind === 'slow') {
        socket.resume();
        await over;
        socket.end();
        return check.received === POURED;
      }
      if (kind === 'client_ended') {
        await over;
        return check.received === ANSWER;
      }
      socket.end();
      const its = receivedBytes.get(seed);
      await its?.over;
      return its?.check.received === sent && its.check.wrongAt === null && check.received === ANSWER;
    }

    return {
      kind,
      get isOver() {
        return isOver();
      },
      drop: () => void socket.destroy(),
      async finish() {
        isFinishing = true;
        await running;
        const wasOver = isOver();
        if (check.wrongAt !== null) return 'wrong';
        if (wasOver) return 'cut';
        const isRight = await within(`a connection that ${kind} is over`, isWhole(), END_MS).catch(() => false);
        if (check.wrongAt !== null) return 'wrong';
        return isRight && !isReset() ? 'ok' : 'cut';
      },
    };
  }

  return { backends, open, release: () => release() };
}

/** Percentage of each kind. */
const SHARES: Readonly<Record<Kind, number>> = {
  idle: 45,
  talks: 25,
  streams: 8,
  slow: 2,
  client_ended: 10,
  backend_ended: 10,
};

/** Opens `count` connections of all kinds, a hundred at a time. */
export async function openAll(
  scene: Scenery,
  ports: Readonly<Record<Kind, number>>,
  count: number,
): Promise<Lasting[]> {
  const kinds = KINDS.flatMap((kind) => Array.from({ length: Math.max(1, (count * SHARES[kind]) / 100) }, () => kind));
  const all: Lasting[] = [];
  for (let i = 0; i < kinds.length; i += 100) {
    all.push(...(await Promise.all(kinds.slice(i, i + 100).map((kind) => scene.open(kind, ports[kind])))));
  }
  return all;
}

/** Ends all connections and counts the outcomes. */
export async function fates(scene: Scenery, all: readonly Lasting[]): Promise<Record<Fate, number>> {
  scene.release();
  const counts = { ok: 0, cut: 0, wrong: 0 };
  for (const fate of await Promise.all(all.map((it) => it.finish()))) counts[fate]++;
  return counts;
}
