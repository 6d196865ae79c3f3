import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { holdersOf, listenersOn, listeningSockets, parseListeners } from './sockets.ts';
import { anyText } from '../../testing/any-text.ts';

const linuxOnly = { skip: process.platform !== 'linux' && 'needs /proc' };

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2328 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0
   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 100 0 0 10 0
   2: 0100007F:2328 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 4713 1 0000000000000000 100 0 0 10 0
`;
const TABLE6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:2329 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4714 1 0000000000000000 100 0 0 10 0
   1: 00000000000000000000000001000000:232A 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4715 1 0000000000000000 100 0 0 10 0
   2: B80D01200000000000000000010000AB:232B 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4716 1 0000000000000000 100 0 0 10 0
`;

test('the listening sockets of /proc/net/tcp and tcp6 are read, and no others', () => {
  assert.deepEqual(parseListeners(TABLE), [
    { host: '127.0.0.1', port: 9000, inode: '4711' },
    { host: '0.0.0.0', port: 80, inode: '4712' },
  ]);
  assert.deepEqual(parseListeners(TABLE6), [
    { host: '::', port: 9001, inode: '4714' },
    { host: '::1', port: 9002, inode: '4715' },
    { host: '2001:db8::ab00:1', port: 9003, inode: '4716' },
  ]);
});

test('no text makes the reader throw', () => {
  fc.assert(fc.property(anyText(), (text) => parseListeners(text).length >= 0));
});

test('a listening socket of this process is found, and found to be its own', linuxOnly, async () => {
  for (const host of ['127.0.0.1', '0.0.0.0', '::1', '::']) {
    const server = createServer().listen(0, host);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const sockets = listenersOn(host, port, listeningSockets() ?? []);
    assert.equal(sockets.length, 1, host);
    assert.deepEqual(
      holdersOf(sockets, [process.pid]).map(({ pid }) => pid),
      [process.pid],
    );
    assert.ok(
      holdersOf(sockets).some(({ pid }) => pid === process.pid),
      'also when all processes are looked at',
    );
    assert.deepEqual(holdersOf(sockets, [1 << 22]), []);
    server.close();
  }
});

test('an address collides with a wildcard, not with another address', linuxOnly, async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const listening = listeningSockets() ?? [];
  assert.equal(listenersOn('0.0.0.0', port, listening).length, 1);
  assert.equal(listenersOn('::', port, listening).length, 1);
  assert.equal(listenersOn('127.0.0.2', port, listening).length, 0);
  server.close();
});
