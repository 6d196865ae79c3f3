// Back-pressure: a slow reader stops the sender, at the cost of a bounded buffer.

import assert from 'node:assert/strict';
import type net from 'node:net';
import { test } from 'node:test';
import type { CreateEngine } from '../../engine/engine.ts';
import { receivePattern, sendPattern } from './pattern.ts';
import { backend, client, echo } from './peer.ts';
import { random } from './random.ts';
import { rig } from './rig.ts';
import { standstill, until } from './wait.ts';

const SIZE = 96 * 1024 * 1024;
const BUFFERED = 16 * 1024 * 1024;

export function pressureTests(create: CreateEngine): void {
  test('what waits for a slow reader is not touched by what others send meanwhile', async (t) => {
    // By order of arrival, not by id: the engine chooses ids freely.
    let came = 0;
    const it = rig(t, create, { accepted: () => came++ % 2 });
    const slow = await backend(t);
    const quick = await backend(t, echo);
    it.engine.route(0, 0, '127.0.0.1', slow.port);
    it.engine.route(1, 0, '127.0.0.1', quick.port);
    const at = it.listen();
    const peer = await client(t, at);
    await until(() => it.connected.length === 1, 'the first is connected');
    const busy = await client(t, at);
    await until(() => it.connected.length === 2, 'both are connected');
    const other = await slow.peer();
    other.socket.pause();
    // One piece at a time, each smaller than any buffer, until one is stuck half-way.
    let sent = 0;
    const piece = 20_000;
    for (let stuck = false; !stuck;) {
      sendPattern(peer.socket, 1, piece, sent, false);
      sent += piece;
      const since = performance.now();
      while ((it.engine.bytes[0] ?? 0) < sent && !stuck) {
        await new Promise(setImmediate);
        stuck = performance.now() - since > 200;
      }
    }
    await busy.send('z'.repeat(300_000)).bytes(300_000);
    const received = receivePattern(other.socket, 1);
    other.socket.resume();
    peer.end();
    assert.equal(await received, sent);
  });

  test('many streams whose readers stop and go all arrive exactly', async (t) => {
    const it = rig(t, create);
    const { port, peer: served } = await backend(t);
    it.engine.route(0, 0, '127.0.0.1', port);
    const at = it.listen();
    const next = random(4);
    const size = 3_000_000;
    const streams: Promise<number>[] = [];
    for (let i = 0; i < 12; i++) {
      const ends = [(await client(t, at)).socket, (await served(i)).socket] as const;
      for (const [to, from] of [ends, ends.toReversed()] as [net.Socket, net.Socket][]) {
        streams.push(receivePattern(to, 2 * i));
        sendPattern(from, 2 * i, size + next(100_000));
        const timer = setInterval(() => (next(2) === 0 ? to.pause() : to.resume()), 2 + next(9));
        t.after(() => clearInterval(timer));
      }
    }
    const received = await Promise.all(streams);
    await it.ends(12);
    assert.equal(
      received.reduce((sum, bytes) => sum + bytes, 0),
      (it.engine.bytes[0] ?? 0) + (it.engine.bytes[1] ?? 0),
    );
  });

  for (const [name, counter] of [
    ['backend', 0],
    ['client', 1],
  ] as const) {
    test(`a ${name} that does not read stops the other side in bounded memory, and then gets every byte`, async (t) => {
      const it = rig(t, create);
      const { port, peer: served } = await backend(t);
      it.engine.route(0, 0, '127.0.0.1', port);
      const peer = await client(t, it.listen());
      const other = await served();
      const [from, to] = counter === 0 ? [peer.socket, other.socket] : [other.socket, peer.socket];
      to.pause();
      const before = process.memoryUsage().rss;
      sendPattern(from, 1, SIZE);
      assert.ok((await standstill(it.engine, counter)) < SIZE);
      const grown = process.memoryUsage().rss - before;
      assert.ok(grown < BUFFERED, `${grown} bytes more memory in use`);
      // The other direction is not held up.
      (counter === 0 ? other : peer).send('meanwhile');
      await until(() => (counter === 0 ? peer : other).received === 9, 'the other direction moves');
      const received = receivePattern(to, 1);
      to.resume();
      assert.equal(await received, SIZE);
      from.destroy();
      to.end();
      await it.ends(1);
      assert.equal(it.ended[0]?.[counter === 0 ? 'bytesIn' : 'bytesOut'], SIZE);
    });

    test(`a reset that comes while a ${name} does not read reaches it`, async (t) => {
      const it = rig(t, create);
      const { port, peer: served } = await backend(t);
      it.engine.route(0, 0, '127.0.0.1', port);
      const peer = await client(t, it.listen());
      const other = await served();
      const [from, to] = counter === 0 ? [peer, other] : [other, peer];
      to.socket.pause();
      sendPattern(from.socket, 1, SIZE);
      await standstill(it.engine, counter);
      from.reset();
      assert.equal(await it.end(), counter === 0 ? 'client_reset' : 'backend_reset');
      to.socket.resume();
      assert.equal(await to.finish(), 'reset');
    });
  }
}
