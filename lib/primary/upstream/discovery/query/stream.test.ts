// What does not fit into a datagram. The name servers are sockets of this process, which answer as each test wants.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameServer, type NameServer } from '../../../../testing/name-server.ts';
import { until } from '../../../../testing/until.ts';
import { openLine } from './line.ts';
import { openStream } from './stream.ts';

const TRUNCATED = { flags: 0x8380 };
const ips = (count: number): string[] => Array.from({ length: count }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
const asked = (server: NameServer): string => server.asked.map(({ by }) => by).join(' ');
const streamTo = (server: NameServer) => openStream('127.0.0.1', Number(server.address.split(':')[1]));

test('what does not fit into a datagram is asked for once more, over TCP', async (t) => {
  const server = await nameServer(t);
  const line = openLine(server.address);
  t.after(() => line.close());
  // As many as fit into a message of TCP.
  const all = ips(4090);
  server.says = ({ by }) => (by === 'udp' ? TRUNCATED : { ips: all });
  const answer = await line.ask('web.test', 'A');
  assert.ok(answer !== null && typeof answer !== 'string');
  assert.deepEqual(answer.ips, all);
  assert.equal(asked(server), 'udp tcp');
  await until('its connection is closed', () => server.connections.size === 0);
  server.says = () => TRUNCATED;
  assert.equal(await line.ask('web.test', 'A'), 'unclear', 'truncated, over TCP too');
});

test('a server that says nothing over TCP has failed, but was not silent', async (t) => {
  const server = await nameServer(t);
  const line = openLine(server.address);
  t.after(() => line.close());
  server.says = ({ by }) => (by === 'udp' ? TRUNCATED : null);
  assert.equal(await line.ask('web.test', 'A'), 'failed');
  const waits = line.ask('web.test', 'A');
  await until('it is asked', () => server.asked.length === 4);
  for (const connection of server.connections) connection.resetAndDestroy();
  assert.equal(await waits, 'failed');
});

test('queries that overlap share a connection, and each gets its own answer, however they are cut', async (t) => {
  const server = await nameServer(t);
  const stream = streamTo(server);
  t.after(() => stream.close());
  server.says = ({ name }) => ({ ips: [`10.0.0.${name.slice(1)}`] });
  const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => stream.ask(`n${i}`, 'A')));
  assert.deepEqual(
    answers.map((it) => (it !== null && typeof it !== 'string' ? it.ips.join() : it)),
    Array.from({ length: 200 }, (_, i) => `10.0.0.${i}`),
  );
  assert.equal(new Set(server.asked.map(({ from }) => from)).size, 1);
});

test('when a server closes, what waits gets no answer, and the next query a connection of its own', async (t) => {
  const server = await nameServer(t);
  const stream = streamTo(server);
  t.after(() => stream.close());
  let times = 0;
  server.says = () => (times++ === 0 ? { ips: ['10.0.0.1'] } : null);
  const both = [stream.ask('a', 'A'), stream.ask('b', 'A')];
  await until('both are asked', () => server.asked.length === 2);
  for (const connection of server.connections) connection.end();
  const [one, other] = await Promise.all(both);
  assert.ok(one !== null && typeof one === 'object');
  assert.equal(other, null);
  server.says = () => ({ ips: ['10.0.0.2'] });
  assert.equal(typeof (await stream.ask('c', 'A')), 'object');
});

test('closed, it opens no connection, and none is left', async (t) => {
  const server = await nameServer(t);
  const stream = streamTo(server);
  server.says = () => null;
  const waits = stream.ask('a', 'A');
  await until('it is asked', () => server.asked.length === 1);
  stream.close();
  assert.deepEqual([await waits, await stream.ask('b', 'A')], [null, null]);
  await until('its connection is closed', () => server.connections.size === 0);
  assert.equal(server.asked.length, 1);
});
