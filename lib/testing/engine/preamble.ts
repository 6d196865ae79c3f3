// A preamble: bytes of the policy's own that go before the client's.

import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { ipv4Text, ipv6Text, isIpv4In } from '../../../config/ip.ts';
import { FIRST_BYTES_AT_MOST, INSPECT } from '../../engine/engine.ts';
import type { End } from '../../engine/ends.ts';
import type { CreateEngine } from '../../engine/engine.ts';
import { backend, client, Peer, refusingPort } from './peer.ts';
import { rig, SERVICE } from './rig.ts';

function textOf({ ip, port }: End): string {
  return `${isIpv4In(ip, 0) ? ipv4Text(ip, 12) : ipv6Text(ip, 0)}:${port}`;
}

const hello = (): Buffer => Buffer.from('PROXY ');

export function preambleTests(create: CreateEngine): void {
  test("the backend is sent it before the client's first byte, and it is not counted", async (t) => {
    const it = rig(t, create, { preamble: hello });
    const { port, peer: served } = await backend(t);
    it.engine.route(0, 0, '127.0.0.1', port);
    const at = it.listen(0, { preamble: true });
    for (const turn of [0, 1]) {
      const peer = await client(t, at);
      peer.send('from the client');
      const other = await served(turn);
      assert.equal(await other.bytes(21), 'PROXY from the client');
      other.send('answer').end();
      assert.equal(await peer.bytes(6), 'answer');
      peer.end();
      const { end, bytesIn, bytesOut } = (await it.ends(turn + 1))[turn] ?? {};
      assert.deepEqual([end, bytesIn, bytesOut], ['backend_closed', 15, 6]);
    }
    assert.deepEqual(Array.from(it.engine.bytes.subarray(0, 2)), [30, 12]);
  });

  test('it is sent though the client never sends a byte, and when it only ends', async (t) => {
    const it = rig(t, create, { preamble: hello });
    const { port, peer: served } = await backend(t);
    it.engine.route(0, 0, '127.0.0.1', port);
    const peer = await client(t, it.listen(0, { preamble: true }));
    const other = await served();
    assert.equal(await other.bytes(6), 'PROXY ');
    peer.end();
    assert.equal(await other.finish(), 'end');
    assert.equal(other.received, 6);
    other.end();
    assert.equal(await it.end(), 'client_closed');
    assert.equal(it.ended[0]?.bytesIn, 0);
  });

  test('only services that have it are asked, and null is nothing', async (t) => {
    let asked = 0;
    const it = rig(t, create, {
      accepted: () => it.accepted.length - 1,
      preamble: () => {
        asked++;
        return null;
      },
    });
    const { port, peer: served } = await backend(t);
    const at = it.listen();
    it.engine.service(1, { ...SERVICE, preamble: true });
    it.engine.route(0, 0, '127.0.0.1', port);
    it.engine.route(1, 1, '127.0.0.1', port);
    for (const turn of [0, 1]) {
      const peer = await client(t, at);
      peer.send('plain');
      assert.equal(await (await served(turn)).bytes(5), 'plain');
      assert.equal(asked > 0, turn === 1);
    }
  });

  test('it goes to the backend that is reached, once, before what an earlier attempt has read', async (t) => {
    const it = rig(t, create, { preamble: hello, failed: () => 1 });
    const { port, peer: served } = await backend(t);
    const at = it.listen();
    it.engine.service(1, { ...SERVICE, preamble: true });
    it.engine.route(0, 0, '127.0.0.1', refusingPort(t));
    it.engine.route(1, 1, '127.0.0.1', port);
    for (let turn = 0; turn < 5; turn++) {
      const peer = await client(t, at);
      peer.send('data').end();
      const other = await served(turn);
      assert.equal(await other.finish(), 'end');
      assert.equal(other.text, 'PROXY data');
      other.end();
      await it.ends(turn + 1);
    }
    assert.ok(it.ended.every(({ bytesIn }) => bytesIn === 4));
  });

  test("one of 32 KiB arrives whole before the client's megabytes", async (t) => {
    const preamble = Buffer.alloc(32 * 1024, 'p');
    const it = rig(t, create, { preamble: () => preamble });
    const { port, peer: served } = await backend(t);
    it.engine.route(0, 0, '127.0.0.1', port);
    const peer = await client(t, it.listen(0, { preamble: true }));
    peer.send('c'.repeat(2_000_000)).end();
    const other = await served();
    const text = await other.bytes(2_000_000 + preamble.length);
    assert.equal(text.lastIndexOf('p'), preamble.length - 1);
    assert.equal(text.indexOf('c'), preamble.length);
    other.end();
    await it.end();
    assert.equal(it.ended[0]?.bytesIn, 2_000_000);
  });

  test('inspection and preamble go together: one header is taken, another put in its place', async (t) => {
    const it = rig(t, create, {
      accepted: () => INSPECT,
      inspected: (connection) => {
        it.engine.take(connection, 4);
        return 0;
      },
      preamble: () => Buffer.from('new '),
    });
    const { port, peer: served } = await backend(t);
    it.engine.route(0, 0, '127.0.0.1', port);
    const peer = await client(t, it.listen(0, { preamble: true, inspect: { bytes: 100, ms: 60_000 } }));
    peer.send('old data').end();
    const other = await served();
    assert.equal(await other.finish(), 'end');
    assert.equal(other.text, 'new data');
    other.end();
    await it.end();
    assert.equal(it.ended[0]?.bytesIn, 4);
  });

  test('the policy may add routes while it is asked, so many that their table moves', async (t) => {
    let added = 0;
    const it = rig(t, create, {
      preamble: () => {
        it.engine.route((added += 3000), 0, '127.0.0.1', 1);
        return hello();
      },
    });
    const { port, peer: served } = await backend(t);
    it.engine.route(0, 0, '127.0.0.1', port);
    const at = it.listen(0, { preamble: true });
    for (const turn of [0, 1, 2]) {
      const peer = (await client(t, at)).send('data');
      assert.equal(await (await served(turn)).bytes(10), 'PROXY data');
      peer.end();
    }
  });

  test('one that is too long cuts the connection, and no byte of it or of the client is sent', async (t) => {
    const it = rig(t, create, { preamble: () => Buffer.alloc(FIRST_BYTES_AT_MOST + 1) });
    let received = 0;
    const { port } = await backend(t, (peer) => void peer.socket.on('data', (bytes) => (received += bytes.length)));
    it.engine.route(0, 0, '127.0.0.1', port);
    const peer = new Peer(net.connect(it.listen(0, { preamble: true }), '127.0.0.1'));
    peer.send('data');
    assert.equal(await peer.finish(), 'reset');
    assert.deepEqual([await it.end(), received], ['cut', 0]);
  });

  for (const [bound, reached] of [
    ['0.0.0.0', '127.0.0.3'],
    ['127.0.0.3', '127.0.0.3'],
    ['::', '127.0.0.3'],
    ['::1', '::1'],
  ] as const)
    test(`it tells the client and where it came, whether the client talks or not: ${bound}`, async (t) => {
      const it = rig(t, create, {
        preamble: (connection) => {
          const { client: from, local } = it.engine.ends(connection);
          assert.ok(from !== null && local !== null);
          return Buffer.from(`${textOf(from)} ${textOf(local)}\n`);
        },
      });
      const { port, peer: served } = await backend(t);
      it.engine.route(0, 0, '127.0.0.1', port);
      const at = it.listen(0, { preamble: true }, bound);
      for (let turn = 0; turn < 20; turn++) {
        const peer = await client(t, at, reached);
        const talks = turn % 3 !== 0;
        if (talks) peer.send('data');
        const other = await served(turn);
        const own = reached === '::1' ? reached : '127.0.0.1';
        const header = `${own}:${peer.socket.localPort} ${reached}:${at}\n`;
        assert.equal(await other.bytes(header.length + (talks ? 4 : 0)), `${header}${talks ? 'data' : ''}`);
        other.send('hello');
        assert.equal(await peer.bytes(5), 'hello');
        peer.reset();
      }
      await it.ends(20);
    });

  test("a backend that resets when it has it is a backend's reset", async (t) => {
    const it = rig(t, create, { preamble: hello });
    const { port } = await backend(t, (peer) => void peer.socket.once('data', () => peer.reset()));
    it.engine.route(0, 0, '127.0.0.1', port);
    const peer = await client(t, it.listen(0, { preamble: true }));
    assert.equal(await peer.finish(), 'reset');
    assert.equal(await it.end(), 'backend_reset');
  });
}
