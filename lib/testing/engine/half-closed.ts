// A backend that has ended: its client is kept while bytes move, and only briefly when it is silent.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { CreateEngine } from '../../engine/engine.ts';
import { backend, client } from './peer.ts';
import type { Peer } from './peer.ts';
import { rig } from './rig.ts';
import type { Rig } from './rig.ts';
import { standstill } from './wait.ts';

const HALF_CLOSED_MS = 500;
const TOO_MUCH = 64 * 1024 * 1024;

interface Scene {
  readonly it: Rig;
  readonly pair: () => Promise<{ peer: Peer; other: Peer }>;
}

async function scene(t: TestContext, create: CreateEngine, idleMs = 60_000): Promise<Scene> {
  const it = rig(t, create);
  const { port, peer: served } = await backend(t);
  it.engine.route(0, 0, '127.0.0.1', port);
  const at = it.listen(0, { halfClosedMs: HALF_CLOSED_MS, idleMs });
  let made = 0;
  return { it, pair: async () => ({ peer: await client(t, at), other: await served(made++) }) };
}

export function halfClosedTests(create: CreateEngine): void {
  test('a client that is silent after its backend has ended is ended after halfClosedMs, not before', async (t) => {
    const { it, pair } = await scene(t, create);
    const { peer, other } = await pair();
    const ended = performance.now();
    other.send('bye').end();
    assert.equal(await peer.finish(), 'end');
    assert.equal(await it.end(), 'backend_closed');
    assert.ok(performance.now() - ended >= HALF_CLOSED_MS);
    assert.equal(await other.finish(), 'end');
    assert.deepEqual([peer.text, it.engine.active], ['bye', 0]);
  });

  test('the time begins with the end of the backend, and anew with each byte of the client', async (t) => {
    const { it, pair } = await scene(t, create);
    const [talking, mute, late] = [await pair(), await pair(), await pair()];
    talking.other.end();
    assert.equal(await talking.peer.finish(), 'end');
    const timer = setInterval(() => talking.peer.send('.'), 25);
    t.after(() => clearInterval(timer));
    // Two silent clients, one after the other, show when the talking one would have been ended.
    for (const { peer, other } of [mute, late]) {
      const before = it.ended.length;
      const ended = performance.now();
      other.end();
      assert.equal(await peer.finish(), 'end');
      await it.ends(before + 1);
      assert.ok(performance.now() - ended >= HALF_CLOSED_MS);
    }
    assert.equal(it.engine.active, 1);
    clearInterval(timer);
    assert.equal((await it.ends(3))[2]?.end, 'backend_closed');
    assert.equal(talking.other.received, it.ended[2]?.bytesIn);
  });

  test('where the client has ended, or both are there, the idle time counts', async (t) => {
    const { it, pair } = await scene(t, create);
    const [over, open, silent] = [await pair(), await pair(), await pair()];
    over.peer.end();
    assert.equal(await over.other.finish(), 'end');
    silent.other.end();
    await it.ends(1);
    const { other } = await pair();
    other.end();
    await it.ends(2);
    assert.equal(it.engine.active, 2);
    over.other.send('a late answer').end();
    assert.equal(await over.peer.finish(), 'end');
    assert.equal(over.peer.text, 'a late answer');
    open.peer.send('.');
    await open.other.bytes(1);
  });

  test('a client whose bytes a backend that has ended does not read is not silent', async (t) => {
    const { it, pair } = await scene(t, create, 5 * HALF_CLOSED_MS);
    const { peer, other } = await pair();
    other.socket.pause();
    other.end();
    peer.send(Buffer.alloc(TOO_MUCH));
    await standstill(it.engine, 0);
    assert.equal(await it.end(), 'idle');
  });
}
