// Connections that the engine itself ends, idle or cut, end cleanly: with a FIN where nothing is lost by it, and with a
// reset where bytes would be missing in the middle.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CreateEngine } from '../../engine/engine.ts';
import type { EngineName } from './engines.ts';
import { receivePattern, sendPattern } from './pattern.ts';
import { backend, client } from './peer.ts';
import type { Peer } from './peer.ts';
import { rig } from './rig.ts';
import type { Rig } from './rig.ts';
import { standstill, until } from './wait.ts';

/** More than the kernel holds for a reader that does not read, and less. */
const TOO_MUCH = 64 * 1024 * 1024;
const LAST_BYTES = 1024 * 1024;

interface Pair {
  readonly it: Rig;
  readonly peer: Peer;
  readonly other: Peer;
}

/** A relayed connection with one byte sent each way. */
async function pair(t: TestContext, create: CreateEngine, idleMs = 60_000): Promise<Pair> {
  const it = rig(t, create);
  const { port, peer: served } = await backend(t);
  it.engine.route(0, 0, '127.0.0.1', port);
  const peer = await client(t, it.listen(0, { idleMs }));
  const other = await served();
  await peer.send('?').bytes(0);
  await other.bytes(1);
  await other.send('!').bytes(1);
  await peer.bytes(1);
  return { it, peer, other };
}

/** Longer than bytes that have just come count as a transfer in progress. */
const CALM_MS = 2500;

/** Waits until the engine has seen nothing move for that long, during which this process must have run. */
async function calm(): Promise<void> {
  for (;;) {
    const began = performance.now();
    await sleep(CALM_MS);
    if (performance.now() - began < CALM_MS + 250) return;
  }
}

export function leaveTests(create: CreateEngine, name: EngineName): void {
  for (const [reader, counter] of [
    ['backend', 0],
    ['client', 1],
  ] as const) {
    const roles = ({ peer, other }: Pair): [Peer, Peer] => (counter === 0 ? [peer, other] : [other, peer]);

    for (const how of ['cut', 'idle'] as const) {
      for (const ended of [true, false]) {
        const after = ended ? 'the other side has ended' : 'nothing more has come';
        test(`${how}: a ${reader} that has bytes yet to read when ${after} gets them, and an end`, async (t) => {
          const made = await pair(t, create, how === 'idle' ? 500 : 60_000);
          const [from, to] = roles(made);
          to.socket.pause();
          const received = receivePattern(to.socket, 1);
          sendPattern(from.socket, 1, LAST_BYTES, 0, ended);
          // One more for the byte sent earlier.
          await until(() => made.it.engine.bytes[counter] === LAST_BYTES + 1, 'the kernel has all of them');
          if (how === 'cut') {
            await calm();
            assert.equal(made.it.engine.cut({ listener: 0 }), 1);
          }
          assert.equal(await made.it.end(), how);
          made.it.close();
          to.socket.resume();
          assert.equal(await received, LAST_BYTES);
          assert.deepEqual(await Promise.all([to.finish(), from.finish()]), ['end', 'end']);
        });
      }

      test(`${how}: both are reset when bytes for a ${reader} that does not read would be lost`, async (t) => {
        const made = await pair(t, create, how === 'idle' ? 500 : 60_000);
        const [from, to] = roles(made);
        to.socket.pause();
        sendPattern(from.socket, 1, TOO_MUCH);
        await standstill(made.it.engine, counter);
        if (how === 'cut') assert.equal(made.it.engine.cut({ listener: 0 }), 1);
        assert.equal(await made.it.end(), how);
        to.socket.resume();
        assert.deepEqual(await Promise.all([to.finish(), from.finish()]), ['reset', 'reset']);
      });
    }

    test(`cut: a stream to a ${reader} that is in the middle never looks complete`, async (t) => {
      for (let i = 0; i < 5; i++) {
        const made = await pair(t, create);
        const [from, to] = roles(made);
        sendPattern(from.socket, 1, 1024 * TOO_MUCH);
        await until(() => to.received > LAST_BYTES, 'it flows');
        assert.equal(made.it.engine.cut({ listener: 0 }), 1);
        assert.equal(await to.finish(), 'reset');
        from.socket.destroy();
      }
    });

    test(`cut: nor does one that comes to a ${reader} in small pieces, of which none waits`, async (t) => {
      const made = await pair(t, create);
      const [from, to] = roles(made);
      const timer = setInterval(() => from.send(Buffer.alloc(1000)), 1);
      t.after(() => clearInterval(timer));
      await until(() => to.received > 20_000, 'it flows');
      clearInterval(timer);
      const sent = from.socket.bytesWritten;
      await until(() => to.received === sent, 'nothing waits');
      assert.equal(made.it.engine.cut({ listener: 0 }), 1);
      assert.equal(await to.finish(), 'reset');
    });

    test(`cut: what a ${reader} is sent and nobody has read yet is passed on, or both are reset`, async (t) => {
      const made = await pair(t, create);
      const [from, to] = roles(made);
      from.send('words');
      assert.equal(made.it.engine.cut({ listener: 0 }), 1);
      const ends = await Promise.all([to.finish(), from.finish()]);
      if (name === 'native') assert.equal(to.text.slice(1), 'words');
      assert.deepEqual(ends, name === 'native' ? ['end', 'end'] : ['reset', 'reset']);
    });

    test(`cut: the reset of the other side of a ${reader} that nobody has read yet is passed on`, async (t) => {
      const made = await pair(t, create);
      const [from, to] = roles(made);
      from.reset();
      made.it.engine.cut({ listener: 0 });
      assert.equal(await to.finish(), 'reset');
    });
  }

  test('cut: an end that nobody has read yet is one all the same', async (t) => {
    const { it, peer, other } = await pair(t, create);
    peer.send(' words').end();
    await until(() => it.engine.bytes[0] === 7, 'they are passed on');
    it.engine.cut({ listener: 0 });
    assert.deepEqual(await Promise.all([peer.finish(), other.finish()]), ['end', 'end']);
    assert.equal(other.text, '? words');
  });
}
