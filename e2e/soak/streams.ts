// Connections that are held through whatever happens: each sends a stream whose every byte is known to an echo backend,
// at a leisurely pace, and checks what comes back. A byte lost, doubled or swapped at any moment shows.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { connectTo } from '../harness/client.ts';
import { ending } from '../harness/ending.ts';
import type { Owner } from '../../lib/testing/owner.ts';
import { PatternCheck, patternAt } from '../harness/pattern.ts';
import { within } from '../../lib/testing/until.ts';

const SLICE = 2048;
const PACE_MS = 25;
const END_MS = 60_000;

export interface Stream {
  /** Bytes that have gone there and back. */
  readonly bytes: number;
  /** True once the connection is over, in whatever way. */
  readonly over: boolean;
  /** Ends the stream in order; settles when it is over: `fin` and no wrong byte, or what happened instead (`ended`: before). */
  finish(): Promise<'ok' | 'ended' | 'reset' | 'short' | 'wrong'>;
}

/** Opens a stream; it is known to be open on both sides when this returns. */
export async function openStream(t: Owner, port: number, seed: number): Promise<Stream> {
  const client = await connectTo(t, port);
  let ended = false;
  // However long it is held: what must not take long is its end.
  const over = ending(client.socket).then((how) => {
    ended = true;
    return how;
  });
  const check = new PatternCheck(seed);
  let sent = 0;
  let finishing = false;
  const exchange = async (): Promise<void> => {
    const slice = patternAt(seed, sent, SLICE);
    await client.send(slice);
    sent += slice.length;
    check.take(await client.reads(slice.length));
  };
  await exchange();
  const running = (async () => {
    while (!finishing && !ended) {
      await exchange();
      await pause(PACE_MS);
    }
  })().catch(() => undefined);
  return {
    get bytes() {
      return check.received;
    },
    get over() {
      return ended;
    },
    async finish() {
      finishing = true;
      await running;
      const endedBefore = ended;
      client.end();
      const how = await within('the stream is over', over, END_MS);
      if (check.wrongAt !== null) return 'wrong';
      if (how !== 'fin') return 'reset';
      if (check.received !== sent) return 'short';
      return endedBefore ? 'ended' : 'ok';
    },
  };
}

/** So many streams, with different bytes. */
export function openStreams(t: Owner, port: number, count: number, firstSeed = 1): Promise<Stream[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => openStream(t, port, firstSeed + i)));
}

/** Of streams that were cut: how many there are, if that is what happened to them all. Cut at rest they end without a reset. */
export async function finishCut(streams: readonly Stream[]): Promise<number> {
  const { ended = 0, reset = 0, short = 0, ...others } = await finishAll(streams);
  assert.deepEqual(others, {});
  return ended + reset + short;
}

/** Ends all; how many ended how. */
export async function finishAll(streams: readonly Stream[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const how of await Promise.all(streams.map((stream) => stream.finish()))) counts[how] = (counts[how] ?? 0) + 1;
  return counts;
}
