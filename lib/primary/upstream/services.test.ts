// Health of real backends, with workers' reports that the test sends.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { test, type TestContext } from 'node:test';
import { parseConfig } from '../../../config/load.ts';
import { freePort } from '../../testing/ports.ts';
import { until } from '../../testing/until.ts';
import { TIER_COOLING, TIER_USABLE } from '../../ipc/snapshot.ts';
import { toMachine } from '../../machine-clock.ts';
import { cooldownLeft } from './backend.ts';
import type { Log } from '../log/log.ts';
import { createServices } from './services.ts';

async function listen(t: TestContext, port: number): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => undefined).resume()).listen(port, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return server;
}

/** A service of so many backends, none of which listens, and its log. */
async function setUp(t: TestContext, count: number, more = '') {
  const ports: number[] = [];
  for (let i = 0; i < count; i++) ports.push(await freePort());
  const list = ports.map((port) => `{ host: 127.0.0.1, port: ${port} }`).join(', ');
  const { plan } = parseConfig(`port: 9\nbackends: [${list}]\n${more}`, '/config.yaml');
  assert.ok(plan !== null);
  const reported: string[] = [];
  const silence = (): void => undefined;
  const report = (event: string): void => void reported.push(event);
  const log: Log = { debug: silence, info: report, warn: report, error: report, for: () => log };
  const services = createServices(log, silence);
  t.after(() => services.close());
  services.apply(plan);
  const addresses = ports.map((port) => `127.0.0.1:${port}`);
  const backend = (i = 0) => services.get('default')?.pool.backends[i] ?? assert.fail();
  return { services, ports, addresses, backend, reported };
}

const QUICK = 'runtime: { health_check_interval_ms: 10, backend_cooldown_ms: 60000 }\n';

test('all backends down and back: what a worker tells late of before they came back takes none down', async (t) => {
  const { services, ports, addresses, backend, reported } = await setUp(t, 2, QUICK);
  await until('both are down', () => backend(0).health === 'down' && backend(1).health === 'down');
  // Clients are refused now; the worker keeps what it saw for 50 ms.
  const refusedAt = performance.now();
  for (const port of ports) await listen(t, port);
  await until('both are up', () => backend(0).health === 'up' && backend(1).health === 'up');
  reported.length = 0;
  for (const address of addresses) {
    for (const cause of ['refused', 'reset', 'timeout'] as const) {
      services.connectFailed('default', address, cause, 20, refusedAt);
    }
  }
  for (const [i, address] of addresses.entries()) {
    assert.equal(backend(i).health, 'up');
    assert.equal(cooldownLeft(backend(i), performance.now()), 0);
    const { tier, provenAt } = services.endpoint('default', address);
    assert.equal(tier, TIER_USABLE);
    assert.ok(provenAt > toMachine(refusedAt), 'the workers learn that theirs is older');
  }
  assert.equal(reported.includes('backend.down'), false);
  services.connectFailed('default', addresses[0] ?? '', 'refused', 1, performance.now());
  assert.equal(services.endpoint('default', addresses[0] ?? '').tier, TIER_COOLING, 'what is new counts');
});

test("a client's connect to a backend that is down brings it up", async (t) => {
  const { services, addresses, backend, reported } = await setUp(t, 1);
  await until('it is down', () => backend().health === 'down');
  services.reached('default', addresses[0] ?? '', backend().failedAt - 1);
  assert.equal(backend().health, 'down', 'one that began before the check did says nothing');
  services.reached('default', addresses[0] ?? '', Number.MAX_VALUE);
  assert.equal(backend().health, 'up');
  assert.ok(backend().passedAt <= performance.now(), 'nothing comes from the future');
  assert.ok(reported.includes('backend.up'));
});

test('reports of a steady backend change nothing until a check would be due', async (t) => {
  const { services, addresses, ports, backend } = await setUp(t, 1);
  await listen(t, ports[0] ?? 0);
  await until('it is up', () => backend().health === 'up');
  const { pool } = services.get('default') ?? assert.fail();
  services.reached('default', addresses[0] ?? '', performance.now());
  assert.equal(services.get('default')?.pool, pool);
});

/** The single backend, checked by `check`, in a service that is applied anew. */
async function checkedBy(t: TestContext, check: string, answer: () => string) {
  const server = createServer((socket) =>
    socket.on('error', () => undefined).once('data', () => socket.end(answer())),
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return setUp(t, 1, `health_check: ${check.replace('PORT', String(address.port))}\n${QUICK}`);
}

test("a client's connect does not speak for an application that answers its checks wrongly", async (t) => {
  let status = 503;
  const answer = () => `HTTP/1.1 ${status} X\r\n\r\n`;
  const { services, addresses, backend, reported } = await checkedBy(t, '{type: http, port: PORT}', answer);
  await until('it is down', () => backend().health === 'down');
  const [address = ''] = addresses;
  services.reached('default', address, performance.now());
  assert.equal(backend().health, 'down');
  status = 200;
  await until('it is up', () => backend().health === 'up');
  status = 500;
  reported.length = 0;
  // Clients keep connecting, the latest of them after every check.
  await until('it is down again', () => {
    services.reached('default', address, performance.now());
    return backend().health === 'down';
  });
  assert.deepEqual(reported, ['backend.down']);
  const last = backend().evidence.at(-1);
  assert.deepEqual(
    [last?.source, last?.cause, last?.fact],
    ['check', 'bad_answer', 'HTTP status 500, expected 200-399'],
  );
});

test('what checks find at another port does not speak for the one that clients are refused at', async (t) => {
  const { services, addresses, backend } = await checkedBy(
    t,
    '{type: http, port: PORT}',
    () => 'HTTP/1.1 200 OK\r\n\r\n',
  );
  const [address = ''] = addresses;
  await until('it is up', () => backend().health === 'up');
  const failedAt = performance.now();
  services.connectFailed('default', address, 'refused', 1, failedAt);
  const { passedAt } = backend();
  await until('a later check has passed', () => backend().passedAt > Math.max(passedAt, failedAt));
  assert.ok(cooldownLeft(backend(), performance.now()) > 0);
  assert.equal(services.endpoint('default', address).provenAt, 0);
  services.reached('default', address, performance.now());
  assert.equal(cooldownLeft(backend(), performance.now()), 0, 'a later client that was connected does');
  assert.ok(services.endpoint('default', address).provenAt > toMachine(failedAt));
});

test('another check after a reload is made at once, and its result counts', async (t) => {
  const { services, backend, ports } = await setUp(t, 1, 'runtime: { health_check_interval_ms: 3600000 }\n');
  await until('it is down', () => backend().health === 'down');
  const server = createServer((socket) => socket.on('error', () => undefined).end('+OK\r\n')).listen(
    ports[0],
    '127.0.0.1',
  );
  await once(server, 'listening');
  t.after(() => server.close());
  const { plan } = parseConfig(
    `port: 9\nbackends: [{ host: 127.0.0.1, port: ${ports[0]} }]\nhealth_check: {type: expect, expect: "+OK"}\n`,
    '/config.yaml',
  );
  assert.ok(plan !== null);
  services.apply(plan);
  await until('it is up', () => backend().health === 'up');
});
