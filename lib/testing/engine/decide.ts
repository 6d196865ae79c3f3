// Decisions: where a client goes, what happens when its backend cannot be reached, and which clients are refused.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { REFUSE, WAIT } from '../../engine/engine.ts';
import type { CreateEngine } from '../../engine/engine.ts';
import { backend, client, echo, Peer, refusingPort } from './peer.ts';
import { rig } from './rig.ts';
import { silentPort } from './silent.ts';
import { until } from './wait.ts';

export function decideTests(create: CreateEngine): void {
  test('REFUSE resets the client at once', async (t) => {
    const it = rig(t, create, { accepted: () => REFUSE });
    const socket = net.connect(it.listen(), '127.0.0.1');
    const peer = new Peer(socket);
    assert.equal(await peer.finish(), 'reset');
    const [ended] = await it.ends(1);
    assert.deepEqual([ended?.end, ended?.bytesIn, ended?.bytesOut], ['refused', 0, 0]);
    assert.equal(it.engine.active, 0);
  });

  test('a client told to WAIT is held until it is decided where it goes', async (t) => {
    const it = rig(t, create, { accepted: () => WAIT });
    const { port, peers } = await backend(t, echo);
    it.engine.route(2, 0, '127.0.0.1', port);
    const peer = await client(t, it.listen());
    peer.send('patience');
    await until(() => it.accepted.length === 1, 'the client is accepted');
    assert.equal(it.engine.active, 1);
    assert.equal(peers.length, 0);
    it.decide(it.accepted[0] ?? -1, 2);
    assert.equal(await peer.bytes(8), 'patience');
    peer.end();
    assert.equal(await it.end(), 'client_closed');
    assert.deepEqual(Array.from(it.engine.bytes.subarray(4, 6)), [8, 8]);
  });

  test('a client that waited can be refused', async (t) => {
    const it = rig(t, create, { accepted: () => WAIT });
    const peer = await client(t, it.listen());
    await until(() => it.accepted.length === 1, 'the client is accepted');
    it.decide(it.accepted[0] ?? -1, REFUSE);
    assert.equal(await peer.finish(), 'reset');
    assert.equal(await it.end(), 'refused');
  });

  test('a client that resets while it waits is gone', async (t) => {
    const it = rig(t, create, { accepted: () => WAIT });
    const peer = await client(t, it.listen());
    await until(() => it.accepted.length === 1, 'the client is accepted');
    peer.reset();
    assert.equal(await it.end(), 'client_gone');
    assert.equal(it.engine.active, 0);
  });

  test('a client that ended while it waited gets its answer all the same', async (t) => {
    const it = rig(t, create, { accepted: () => WAIT });
    const { port } = await backend(t, echo);
    it.engine.route(0, 0, '127.0.0.1', port);
    const peer = await client(t, it.listen());
    peer.send('question').end();
    await until(() => it.accepted.length === 1, 'the client is accepted');
    it.decide(it.accepted[0] ?? -1, 0);
    assert.equal(await peer.finish(), 'end');
    assert.equal(peer.text, 'question');
    assert.equal(await it.end(), 'client_closed');
  });

  test('a refused connect goes on to the next target and the client notices nothing', async (t) => {
    const it = rig(t, create, { failed: () => it.failures.length });
    const { port } = await backend(t, echo);
    it.engine.route(0, 0, '127.0.0.1', refusingPort(t));
    it.engine.route(1, 0, '127.0.0.1', refusingPort(t));
    it.engine.route(2, 0, '127.0.0.1', port);
    const peer = await client(t, it.listen());
    assert.equal(await peer.send('hello').bytes(5), 'hello');
    assert.deepEqual(it.failures, ['refused', 'refused']);
    assert.deepEqual(Array.from(it.engine.bytes.subarray(0, 6)), [0, 0, 0, 0, 5, 5]);
    peer.end();
    assert.equal(await it.end(), 'client_closed');
  });

  test('a client whose connect failed can wait for another target, and is gone when it resets meanwhile', async (t) => {
    const held: number[] = [];
    const it = rig(t, create, { failed: (connection) => (held.push(connection), WAIT) });
    const { port, peers } = await backend(t, echo);
    it.engine.route(0, 0, '127.0.0.1', refusingPort(t));
    it.engine.route(1, 0, '127.0.0.1', port);
    const at = it.listen();
    const peer = await client(t, at);
    peer.send('patience');
    await until(() => held.length === 1, 'its connect has failed');
    assert.deepEqual([it.engine.active, peers.length], [1, 0]);
    it.decide(held[0] ?? -1, 0);
    await until(() => held.length === 2, 'it has failed once more');
    it.decide(held[1] ?? -1, 1);
    assert.equal(await peer.bytes(8), 'patience');
    peer.end();
    assert.equal(await it.end(), 'client_closed');
    assert.deepEqual(Array.from(it.engine.bytes.subarray(0, 4)), [0, 0, 8, 8]);
    const other = await client(t, at);
    other.send('x'.repeat(100_000));
    await until(() => held.length === 3, 'its connect has failed');
    other.reset();
    assert.equal((await it.ends(2))[1]?.end, 'client_gone');
    const last = await client(t, at);
    await until(() => held.length === 4, 'its connect has failed');
    it.decide(held[3] ?? -1, REFUSE);
    assert.equal(await last.finish(), 'reset');
    assert.equal((await it.ends(3))[2]?.end, 'refused');
  });

  test('where it goes may be decided right after it was told to wait', async (t) => {
    const it = rig(t, create, {
      failed(connection) {
        queueMicrotask(() => it.decide(connection, it.failures.length < 4 ? 0 : 1));
        return WAIT;
      },
    });
    const { port } = await backend(t, echo);
    it.engine.route(0, 0, '127.0.0.1', refusingPort(t));
    it.engine.route(1, 0, '127.0.0.1', port);
    const peer = await client(t, it.listen());
    assert.equal(await peer.send('hello').bytes(5), 'hello');
    assert.equal(it.failures.length, 4);
    peer.end();
    assert.equal(await it.end(), 'client_closed');
  });

  test('when every target has failed the client is reset', async (t) => {
    const it = rig(t, create, { failed: () => (it.failures.length < 3 ? it.failures.length : REFUSE) });
    for (const target of [0, 1, 2]) it.engine.route(target, 0, '127.0.0.1', refusingPort(t));
    const peer = await client(t, it.listen());
    assert.equal(await peer.finish(), 'reset');
    assert.equal(await it.end(), 'refused');
    assert.deepEqual(it.failures, ['refused', 'refused', 'refused']);
  });

  test('a backend that does not answer is given up after the connect timeout', async (t) => {
    const it = rig(t, create, { failed: () => (it.failures.length === 1 ? 1 : REFUSE) });
    const { port } = await backend(t, echo);
    it.engine.route(0, 0, '127.0.0.1', await silentPort(t));
    it.engine.route(1, 0, '127.0.0.1', port);
    const at = it.listen(0, { connectTimeoutMs: 200 });
    const started = performance.now();
    const peer = await client(t, at);
    assert.equal(await peer.send('hello').bytes(5), 'hello');
    assert.deepEqual(it.failures, ['timeout']);
    assert.ok(performance.now() - started >= 195, 'not before its time');
  });

  test('a client that resets while its backend is being connected is gone, and nothing goes on', async (t) => {
    const it = rig(t, create);
    it.engine.route(0, 0, '127.0.0.1', await silentPort(t));
    const at = it.listen(0, { connectTimeoutMs: 60_000 });
    const quiet = await client(t, at);
    await until(() => it.accepted.length === 1, 'the client is accepted');
    quiet.reset();
    assert.equal(await it.end(), 'client_gone');
    const eager = await client(t, at);
    eager.send('x'.repeat(500_000));
    await until(() => it.accepted.length === 2, 'the client is accepted');
    eager.reset();
    assert.equal((await it.ends(2))[1]?.end, 'client_gone');
    const ended = await client(t, at);
    ended.send('short').end();
    await until(() => it.accepted.length === 3, 'the client is accepted');
    ended.reset();
    assert.equal((await it.ends(3))[2]?.end, 'client_gone');
    assert.equal(it.engine.active, 0);
    assert.deepEqual(it.failures, []);
  });

  test('what was sent to a backend that failed goes whole to the next', async (t) => {
    const it = rig(t, create, { failed: () => 1 });
    const { port, peer: served } = await backend(t);
    it.engine.route(0, 0, '127.0.0.1', await silentPort(t));
    it.engine.route(1, 0, '127.0.0.1', port);
    const peer = await client(t, it.listen(0, { connectTimeoutMs: 150 }));
    peer.send(Buffer.alloc(400_000, 'z')).end();
    const other = await served();
    assert.equal(await other.finish(), 'end');
    assert.equal(other.received, 400_000);
    assert.equal(it.engine.bytes[2], 400_000);
  });

  test('ids are used again, and never two at once', async (t) => {
    const it = rig(t, create);
    const { port } = await backend(t, echo);
    it.engine.route(0, 0, '127.0.0.1', port);
    const at = it.listen();
    for (let i = 0; i < 30; i++) {
      const peer = await client(t, at);
      peer.end();
      assert.equal(await peer.finish(), 'end');
      await it.ends(i + 1);
    }
    assert.ok(new Set(it.accepted).size < 15, 'few ids for one connection after the other');
    assert.ok(Math.max(...it.accepted) < 1000, 'small ids');
  });

  test('an IPv6 listener and an IPv6 backend work like any other', async (t) => {
    const it = rig(t, create);
    const { port } = await backend(t, echo, '::1');
    it.engine.route(0, 0, '::1', port);
    const at = it.listen(0, {}, '::1');
    const socket = net.connect({ host: '::1', port: at, allowHalfOpen: true });
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    const peer = new Peer(socket);
    assert.equal(await peer.send('six').bytes(3), 'six');
    assert.equal(it.engine.clientAddress(it.accepted[0] ?? -1), `[::1]:${peer.port}`);
    const ip = [...(it.engine.clientIp(it.accepted[0] ?? -1) ?? [])];
    assert.deepEqual(ip, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  });

  test('clientAddress tells who a live connection is for', async (t) => {
    const it = rig(t, create);
    const { port } = await backend(t, echo);
    it.engine.route(0, 0, '127.0.0.1', port);
    const peer = await client(t, it.listen());
    await peer.send('.').bytes(1);
    assert.equal(it.engine.clientAddress(it.accepted[0] ?? -1), `127.0.0.1:${peer.port}`);
    assert.equal(it.engine.clientAddress(4711), '');
    const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 1];
    assert.deepEqual([...(it.engine.clientIp(it.accepted[0] ?? -1) ?? [])], mapped);
    assert.equal(it.engine.clientIp(4711), null);
  });

  test('clientAddress still tells within ended, also after a reset', async (t) => {
    const it = rig(t, create);
    const { port } = await backend(t, echo);
    it.engine.route(0, 0, '127.0.0.1', port);
    const listening = it.listen();
    const first = await client(t, listening);
    await first.send('.').bytes(1);
    const from = first.port;
    first.reset();
    await it.ends(1);
    assert.equal(it.ended[0]?.client, `127.0.0.1:${from}`);
    assert.equal(it.ended[0]?.end, 'client_reset');
  });
}
