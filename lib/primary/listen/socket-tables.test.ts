import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type ListenOptions, type Server, type Socket } from 'node:net';
import { endianness, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readSocketTables } from './socket-tables.ts';

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2449 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100 0 0 10 0
   1: 0100007F:2449 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 12 1 0 20 4 0 10 -1
rubbish
`;
const TCP6 = `  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 21 1 0 100
   1: B80D0120000000000000000001000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 22 1 0 100
`;
const UNIX = `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 31 /run/app with space.sock
0000000000000000: 00000002 00000000 00000000 0002 01 32 /run/datagram
0000000000000000: 00000003 00000000 00000000 0001 03 33 /run/connected
0000000000000000: 00000002 00000000 00010000 0001 01 34 @abstract
0000000000000000: 00000002 00000000 00010000 0005 01 35 /run/packets
0000000000000000: 00000002 00000000 00010000 0001 01 36
`;

test('sockets that listen are told by their inode, and no others', { skip: endianness() !== 'LE' }, () => {
  const { listeningAt } = readSocketTables(
    (file) => ({ '/proc/net/tcp': TCP, '/proc/net/tcp6': TCP6, '/proc/net/unix': UNIX })[file] ?? '',
  );
  const found = ['11', '12', '21', '22', '31', '32', '33', '34', '35', '36', '', 'inode'].map(listeningAt);
  const [tcp, connected, all, v6, unix, ...rest] = found;
  assert.deepEqual([tcp, connected, all, v6], ['127.0.0.1:9289', null, '[::]:80', '[2001:db8::1]:443']);
  assert.equal(unix, 'unix:/run/app with space.sock');
  assert.deepEqual(new Set(rest), new Set([null]));
  assert.equal(readSocketTables(() => '').listeningAt('11'), null);
});

function inodeOf(socket: Server | Socket): string {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = Reflect.get(Object(handle), 'fd');
  return /\d+/.exec(readlinkSync(`/proc/self/fd/${String(fd)}`))?.[0] ?? '';
}

async function listening(t: TestContext, where: ListenOptions): Promise<Server> {
  const server = createServer().listen(where);
  await once(server, 'listening');
  t.after(() => server.close());
  return server;
}

test("this machine's own are found", { skip: process.platform !== 'linux' }, async (t) => {
  const tcp = await listening(t, { port: 0, host: '127.0.0.1' });
  const path = join(tmpdir(), `bal-tables-${process.pid}.sock`);
  const unix = await listening(t, { path });
  const { port } = tcp.address() as AddressInfo;
  const client = connect(port, '127.0.0.1');
  await once(client, 'connect');
  t.after(() => client.destroy());
  const { listeningAt } = readSocketTables();
  assert.equal(listeningAt(inodeOf(tcp)), `127.0.0.1:${port}`);
  assert.equal(listeningAt(inodeOf(unix)), `unix:${path}`);
  assert.equal(listeningAt(inodeOf(client)), null);
});
