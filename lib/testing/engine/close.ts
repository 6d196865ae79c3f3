// Ends: a FIN is passed on as a FIN in its direction, a reset as a reset, and both only after the bytes before them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { CreateEngine } from '../../engine/engine.ts';
import { backend, client, echo } from './peer.ts';
import type { Peer } from './peer.ts';
import { rig } from './rig.ts';
import type { Rig } from './rig.ts';

interface Pair {
  readonly it: Rig;
  readonly peer: Peer;
  readonly other: Peer;
}

/** A relayed connection with one byte sent each way. */
async function pair(t: TestContext, create: CreateEngine): Promise<Pair> {
  const it = rig(t, create);
  const { port, peer: served } = await backend(t);
  it.engine.route(0, 0, '127.0.0.1', port);
  const peer = await client(t, it.listen());
  const other = await served();
  await peer.send('?').bytes(0);
  await other.bytes(1);
  other.send('!');
  await peer.bytes(1);
  return { it, peer, other };
}

export function closeTests(create: CreateEngine): void {
  test('a client that has ended still receives', async (t) => {
    const { it, peer, other } = await pair(t, create);
    peer.send('last words').end();
    assert.equal(await other.finish(), 'end');
    assert.equal(other.text, '?last words');
    other.send('an answer');
    assert.equal(await peer.bytes(10), '!an answer');
    other.send(', and more').end();
    assert.equal(await peer.finish(), 'end');
    assert.equal(peer.text, '!an answer, and more');
    assert.equal(await it.end(), 'client_closed');
  });

  test('a backend that has ended still receives', async (t) => {
    const { it, peer, other } = await pair(t, create);
    other.send('last words').end();
    assert.equal(await peer.finish(), 'end');
    assert.equal(peer.text, '!last words');
    peer.send('an answer');
    assert.equal(await other.bytes(10), '?an answer');
    peer.send(', and more').end();
    assert.equal(await other.finish(), 'end');
    assert.equal(other.text, '?an answer, and more');
    assert.equal(await it.end(), 'backend_closed');
  });

  test('a connection on which both ended without a byte ends cleanly', async (t) => {
    const it = rig(t, create);
    const { port, peer: served } = await backend(t);
    it.engine.route(0, 0, '127.0.0.1', port);
    const peer = await client(t, it.listen());
    peer.end();
    const other = await served();
    assert.equal(await other.finish(), 'end');
    other.end();
    assert.equal(await peer.finish(), 'end');
    const [ended] = await it.ends(1);
    assert.deepEqual([ended?.end, ended?.bytesIn, ended?.bytesOut], ['client_closed', 0, 0]);
  });

  test('megabytes sent right before the end all arrive before the end', async (t) => {
    const { it, peer, other } = await pair(t, create);
    other.send(Buffer.alloc(8_000_000, 'x')).end();
    peer.send(Buffer.alloc(8_000_000, 'y')).end();
    assert.deepEqual(await Promise.all([peer.finish(), other.finish()]), ['end', 'end']);
    assert.deepEqual([peer.received, other.received], [8_000_001, 8_000_001]);
    await it.ends(1);
  });

  test("a client's reset reaches the backend as a reset", async (t) => {
    const { it, peer, other } = await pair(t, create);
    peer.reset();
    assert.equal(await other.finish(), 'reset');
    assert.equal(await it.end(), 'client_reset');
  });

  test("a backend's reset reaches the client as a reset", async (t) => {
    const { it, peer, other } = await pair(t, create);
    other.reset();
    assert.equal(await peer.finish(), 'reset');
    assert.equal(await it.end(), 'backend_reset');
  });

  for (const size of [1, 1000, 40_000, 65_536]) {
    test(`a backend's reset right behind ${size} bytes is not taken for an end`, async (t) => {
      const { it, peer, other } = await pair(t, create);
      // The kernel has both before the engine gets to read.
      other.send(Buffer.alloc(size, 'x')).reset();
      assert.equal(await peer.finish(), 'reset');
      assert.equal(await it.end(), 'backend_reset');
    });

    test(`a client's reset right behind ${size} bytes is not taken for an end`, async (t) => {
      const { it, peer, other } = await pair(t, create);
      peer.send(Buffer.alloc(size, 'x')).reset();
      assert.equal(await other.finish(), 'reset');
      assert.equal(await it.end(), 'client_reset');
    });
  }

  test('a reset right behind the answer to a client that has ended is not taken for an end', async (t) => {
    const { it, peer, other } = await pair(t, create);
    peer.end();
    assert.equal(await other.finish(), 'end');
    other.send('half an answ').reset();
    assert.equal(await it.end(), 'backend_reset');
  });

  test('a reset right behind an end is not taken for an end of both', async (t) => {
    const { it, peer, other } = await pair(t, create);
    other.send('all').end();
    assert.equal(await peer.finish(), 'end');
    peer.reset();
    assert.equal(await other.finish(), 'reset');
    assert.equal(await it.end(), 'client_reset');
  });

  test('a client that goes away while its backend still sends is a reset for the backend', async (t) => {
    const { it, peer, other } = await pair(t, create);
    peer.end();
    assert.equal(await other.finish(), 'end');
    peer.reset();
    other.socket.on('error', () => undefined);
    const timer = setInterval(() => other.socket.destroyed || other.send('more'), 5);
    t.after(() => clearInterval(timer));
    assert.equal(await it.end(), 'client_reset');
  });

  test('connections that ended cleanly on both sides leave nobody with a reset', async (t) => {
    const it = rig(t, create);
    const { port, peers } = await backend(t, echo);
    it.engine.route(0, 0, '127.0.0.1', port);
    const at = it.listen();
    for (let i = 0; i < 50; i++) {
      const peer = await client(t, at);
      peer.send('once').end();
      assert.equal(await peer.finish(), 'end');
      assert.equal(peer.text, 'once');
    }
    await it.ends(50);
    assert.deepEqual(
      await Promise.all(peers.map(async (peer) => peer.finish())),
      peers.map(() => 'end'),
    );
    assert.deepEqual(new Set(it.ended.map((ended) => ended.end)), new Set(['client_closed']));
  });
}
