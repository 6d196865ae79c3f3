// Deliberate ends: stop accepting, cut, close.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import { WAIT } from '../../engine/engine.ts';
import type { CreateEngine } from '../../engine/engine.ts';
import { boundTcp, localPort } from '../bound.ts';
import type { TcpHandle } from '../../engine/handles.ts';
import { backend, client, echo, Peer } from './peer.ts';
import { LISTENER, rig } from './rig.ts';
import { silentPort } from './silent.ts';
import { until, within } from './wait.ts';

/** The result of a connect: 'connected' or an error's code. */
async function connectTo(port: number): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return 'connected';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  } finally {
    socket.destroy();
  }
}

/** The result of listening on a port that may be taken: 'listening' or an error's code. */
async function listenOn(port: number): Promise<string> {
  const server = net.createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
    return 'listening';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  } finally {
    server.close();
  }
}

/** Starts another process that holds a copy of the listening socket. Returns how to kill it. */
async function holder(t: TestContext, handle: TcpHandle): Promise<() => Promise<void>> {
  const script = "process.on('message', (_, handle) => { globalThis.kept = handle; process.send('kept'); })";
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  t.after(() => child.kill('SIGKILL'));
  // Node passes bare TCP handles as well, but its types only have sockets and servers.
  Reflect.apply(child.send.bind(child), undefined, ['hold', handle]);
  await within(once(child, 'message'), 'the other process has its copy');
  return async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
}

