// Targets and services: they come, move and go while the engine runs, and their settings apply to connections.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { WAIT } from '../../engine/engine.ts';
import type { CreateEngine, Whose } from '../../engine/engine.ts';
import { backend, client, echo, Peer } from './peer.ts';
import { rig, SERVICE } from './rig.ts';
import { silentPort } from './silent.ts';
import { until } from './wait.ts';

export function targetsTests(create: CreateEngine): void {
  test('targets come as they go: bytes grows with them and keeps what was counted', async (t) => {
    const ids = [0, 700, 3, 40_000, 15, 16];
    const it = rig(t, create, { accepted: () => ids[it.accepted.length - 1] ?? -1 });
    const { port } = await backend(t, echo);
    const at = it.listen();
    for (const [count, id] of ids.entries()) {
      it.engine.route(id, 0, '127.0.0.1', port);
      const peer = await client(t, at);
      const text = '.'.repeat(count + 1);
      assert.equal(await peer.send(text).bytes(count + 1), text);
    }
    const { bytes } = it.engine;
    assert.deepEqual(
      ids.map((id) => [bytes[2 * id], bytes[2 * id + 1]]),
      ids.map((_, i) => [i + 1, i + 1]),
    );
    assert.equal(
      bytes.reduce((sum, count) => sum + count, 0),
      2 * (1 + 2 + 3 + 4 + 5 + 6),
    );
  });

  test('connections come from the sources of their target in turn, of those of its family', async (t) => {
    const it = rig(t, create);
    const from: (string | undefined)[] = [];
    const server = net.createServer((socket) => {
      from.push(socket.remoteAddress);
      socket.pipe(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const { port } = server.address() as net.AddressInfo;
    const at = it.listen();
    for (const sources of [['127.0.0.2', '::1', '127.0.0.3'], [], ['127.0.0.9']]) {
      it.engine.route(0, 0, '127.0.0.1', port, sources);
      for (let i = 0; i < 3; i++) await (await client(t, at)).send('x').bytes(1);
    }
    const turns = ['127.0.0.2', '127.0.0.3', '127.0.0.2'];
    assert.deepEqual(from, [...turns, '127.0.0.1', '127.0.0.1', '127.0.0.1', '127.0.0.9', '127.0.0.9', '127.0.0.9']);
    assert.deepEqual(it.engine.exhaustion(), {});
  });

  test('a source that this machine has not, or none of the family, is a shortage of ours', async (t) => {
    const it = rig(t, create, { failed: () => (it.failures.length % 2 === 1 ? 1 : -1) });
    const { port } = await backend(t, echo);
    const at = it.listen();
    // 192.0.2.0/24 and 2001:db8::/32 belong to nobody (RFC 5737, RFC 3849).
    it.engine.route(0, 0, '127.0.0.1', port, ['192.0.2.1']);
    it.engine.route(1, 0, '127.0.0.1', port, ['2001:db8::1']);
    assert.equal(await new Peer(net.connect(at, '127.0.0.1')).finish(), 'reset');
    await it.ends(1);
    assert.deepEqual(it.failures, ['local', 'local']);
    assert.deepEqual(it.engine.exhaustion(), { 'bind EADDRNOTAVAIL': 2 });
  });

  test('a target is retired when no connection has it, leads nowhere then, and may be routed anew', async (t) => {
    const it = rig(t, create);
    const { port } = await backend(t, echo);
    it.engine.service(1, SERVICE);
    it.engine.route(0, 0, '127.0.0.1', port);
    const at = it.listen();
    const peer = await client(t, at);
    await peer.send('four').bytes(4);
    assert.equal(it.engine.unroute(0), false, 'a connection leads there');
    peer.end();
    await it.ends(1);
    assert.equal(it.engine.unroute(0), true);
    assert.equal(it.engine.unroute(0), true, 'it leads nowhere');
    assert.equal(it.engine.unroute(4711), true, 'nor did this one ever');
    const nobody = new Peer(net.connect(at, '127.0.0.1'));
    assert.equal(await nobody.finish(), 'reset');
    assert.deepEqual(it.failures, ['other']);
    await it.ends(2);
    it.engine.route(0, 1, '127.0.0.1', port);
    assert.deepEqual([it.engine.bytes[0], it.engine.bytes[1]], [0, 0]);
    await (await client(t, at)).send('x').bytes(1);
    assert.deepEqual([it.engine.bytes[0], it.engine.bytes[1]], [1, 1]);
    assert.equal(it.engine.cut({ service: 1 }), 1);
    assert.deepEqual(await it.ends(3), it.ended);
  });

  test('a target that a connection has left for another can be retired, and one that it has cannot', async (t) => {
    const it = rig(t, create, { failed: () => 1 });
    const { port } = await backend(t, echo);
    it.engine.route(1, 0, '127.0.0.1', port);
    it.engine.route(0, 0, '127.0.0.1', await silentPort(t));
    const peer = await client(t, it.listen(0, { connectTimeoutMs: 100 }));
    assert.equal(await peer.send('hello').bytes(5), 'hello');
    assert.deepEqual([it.engine.unroute(0), it.engine.unroute(1)], [true, false]);
  });

  test('a target needs a service that is known, and keeps it', (t) => {
    const it = rig(t, create);
    assert.throws(() => it.engine.route(0, 7, '127.0.0.1', 1), /Cannot route target 0: its service is not known/);
    it.engine.service(7, SERVICE);
    it.engine.route(0, 7, '127.0.0.1', 1);
    it.engine.route(0, 7, '127.0.0.1', 2);
    assert.throws(() => it.engine.route(0, 0, '127.0.0.1', 2), /Cannot route target 0: it belongs to another service/);
    assert.throws(() => it.engine.route(1, -1, '127.0.0.1', 2));
    assert.throws(() => it.engine.route(-1, 0, '127.0.0.1', 2), TypeError);
    assert.throws(() => it.engine.service(-1, SERVICE), TypeError);
    assert.throws(() => it.engine.route(2 ** 20, 0, '127.0.0.1', 2), TypeError);
  });

  test('of two services behind one listener each has its own times', async (t) => {
    const it = rig(t, create, { accepted: () => it.accepted.length - 1 });
    const { port } = await backend(t, echo);
    const at = it.listen();
    it.engine.service(1, { ...SERVICE, idleMs: 300 });
    it.engine.service(2, { ...SERVICE, connectTimeoutMs: 150 });
    it.engine.route(0, 0, '127.0.0.1', port);
    it.engine.route(1, 1, '127.0.0.1', port);
    it.engine.route(2, 2, '127.0.0.1', await silentPort(t));
    const stays = await client(t, at);
    assert.equal(await stays.send('1').bytes(1), '1');
    const idle = await client(t, at);
    assert.equal(await idle.send('2').bytes(1), '2');
    const unanswered = await client(t, at);
    assert.equal(await unanswered.finish(), 'reset');
    assert.deepEqual(it.failures, ['timeout']);
    assert.equal(await idle.finish(), 'end');
    assert.deepEqual((await it.ends(2)).map(({ end }) => end).sort(), ['idle', 'refused']);
    assert.equal(await stays.send('1').bytes(2), '11');
  });

  test('connections under way follow when their service gets other times', async (t) => {
    const it = rig(t, create, { accepted: () => it.accepted.length - 1 });
    const { port } = await backend(t, echo);
    it.engine.route(0, 0, '127.0.0.1', port);
    it.engine.route(1, 0, '127.0.0.1', await silentPort(t));
    const at = it.listen(0, { connectTimeoutMs: 60_000, idleMs: 60_000 });
    const open = await client(t, at);
    assert.equal(await open.send('1').bytes(1), '1');
    const connecting = await client(t, at);
    await until(() => it.accepted.length === 2, 'both are accepted');
    it.engine.service(0, { ...SERVICE, connectTimeoutMs: 200, idleMs: 200 });
    assert.equal(await open.finish(), 'end');
    assert.equal(await connecting.finish(), 'reset');
    assert.deepEqual((await it.ends(2)).map(({ end }) => end).sort(), ['idle', 'refused']);
    assert.deepEqual(it.failures, ['timeout']);
  });

  test('cut() takes those of a service or of a target, connecting or open, and not those that wait', async (t) => {
    const it = rig(t, create, { accepted: (_, listener) => [0, 1, 2, 3, WAIT][listener] ?? -1 });
    const { port } = await backend(t, echo);
    const peers: Peer[] = [];
    const ports = [0, 1, 2, 3, 4].map((listener) => it.listen(listener));
    for (const service of [0, 1]) it.engine.service(service, { ...SERVICE, connectTimeoutMs: 60_000 });
    it.engine.route(0, 0, '127.0.0.1', port);
    it.engine.route(1, 1, '127.0.0.1', port);
    it.engine.route(2, 1, '127.0.0.1', await silentPort(t));
    it.engine.route(3, 1, '127.0.0.1', port);
    for (const at of ports) peers.push(await client(t, at));
    for (const i of [0, 1, 3]) await peers[i]?.send('.').bytes(1);
    await until(() => it.accepted.length === 5, 'all are accepted');
    const cut = (whose: Whose): readonly unknown[] => {
      const count = it.engine.cut(whose);
      return [count, it.ended.length, it.engine.active];
    };
    assert.deepEqual(cut({ target: 3 }), [1, 1, 4]);
    assert.deepEqual(cut({ target: 3 }), [0, 1, 4]);
    assert.deepEqual(cut({ service: 1 }), [2, 3, 2]);
    assert.deepEqual(cut({ target: 1 }), [0, 3, 2]);
    assert.deepEqual(cut({ service: 7 }), [0, 3, 2]);
    assert.deepEqual(cut({ listener: 0 }), [1, 4, 1]);
    assert.deepEqual(cut({ service: 0 }), [0, 4, 1]);
    assert.deepEqual(cut({ target: -2 }), [0, 4, 1], 'to wait is no target');
    assert.deepEqual(cut({ listener: 4 }), [1, 5, 0]);
    assert.deepEqual(await Promise.all(peers.map(async (peer) => peer.finish())), [
      'end',
      'end',
      'reset',
      'end',
      'reset',
    ]);
    assert.ok(it.ended.every(({ end }) => end === 'cut'));
  });
}
