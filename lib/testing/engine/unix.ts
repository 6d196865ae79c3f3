// Backends at Unix sockets: everything that relaying does for TCP, as far as Unix sockets have it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { linkSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WAIT } from '../../engine/engine.ts';
import type { CreateEngine } from '../../engine/engine.ts';
import { receivePattern, sendPattern } from './pattern.ts';
import { backend, client, echo, Peer } from './peer.ts';
import { rig, SERVICE } from './rig.ts';
import { until } from './wait.ts';

const MIB = 1024 * 1024;

interface At {
  readonly path: string;
  readonly peer: (index?: number) => Promise<Peer>;
}

/** A path in a folder of its own, which is removed after the test. */
function somewhere(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'bal-unix-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'app.sock');
}

async function listening(t: TestContext, serve: (peer: Peer) => void = () => undefined): Promise<At> {
  const path = somewhere(t);
  const peers: Peer[] = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const peer = new Peer(socket);
    peers.push(peer);
    serve(peer);
  });
  server.listen(path);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const peer of peers) peer.socket.destroy();
  });
  const peer = async (index = 0): Promise<Peer> => {
    await until(() => peers.length > index, `the backend has ${index + 1} connections`);
    const found = peers[index];
    if (found === undefined) throw new Error('Cannot happen: waited for it');
    return found;
  };
  return { path, peer };
}