export function stopTests(create: CreateEngine): void {
  test('stopAccepting() ends the listening and leaves the connections', async (t) => {
    const it = rig(t, create);
    const { port } = await backend(t, echo);
    it.engine.route(0, 0, '127.0.0.1', port);
    const first = it.listen(0);
    const second = it.listen(1);
    const peer = await client(t, first);
    await peer.send('1').bytes(1);
    it.engine.stopAccepting();
    assert.equal(await connectTo(first), 'ECONNREFUSED');
    assert.equal(await connectTo(second), 'ECONNREFUSED');
    assert.equal(await listenOn(first), 'listening');
    assert.equal(await peer.send('2').bytes(2), '12');
    peer.end();
    assert.equal(await it.end(), 'client_closed');
  });

  test('once it accepts no more, the end of the last connection is told, after its `ended` and once', async (t) => {
    const it = rig(t, create, { idle: () => it.close() });
    const { port } = await backend(t, echo);
    it.engine.route(0, 0, '127.0.0.1', port);
    const at = it.listen();
    const [first, second, third] = [await client(t, at), await client(t, at), await client(t, at)];
    for (const peer of [first, second, third]) await peer.send('.').bytes(1);
    first.end();
    await it.ends(1);
    it.engine.stopAccepting();
    it.engine.stopAccepting();
    second.end();
    await it.ends(2);
    await immediate();
    assert.equal(it.idles, 0);
    third.end();
    await until(() => it.idles > 0, 'its end is told');
    assert.deepEqual([it.ended.length, await third.finish()], [3, 'end']);
    await immediate();
    assert.equal(it.idles, 1);
  });

  test('that nothing is left is told when there was nothing, after a cut, and not while it accepts', async (t) => {
    const none = rig(t, create);
    none.listen();
    await immediate();
    assert.equal(none.idles, 0);
    none.engine.stopAccepting();
    assert.equal(none.idles, 0, 'in a call of its own');
    await immediate();
    assert.equal(none.idles, 1);
    none.engine.stopAccepting();
    await immediate();
    assert.equal(none.idles, 1);

    const it = rig(t, create);
    const { port } = await backend(t, echo);
    it.engine.route(0, 0, '127.0.0.1', port);
    const at = it.listen();
    await (await client(t, at)).send('.').bytes(1);
    assert.equal(it.engine.cut({ service: 0 }), 1);
    await immediate();
    assert.equal(it.idles, 0);
    await (await client(t, at)).send('.').bytes(1);
    it.engine.stopAccepting();
    assert.equal(it.engine.cut({ service: 0 }), 1);
    assert.equal(it.idles, 0, 'in a call of its own');
    await immediate();
    assert.equal(it.idles, 1);
    const again = it.listen(1);
    await (await client(t, again)).send('.').bytes(1);
    it.engine.stopAccepting();
    it.close();
    await immediate();
    assert.equal(it.idles, 1, 'not of a closed engine');
  });

  test('a copy of the listening socket in another process keeps the port and its queue', async (t) => {
    const it = rig(t, create);
    const handle = boundTcp('127.0.0.1', 0);
    const at = localPort(handle);
    const release = await holder(t, handle);
    it.engine.listen(3, handle, LISTENER);
    it.engine.stopAccepting();
    assert.equal(await connectTo(at), 'connected');
    assert.equal(await listenOn(at), 'EADDRINUSE');
    await release();
    assert.equal(await listenOn(at), 'listening');
    assert.equal(it.accepted.length, 0);
  });

  test('listen() on a port that another socket listens on throws EADDRINUSE', async (t) => {
    const it = rig(t, create);
    // Two sockets may be bound to one address. Only the second listen(2) fails.
    const first = boundTcp('127.0.0.1', 0);
    const second = boundTcp('127.0.0.1', localPort(first));
    it.engine.listen(0, first, LISTENER);
    assert.throws(() => it.engine.listen(1, second, LISTENER), { code: 'EADDRINUSE' });
  });

  test('cut() ends the connections of its listener, in whichever stage, and no others', async (t) => {
    const it = rig(t, create, { accepted: (_, listener) => [0, 0, 1, WAIT][listener] ?? -1 });
    const { port, peer: served } = await backend(t, echo);
    it.engine.route(0, 0, '127.0.0.1', port);
    it.engine.route(1, 0, '127.0.0.1', await silentPort(t));
    const peers: Peer[] = [];
    for (const listener of [0, 1, 2, 3]) peers.push(await client(t, it.listen(listener, { connectTimeoutMs: 60_000 })));
    const [kept, open, connecting, waiting] = peers;
    if (!kept || !open || !connecting || !waiting) throw new Error('Cannot happen: four were made');
    await kept.send('.').bytes(1);
    await open.send('.').bytes(1);
    await until(() => it.accepted.length === 4, 'all are accepted');
    assert.equal(it.engine.active, 4);
    for (const [listener, peer, how] of [
      [1, open, 'end'],
      [2, connecting, 'reset'],
      [3, waiting, 'reset'],
    ] as const) {
      const before = it.ended.length;
      assert.equal(it.engine.cut({ listener }), 1);
      assert.equal(it.ended.length, before + 1);
      assert.equal(it.ended[before]?.end, 'cut');
      assert.equal(await peer.finish(), how);
      assert.equal(it.engine.cut({ listener }), 0);
    }
    assert.equal(await (await served(1)).finish(), 'end');
    assert.equal(it.engine.active, 1);
    assert.equal(await kept.send('.').bytes(2), '..');
  });

  test('cut() ends the connections that it is given, once, and passes over what is none', async (t) => {
    const it = rig(t, create);
    const { port } = await backend(t, echo);
    it.engine.route(0, 0, '127.0.0.1', port);
    const at = it.listen();
    const peers = await Promise.all(Array.from({ length: 4 }, async () => client(t, at)));
    await Promise.all(peers.map(async (peer) => peer.send('.').bytes(1)));
    const [first = -1, second = -1] = it.open;
    assert.equal(it.engine.cut({ connections: [] }), 0);
    assert.equal(it.engine.cut({ connections: [first, 70_000, second, -1, first] }), 2);
    assert.deepEqual(
      it.ended.map(({ connection, end }) => [connection, end]),
      [
        [first, 'cut'],
        [second, 'cut'],
      ],
    );
    assert.equal(it.engine.active, 2);
  });

  test('cut() takes connections that have just passed an end on', async (t) => {
    const it = rig(t, create);
    const { port, peer: served } = await backend(t);
    it.engine.route(0, 0, '127.0.0.1', port);
    const peer = await client(t, it.listen());
    const other = await served();
    peer.end();
    await other.finish();
    assert.equal(it.engine.cut({ listener: 0 }), 1);
    assert.equal(await peer.finish(), 'end');
  });

  test('close() ends everything before it returns', async (t) => {
    const it = rig(t, create);
    const { port } = await backend(t, echo);
    it.engine.route(0, 0, '127.0.0.1', port);
    const at = it.listen();
    const peers = await Promise.all(Array.from({ length: 20 }, async () => client(t, at)));
    await Promise.all(peers.map(async (peer) => peer.send('.').bytes(1)));
    it.close();
    assert.deepEqual(
      it.ended.map(({ end, bytesIn, bytesOut }) => [end, bytesIn, bytesOut]),
      peers.map(() => ['cut', 1, 1]),
    );
    assert.deepEqual(
      await Promise.all(peers.map(async (peer) => peer.finish())),
      peers.map(() => 'end'),
    );
    assert.equal(await connectTo(at), 'ECONNREFUSED');
  });
}
