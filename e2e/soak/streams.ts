// Connections held through every event: each sends a stream of known bytes to an echo backend at a slow pace and checks what
// comes back. A byte lost, doubled or swapped at any moment is detected.
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
  /** Bytes sent and received back. */
  readonly bytes: number;
  /** True once the connection is over, in any way. */
  readonly over: boolean;
  /** Ends the stream cleanly and resolves with the outcome: `ok` is a `fin` without a wrong byte; `ended`: it was over before. */
  finish(): Promise<'ok' | 'ended' | 'reset' | 'short' | 'wrong'>;
}

/** Opens a stream that is known to be open on both sides. */
export async function openStream(t: Owner, port: number, seed: number): Promise<Stream> {
  const client = await connectTo(t, port);
  let ended = false;
  // Without a timeout: only its end must not take long.
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

/** Opens `count` streams with different bytes. */
export function openStreams(t: Owner, port: number, count: number, firstSeed = 1): Promise<Stream[]> {
  return Promise.all(Array.from({ length: count }, (_, i) => openStream(t, port, firstSeed + i)));
}

/** Counts streams that were cut, and asserts that all of them were. A stream cut while idle ends without a reset. */
export async function finishCut(streams: readonly Stream[]): Promise<number> {
  const { ended = 0, reset = 0, short = 0, ...others } = await finishAll(streams);
  assert.deepEqual(others, {});
  return ended + reset + short;
}

/** Ends all streams and counts the outcomes. */
export async function finishAll(streams: readonly Stream[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const how of await Promise.all(streams.map((stream) => stream.finish()))) counts[how] = (counts[how] ?? 0) + 1;
  return counts;
}