export function unixTests(create: CreateEngine): void {
  test('a message goes to a Unix socket and its answer comes back, and each end is passed on', async (t) => {
    const it = rig(t, create);
    const { path, peer: served } = await listening(t, echo);
    it.engine.route(0, 0, path, 0);
    const at = it.listen();
    const peer = await client(t, at);
    assert.equal(await peer.send('hello').bytes(5), 'hello');
    assert.equal(await peer.send(' again').bytes(11), 'hello again');
    peer.end();
    assert.equal(await peer.finish(), 'end');
    assert.equal(await (await served()).finish(), 'end');
    await it.ends(1);
    assert.deepEqual(
      it.ended.map(({ end, bytesIn, bytesOut }) => [end, bytesIn, bytesOut]),
      [['client_closed', 11, 11]],
    );
  });

  test('what a client sends while it waits goes to the Unix socket that it gets in the end', async (t) => {
    const it = rig(t, create, { accepted: () => WAIT });
    const { path } = await listening(t, echo);
    it.engine.route(0, 0, path, 0);
    const peer = await client(t, it.listen());
    await until(() => it.accepted.length > 0, 'it waits');
    peer.send('hello');
    await sleep(50); // Gives the engine time to notice.
    it.decide(it.accepted[0] ?? -1, 0);
    assert.equal(await peer.bytes(5), 'hello');
    peer.end();
    await it.end();
  });

  test('a Unix backend that speaks first and goes at once is heard', async (t) => {
    const it = rig(t, create);
    const { path } = await listening(t, ({ socket }) => void socket.end('bye', () => socket.destroy()));
    it.engine.route(0, 0, path, 0);
    const at = it.listen();
    for (let i = 0; i < 5; i++) {
      const peer = await client(t, at);
      assert.equal(await peer.bytes(3), 'bye');
      assert.equal(await peer.end().finish(), 'end');
    }
    await it.ends(5);
    assert.ok(it.ended.every(({ end }) => end === 'backend_closed'));
  });

  test('what a client sends and ends before its Unix backend is connected arrives whole', async (t) => {
    const it = rig(t, create);
    const { path, peer: served } = await listening(t);
    it.engine.route(0, 0, path, 0);
    const peer = await client(t, it.listen());
    peer.send('x'.repeat(300_000)).end();
    const other = await served();
    assert.equal(await other.finish(), 'end');
    assert.equal(other.received, 300_000);
    assert.equal(await other.send('bye').end().finish(), 'end');
    assert.equal(await peer.finish(), 'end');
    assert.equal(peer.text, 'bye');
    assert.equal(await it.end(), 'client_closed');
  });

  test('patterned streams to and from a Unix socket arrive exactly', async (t) => {
    const size = 16 * MIB;
    const it = rig(t, create);
    const { path, peer: served } = await listening(t);
    it.engine.route(0, 0, path, 0);
    const peer = await client(t, it.listen());
    const other = await served();
    const received = [receivePattern(peer.socket, 1), receivePattern(other.socket, 2)];
    sendPattern(peer.socket, 2, size);
    sendPattern(other.socket, 1, size + 7);
    assert.deepEqual(await Promise.all(received), [size + 7, size]);
    const [ended] = await it.ends(1);
    assert.deepEqual([ended?.bytesIn, ended?.bytesOut], [size, size + 7]);
  });

  test('where nobody listens on a Unix socket, or it is not there, the client goes on', async (t) => {
    const it = rig(t, create, { failed: () => it.failures.length });
    const missing = somewhere(t);
    // A file that its server has left behind. libuv removes its own; a killed process could not.
    const stale = somewhere(t);
    const made = net.createServer().listen(stale);
    await once(made, 'listening');
    const left = somewhere(t);
    linkSync(stale, left);
    made.close();
    await once(made, 'close');
    const { port } = await backend(t, echo);
    it.engine.route(0, 0, missing, 0);
    it.engine.route(1, 0, left, 0);
    it.engine.route(2, 0, '127.0.0.1', port);
    const peer = await client(t, it.listen());
    assert.equal(await peer.send('x').bytes(1), 'x');
    assert.deepEqual(it.failures, ['refused', 'refused']);
    assert.deepEqual(it.engine.exhaustion(), {});
  });

  test('a quiet connection to a Unix socket is cut with an end on both sides', async (t) => {
    const it = rig(t, create);
    const { path, peer: served } = await listening(t, echo);
    it.engine.route(0, 0, path, 0);
    const peer = await client(t, it.listen());
    await peer.send('x').bytes(1);
    assert.equal(it.engine.cut({ target: 0 }), 1);
    assert.equal(await peer.finish(), 'end');
    assert.equal(await (await served()).finish(), 'end');
  });

  test('an idle connection to a Unix socket ends, and one with bytes goes on', async (t) => {
    const it = rig(t, create);
    const { path } = await listening(t, echo);
    it.engine.route(0, 0, path, 0);
    const at = it.listen(0, { idleMs: 400, keepaliveMs: 1000 });
    const [idle, busy] = [await client(t, at), await client(t, at)];
    await idle.send('x').bytes(1);
    const talking = setInterval(() => busy.send('.'), 50);
    t.after(() => clearInterval(talking));
    assert.equal(await idle.finish(), 'end');
    assert.deepEqual(
      (await it.ends(1)).map(({ end }) => end),
      ['idle'],
    );
    assert.equal(it.engine.active, 1);
  });

  test('a Unix backend that goes with bytes unread resets its client', async (t) => {
    const it = rig(t, create);
    const { path, peer: served } = await listening(t, ({ socket }) => void socket.pause());
    it.engine.route(0, 0, path, 0);
    const peer = await client(t, it.listen());
    peer.send('x'.repeat(100));
    const other = await served();
    await until(() => (it.engine.bytes[0] ?? 0) === 100, 'it was passed on');
    other.socket.destroy();
    assert.equal(await peer.send('y').finish(), 'reset');
    assert.equal(await it.end(), 'backend_reset');
  });

  test('no path that is too long, relative or with a port is routed', (t) => {
    const it = rig(t, create);
    const longest = `/${'x'.repeat(106)}`;
    it.engine.route(0, 0, longest, 0);
    for (const [path, port] of [
      [`${longest}x`, 0],
      [longest, 1],
      ['run/app.sock', 0],
    ] as const)
      assert.throws(() => it.engine.route(1, 0, path, port), TypeError, path);
  });

  test('a connection to a Unix socket goes to another engine, where engines can hand over', async (t) => {
    const [from, to] = [rig(t, create), rig(t, create)];
    const { path } = await listening(t, echo);
    to.engine.service(0, SERVICE);
    const at = from.listen();
    for (const { engine } of [from, to]) engine.route(0, 0, path, 0);
    const peer = await client(t, at);
    await peer.send('one').bytes(3);
    const [connection = -1] = from.open;
    if (from.engine.name === 'js') {
      assert.deepEqual(from.engine.release(connection), { ok: false, why: 'unsupported' });
      return;
    }
    to.adopt(from.release(connection));
    assert.equal(await peer.send(' two').bytes(7), 'one two');
    peer.end();
    assert.equal(await peer.finish(), 'end');
    const [ended] = await to.ends(1);
    assert.deepEqual([ended?.end, ended?.bytesIn], ['client_closed', 7]);
  });
}
