// Idle connections are ended; connections with an occasional byte in either direction are not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CreateEngine } from '../../engine/engine.ts';
import { backend, client } from './peer.ts';
import type { Peer } from './peer.ts';
import { rig } from './rig.ts';
import { until } from './wait.ts';

const IDLE_MS = 500;
/** How much the kernel buffers for a reader that does not read, and the rate of a slow reader. */
const IN_KERNEL = 2_500_000;
const BYTES_PER_SECOND = 250_000;
const SLOW_IDLE_MS = 2500;

/** Sends a byte at intervals until the test is over. */
function drip(t: TestContext, peer: Peer): void {
  peer.send('.');
  const timer = setInterval(() => peer.send('.'), 25);
  t.after(() => clearInterval(timer));
}

export function idleTests(create: CreateEngine): void {
  test('a connection without a byte for idleMs is ended on both sides, not before', async (t) => {
    const it = rig(t, create);
    const { port, peer: served } = await backend(t);
    it.engine.route(0, 0, '127.0.0.1', port);
    const peer = await client(t, it.listen(0, { idleMs: IDLE_MS }));
    const other = await served();
    const from = peer.port;
    peer.send('1');
    await other.bytes(1);
    const last = performance.now();
    other.send('2');
    await peer.bytes(1);
    assert.deepEqual(await Promise.all([peer.finish(), other.finish()]), ['end', 'end']);
    assert.ok(performance.now() - last >= IDLE_MS);
    assert.deepEqual(it.ended[0], {
      connection: it.accepted[0],
      end: 'idle',
      bytesIn: 1,
      bytesOut: 1,
      client: `127.0.0.1:${from}`,
    });
  });

  test('bytes in either direction keep a connection, also when the other direction is over', async (t) => {
    const it = rig(t, create);
    const { port, peer: served, peers } = await backend(t);
    it.engine.route(0, 0, '127.0.0.1', port);
    const at = it.listen(0, { idleMs: IDLE_MS });
    const busy: { in: Peer; out: Peer }[] = [];
    for (let i = 0; i < 5; i++) busy.push({ in: await client(t, at), out: await served(i) });
    const [both, inwards, outwards, clientOver, backendOver] = busy;
    if (!both || !inwards || !outwards || !clientOver || !backendOver) throw new Error('Cannot happen: five were made');
    clientOver.in.end();
    await clientOver.out.finish();
    backendOver.out.end();
    await backendOver.in.finish();
    for (const peer of [both.in, both.out, inwards.in, outwards.out, clientOver.out, backendOver.in]) drip(t, peer);
    // Two idle connections, one after the other, show when the busy ones would have been cut.
    for (let i = 0; i < 2; i++) {
      const quiet = await client(t, at);
      assert.equal(await quiet.finish(), 'end');
    }
    assert.deepEqual(
      it.ended.map(({ end }) => end),
      ['idle', 'idle'],
    );
    assert.equal(peers.length, 7);
    assert.equal(it.engine.active, 5);
  });

  test('a connection whose client has ended is idle after idleMs without a byte', async (t) => {
    const it = rig(t, create);
    const { port, peer: served } = await backend(t);
    it.engine.route(0, 0, '127.0.0.1', port);
    const peer = await client(t, it.listen(0, { idleMs: IDLE_MS }));
    peer.end();
    const other = await served();
    assert.equal(await other.finish(), 'end');
    assert.equal(await peer.finish(), 'end');
    assert.equal(await it.end(), 'idle');
  });

  test('a connection whose reader does not read is idle and reset, however much its sender would send', async (t) => {
    const it = rig(t, create);
    const { port, peer: served } = await backend(t);
    it.engine.route(0, 0, '127.0.0.1', port);
    const peer = await client(t, it.listen(0, { idleMs: IDLE_MS }));
    const other = await served();
    other.socket.pause();
    peer.send(Buffer.alloc(100_000_000));
    assert.equal(await peer.finish(), 'reset');
    assert.equal(await it.end(), 'idle');
  });

  for (const [reader, counter] of [
    ['backend', 0],
    ['client', 1],
  ] as const) {
    test(`a ${reader} that still reads what the kernel has is not idle; one that stops is, and gets all`, async (t) => {
      const it = rig(t, create);
      const { port, peer: served } = await backend(t);
      it.engine.route(0, 0, '127.0.0.1', port);
      const peer = await client(t, it.listen(0, { idleMs: SLOW_IDLE_MS }));
      const other = await served();
      const [from, to] = counter === 0 ? [peer, other] : [other, peer];
      to.socket.pause();
      from.send(Buffer.alloc(IN_KERNEL));
      await until(() => it.engine.bytes[counter] === IN_KERNEL, 'the kernel has all of it');
      const began = performance.now();
      let last = began;
      // From here on no byte moves through the engine.
      while (last - began < 2.5 * SLOW_IDLE_MS) {
        const got = to.received;
        to.socket.once('data', () => to.socket.pause());
        to.socket.resume();
        await until(() => to.received > got, 'the reader reads');
        assert.equal(it.ended.length, 0);
        const now = performance.now();
        assert.ok(now - last < SLOW_IDLE_MS / 2, 'this machine stood still: the test says nothing');
        last = now;
        await sleep(((to.received - got) / BYTES_PER_SECOND) * 1000);
      }
      assert.ok(to.received < IN_KERNEL);
      assert.equal(await it.end(), 'idle');
      to.socket.resume();
      assert.deepEqual(await Promise.all([to.finish(), from.finish()]), ['end', 'end']);
      assert.equal(to.received, IN_KERNEL);
    });
  }

  test('waiting for a decision is not idling', async (t) => {
    const waiting: number[] = [];
    const it = rig(t, create, {
      accepted: (connection) => {
        if (waiting.length === 1) return 0;
        waiting.push(connection);
        return -2;
      },
    });
    const { port } = await backend(t);
    it.engine.route(0, 0, '127.0.0.1', port);
    const at = it.listen(0, { idleMs: IDLE_MS });
    await client(t, at);
    await until(() => waiting.length === 1, 'the client waits');
    const idle = await client(t, at);
    await idle.finish();
    assert.equal(await it.end(), 'idle');
    assert.equal(it.engine.active, 1);
    it.decide(waiting[0] ?? -1, 0);
    await until(() => it.connected.length === 2, 'it is connected');
    assert.equal(it.ended.length, 1);
  });
}
