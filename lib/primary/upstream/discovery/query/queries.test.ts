// How name servers are asked. They are sockets of this process, which answer as each test wants.
import assert from 'node:assert/strict';
import dns from 'node:dns/promises';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { nameServer } from '../../../../testing/name-server.ts';
import { until } from '../../../../testing/until.ts';
import { serverDns } from '../dns.ts';
import { MAX_QUERIES, openLine } from './line.ts';
import { createQueries, type Queries } from './queries.ts';

function queriesTo(t: TestContext, ...servers: readonly string[]): Queries {
  const resolver = new dns.Resolver({ timeout: 100, tries: 1 });
  resolver.setServers(servers);
  const queries = createQueries(resolver, servers);
  t.after(() => queries.close());
  return queries;
}

const found = async (queries: Queries, name = 'web.test'): Promise<string> => {
  const { ips, none, ttlSeconds } = await queries.addresses(name, 'A');
  return none ?? `${ips.join()} for ${ttlSeconds}`;
};

test('queries share a socket, each with an id of its own, and not for long', async (t) => {
  const server = await nameServer(t);
  const line = openLine(server.address);
  t.after(() => line.close());
  await Promise.all(Array.from({ length: 2 * MAX_QUERIES + 1 }, (_, i) => line.ask(`n${i}.test`, 'A')));
  const ports = [...new Set(server.asked.map(({ from }) => from))];
  const idsOf = ports.map((port) => server.asked.filter(({ from }) => from === port).map(({ id }) => id));
  assert.deepEqual(
    idsOf.map(({ length }) => length).toSorted((a, b) => b - a),
    [MAX_QUERIES, MAX_QUERIES, 1],
  );
  for (const ids of idsOf) assert.equal(new Set(ids).size, ids.length);
});

test('an answer counts only with the id and the question of a query', async (t) => {
  const server = await nameServer(t, (answer) => {
    const [otherId, otherName, short] = [Buffer.from(answer), Buffer.from(answer), answer.subarray(0, 11)];
    otherId[1] = (otherId[1] ?? 0) ^ 1;
    otherName[13] = 0x78;
    for (const lie of [otherId, otherName]) lie[lie.length - 1] = 66;
    return [short, otherId, otherName, Buffer.alloc(0), answer];
  });
  assert.equal(await found(queriesTo(t, server.address)), '10.0.0.1 for 7');
  assert.equal(server.asked.length, 1);
});

test('that a name or an address is missing is an answer, and nobody else is asked', async (t) => {
  const [first, second] = [await nameServer(t), await nameServer(t)];
  const queries = queriesTo(t, first.address, second.address);
  first.says = () => ({ flags: 0x8183 });
  assert.equal(await found(queries), 'ENOTFOUND');
  await assert.rejects(queries.services('_x._tcp.test'), { code: 'ENOTFOUND' });
  first.says = () => ({});
  assert.equal(await found(queries), 'ENODATA');
  assert.deepEqual([first.asked.length, second.asked.length], [3, 0]);
});

test('the next server is asked when one fails, is closed or is silent; what is silent then waits behind the others', async (t) => {
  const [first, second] = [await nameServer(t), await nameServer(t)];
  const queries = queriesTo(t, first.address, second.address);
  first.says = () => ({ flags: 0x8182 });
  assert.equal(await found(queries), '10.0.0.1 for 7');
  assert.equal(await found(queries), '10.0.0.1 for 7');
  assert.deepEqual([first.asked.length, second.asked.length], [2, 2], 'one that fails is asked first again');
  first.says = () => null;
  assert.equal(await found(queries), '10.0.0.1 for 7');
  assert.equal(await found(queries), '10.0.0.1 for 7');
  assert.deepEqual([first.asked.length, second.asked.length], [3, 4], 'one that is silent is not');
  second.says = () => ({ flags: 0x8182 });
  first.says = () => ({ ips: ['10.0.0.2'] });
  assert.equal(await found(queries), '10.0.0.2 for 7', 'but rather than nobody');
  second.says = () => ({ ips: ['10.0.0.3'] });
  assert.equal(await found(queries), '10.0.0.2 for 7', 'it answers again, so it is the first again');
});

test('of several that are silent, a query tries one again', async (t) => {
  const all = [await nameServer(t), await nameServer(t), await nameServer(t)];
  const clock = { now: 1000 };
  const servers = all.map(({ address }) => address);
  const queries = createQueries(new dns.Resolver(), servers, () => clock.now);
  t.after(() => queries.close());
  for (const server of all.slice(0, 2)) server.says = () => null;
  const asked = (): number[] => all.map((server) => server.asked.length);
  await found(queries);
  assert.deepEqual(asked(), [1, 1, 1]);
  clock.now += 9999;
  await found(queries);
  assert.deepEqual(asked(), [1, 1, 2], 'not yet');
  clock.now += 1;
  await found(queries);
  assert.deepEqual(asked(), [2, 1, 3]);
  await found(queries);
  assert.deepEqual(asked(), [2, 2, 4]);
  await found(queries);
  assert.deepEqual(asked(), [2, 2, 5]);
});

