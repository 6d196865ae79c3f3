// Relaying: all bytes come out in order and whole, in both directions, whatever the size of the pieces.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CreateEngine } from '../../engine/engine.ts';
import { backend, client, echo } from './peer.ts';
import { receivePattern, sendPattern } from './pattern.ts';
import { rig } from './rig.ts';
import { until } from './wait.ts';

const MIB = 1024 * 1024;

export function relayTests(create: CreateEngine): void {
  test('a message goes to the backend and its answer comes back', async (t) => {
    const it = rig(t, create);
    const { port } = await backend(t, echo);
    it.engine.route(0, 0, '127.0.0.1', port);
    const peer = await client(t, it.listen());
    const from = peer.port;
    assert.equal(await peer.send('hello').bytes(5), 'hello');
    assert.equal(await peer.send(' again').bytes(11), 'hello again');
    assert.equal(it.engine.active, 1);
    peer.end();
    assert.equal(await peer.finish(), 'end');
    assert.equal(await it.end(), 'client_closed');
    assert.deepEqual(it.ended[0], {
      connection: it.accepted[0],
      end: 'client_closed',
      bytesIn: 11,
      bytesOut: 11,
      client: `127.0.0.1:${from}`,
    });
  });

  test('a backend that speaks first is heard', async (t) => {
    const it = rig(t, create);
    const { port } = await backend(t, (peer) => peer.send('220 ready'));
    it.engine.route(0, 0, '127.0.0.1', port);
    const peer = await client(t, it.listen());
    assert.equal(await peer.bytes(9), '220 ready');
  });

  test('what a client sends and ends before its backend is connected arrives whole', async (t) => {
    const it = rig(t, create);
    const { port, peer: served } = await backend(t);
    it.engine.route(0, 0, '127.0.0.1', port);
    const peer = await client(t, it.listen());
    peer.send('x'.repeat(300_000)).end();
    const other = await served();
    assert.equal(await other.finish(), 'end');
    assert.equal(other.received, 300_000);
    assert.equal(await other.send('bye').end().finish(), 'end');
    assert.equal(await peer.finish(), 'end');
    assert.equal(peer.text, 'bye');
  });

  test('patterned streams in both directions at once arrive exactly, and are counted', async (t) => {
    const size = 24 * MIB;
    const it = rig(t, create, { accepted: () => 1 });
    const { port, peer: served } = await backend(t);
    it.engine.route(1, 0, '127.0.0.1', port);
    const peer = await client(t, it.listen());
    const other = await served();
    const received = [receivePattern(peer.socket, 1), receivePattern(other.socket, 2)];
    sendPattern(peer.socket, 2, size);
    sendPattern(other.socket, 1, size + 7);
    assert.deepEqual(await Promise.all(received), [size + 7, size]);
    const [ended] = await it.ends(1);
    assert.equal(ended?.bytesIn, size);
    assert.equal(ended.bytesOut, size + 7);
    assert.equal(it.engine.bytes[2], size);
    assert.equal(it.engine.bytes[3], size + 7);
    assert.equal(it.engine.bytes[0], 0);
  });

  test('pieces of every size up to some hundred KiB come through unharmed', async (t) => {
    const it = rig(t, create);
    const { port } = await backend(t, echo);
    it.engine.route(0, 0, '127.0.0.1', port);
    const peer = await client(t, it.listen());
    const received = receivePattern(peer.socket, 3);
    let sent = 0;
    for (const size of [1, 2, 63, 64, 1000, 8191, 8192, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537, 200_000, 1]) {
      sendPattern(peer.socket, 3, size, sent, false);
      sent += size;
      const expected = sent;
      await until(() => peer.received >= expected, `${expected} bytes are back`);
    }
    peer.end();
    assert.equal(await received, sent);
  });

  test('small messages are not held back for the sake of larger segments', async (t) => {
    const it = rig(t, create);
    const { port, peer: served } = await backend(t);
    it.engine.route(0, 0, '127.0.0.1', port);
    const peer = await client(t, it.listen());
    const other = await served();
    for (const [from, to] of [
      [peer, other],
      [other, peer],
    ] as const) {
      const [had, got] = [from.received, to.received];
      // Two messages before each answer. On a connection that looks like a dialogue, the first one's ACK is delayed by
      // 40 ms in the hope of an answer to travel with. Without TCP_NODELAY the second message waits for that ACK.
      const times: number[] = [];
      for (let i = 1; i <= 20; i++) {
        from.send('1');
        await to.bytes(got + 2 * i - 1);
        const sent = performance.now();
        from.send('2');
        await to.bytes(got + 2 * i);
        times.push(performance.now() - sent);
        to.send('!');
        await from.bytes(had + i);
      }
      const fastest = Math.min(...times.slice(10));
      assert.ok(fastest < 25, `the fastest took ${fastest} ms`);
    }
  });

  test('live byte counters show what was relayed before the connection ends', async (t) => {
    const it = rig(t, create);
    const { port, peer: served } = await backend(t);
    it.engine.route(0, 0, '127.0.0.1', port);
    const peer = await client(t, it.listen());
    peer.send('12345');
    const other = await served();
    await other.bytes(5);
    other.send('123');
    await peer.bytes(3);
    assert.deepEqual(Array.from(it.engine.bytes.subarray(0, 2)), [5, 3]);
  });

  test('two hundred connections at once each get their own bytes', async (t) => {
    const it = rig(t, create);
    const { port } = await backend(t, echo);
    it.engine.route(0, 0, '127.0.0.1', port);
    const at = it.listen();
    const count = 200;
    const all = Array.from({ length: count }, async (_, i) => {
      const peer = await client(t, at);
      const text = `connection ${i} `.repeat(50 + i);
      assert.equal(await peer.send(text).bytes(text.length), text);
      peer.end();
      assert.equal(await peer.finish(), 'end');
    });
    await Promise.all(all);
    await it.ends(count);
    assert.equal(it.engine.active, 0);
  });

  test('route() leads new connections elsewhere and leaves those under way', async (t) => {
    const it = rig(t, create);
    const first = await backend(t, (peer) => peer.send('first'));
    const second = await backend(t, (peer) => peer.send('second'));
    it.engine.route(0, 0, '127.0.0.1', first.port);
    const at = it.listen();
    const old = await client(t, at);
    assert.equal(await old.bytes(5), 'first');
    it.engine.route(0, 0, '127.0.0.1', second.port);
    const fresh = await client(t, at);
    assert.equal(await fresh.bytes(6), 'second');
    old.send('still here');
    const peer = await first.peer();
    assert.equal(await peer.bytes(10), 'still here');
  });
}
