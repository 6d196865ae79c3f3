// Back-pressure: a reader that does not keep up stops the sender, at the cost of a bounded buffer.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CreateEngine, Engine } from '../engine.ts';
import { receivePattern, sendPattern } from './pattern.ts';
import { backend, client } from './peer.ts';
import { rig } from './rig.ts';
import { until } from './wait.ts';

const SIZE = 96 * 1024 * 1024;
const BUFFERED = 16 * 1024 * 1024;

/** Waits until the engine has relayed something and then nothing more for a while; returns how much. */
async function standstill(engine: Engine, counter: number): Promise<number> {
  for (let last = -1, still = 0; still < 5; still++) {
    await sleep(50);
    const now = engine.bytes[counter] ?? 0;
    if (now !== last || now === 0) still = 0;
    last = now;
  }
  return engine.bytes[counter] ?? 0;
}

export function pressureTests(create: CreateEngine): void {
  for (const [name, counter] of [
    ['backend', 0],
    ['client', 1],
  ] as const) {
    test(`a ${name} that does not read stops the other side in bounded memory, and then gets every byte`, async (t) => {
      const it = rig(t, create);
      const { port, peer: served } = await backend(t);
      it.engine.route(0, '127.0.0.1', port);
      const peer = await client(t, it.listen());
      const other = await served();
      const [from, to] = counter === 0 ? [peer.socket, other.socket] : [other.socket, peer.socket];
      to.pause();
      const before = process.memoryUsage().rss;
      sendPattern(from, 1, SIZE);
      assert.ok((await standstill(it.engine, counter)) < SIZE);
      const grown = process.memoryUsage().rss - before;
      assert.ok(grown < BUFFERED, `${grown} bytes more memory in use`);
      // The direction that nobody holds up goes on.
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
      it.engine.route(0, '127.0.0.1', port);
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