test('what is odd or not to be asked so is left to Node.js', async (t) => {
  const server = await nameServer(t);
  const queries = queriesTo(t, server.address);
  let times = 0;
  server.says = () => ({ ips: ['10.0.0.9'], flags: times++ === 0 ? 0x8181 : 0x8180 });
  assert.equal(await found(queries), '10.0.0.9 for 7');
  assert.equal(server.asked.length, 2);
  server.says = () => ({ ips: ['10.0.0.8'] });
  assert.equal(await found(queries, 'a*b.test'), '10.0.0.8 for 7');
  server.says = () => ({ flags: 0x8182 });
  assert.equal(await found(queries), 'ESERVFAIL');
});

// Node.js asks without EDNS.
test('a server that answers EDNS with the header of an error is not waited for', async (t) => {
  const [first, second] = [await nameServer(t), await nameServer(t)];
  const queries = queriesTo(t, first.address, second.address);
  let times = 0;
  first.says = () => (times++ === 0 ? { flags: 0x8181, isBare: true } : { ips: ['10.0.0.9'] });
  assert.equal(await found(queries), '10.0.0.9 for 7');
  first.says = () => ({ flags: 0x8185, isBare: true });
  assert.equal(await found(queries), '10.0.0.1 for 7');
  assert.deepEqual([first.asked.length, second.asked.length], [3, 1], 'it was not silent, so it is asked first');
  // Nobody takes an empty answer without a question for one.
  first.says = ({ type }) => (type === 1 ? { isBare: true } : { flags: 0x8182 });
  assert.equal(await found(queries), '10.0.0.1 for 7');
  assert.equal(second.asked.length, 2);
});

test('a closed port is told to all that wait, and at once', async (t) => {
  const server = await nameServer(t);
  const line = openLine(server.address);
  t.after(() => line.close());
  server.says = () => null;
  const waiting = ['a', 'b', 'c'].map((name) => line.ask(name, 'A'));
  await until('all have been asked', () => server.asked.length === 3);
  const over = once(server.socket, 'close');
  const { address } = server;
  server.socket.close();
  await over;
  const last = await line.ask('d', 'A');
  assert.deepEqual([last, ...(await Promise.all(waiting))], [null, null, null, null], address);
});

/** The descriptors of this process, where the system tells them. */
const descriptors = (): number => (existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0);

test('a closed client asks nobody, what waits ends, and no socket is left', async (t) => {
  const server = await nameServer(t);
  const before = descriptors();
  const client = serverDns([server.address]);
  assert.deepEqual(await client.lookup('web.test'), ['10.0.0.1']);
  server.says = () => null;
  const waiting = [client.lookup('web.test'), client.services('_x._tcp.test')];
  await until('it has been asked', () => server.asked.length === 5);
  client.close();
  for (const it of waiting) await assert.rejects(it, { code: 'ECANCELLED' });
  await assert.rejects(client.lookup('other.test'), { code: 'ECANCELLED' });
  assert.equal(server.asked.length, 5);
  await until('its sockets are closed', () => descriptors() <= before);
});

test('a socket that nobody uses is closed', async (t) => {
  const server = await nameServer(t);
  const before = descriptors();
  const line = openLine(server.address);
  t.after(() => line.close());
  assert.equal(typeof (await line.ask('web.test', 'A')), 'object');
  await until('it is closed', () => descriptors() <= before);
});

test('one family that fails keeps its last answer', async (t) => {
  const server = await nameServer(t);
  const client = serverDns([server.address]);
  t.after(() => client.close());
  assert.deepEqual([await client.lookup('web.test'), await client.ttlSeconds('web.test')], [['10.0.0.1'], 7]);
  server.says = ({ type }) => (type === 1 ? { flags: 0x8182 } : {});
  assert.deepEqual(await client.lookup('web.test'), ['10.0.0.1']);
  server.says = () => ({});
  await assert.rejects(client.lookup('web.test'), { code: 'ENODATA' });
});

// Linux refuses to connect to a link-local address without a zone, and to any address without a route.
test('a name server to which no socket can be connected gives no answer', async () => {
  const line = openLine('fe80::1');
  assert.equal(await line.ask('_a._tcp.example.test', 'SRV'), null);
  line.close();
});
