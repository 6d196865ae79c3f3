// The admin listener and the services share the machine's addresses: one may take in a reload what another gives up in the
// same reload.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test, type TestContext } from 'node:test';
import { type Bal, startBal } from './harness.ts';
import { ask } from './harness/admin.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { names } from './harness/exchange.ts';
import { startLoad, troubles, visits } from './harness/load.ts';
import { atEnd } from '../lib/testing/owner.ts';
import { freePort } from '../lib/testing/ports.ts';
import { ownProgram } from './soak/own-program.ts';

interface Scene {
  readonly bal: Bal;
  /** The ports of the service and of the admin listener. */
  readonly port: number;
  readonly admin: number;
  readonly free: number;
  configure(port: number, admin: string | null): void;
}

async function scene(t: TestContext, program?: string): Promise<Scene> {
  const a = await backend(t, named('a'));
  const [port, admin, free] = [await freePort(), await freePort(), await freePort()];
  const config = (at: number, page: string | null): Record<string, unknown> =>
    configFor(at, [a], page === null ? {} : { admin: page });
  const bal = await startBal(t, {
    config: config(port, `127.0.0.1:${admin}`),
    ...(program !== undefined && { program }),
  });
  return { bal, port, admin, free, configure: (at, page) => bal.configure(config(at, page)) };
}

async function isReloaded(bal: Bal): Promise<void> {
  const { code, verdict } = await bal.graceful();
  assert.equal(code, 0, JSON.stringify(verdict));
}

async function serves({ bal }: Scene, port: number, admin: number | null): Promise<void> {
  assert.deepEqual(troubles(await visits(port, names('a'), 10)), {});
  if (admin !== null) assert.equal((await ask(admin, '/healthz')).status, 200);
  assert.equal((await bal.status()).port, port);
}

test('the admin listener takes the port that a service leaves', async (t) => {
  const all = await scene(t);
  all.configure(all.free, `127.0.0.1:${all.port}`);
  await isReloaded(all.bal);
  await serves(all, all.free, all.port);
  await assert.rejects(ask(all.admin, '/healthz'), { code: 'ECONNREFUSED' });
});

test('a service takes the port that the admin listener leaves, which moves or goes', async (t) => {
  for (const goes of [false, true]) {
    const all = await scene(t);
    all.configure(all.admin, goes ? null : `127.0.0.1:${all.free}`);
    await isReloaded(all.bal);
    await serves(all, all.admin, goes ? null : all.free);
  }
});

test('a service and the admin listener change places', async (t) => {
  const all = await scene(t);
  all.configure(all.admin, `127.0.0.1:${all.port}`);
  await isReloaded(all.bal);
  await serves(all, all.admin, all.port);
});

test('the admin listener goes from one address to all addresses on its port', async (t) => {
  const all = await scene(t);
  all.configure(all.port, `0.0.0.0:${all.admin}`);
  await isReloaded(all.bal);
  await serves(all, all.port, all.admin);
  assert.equal((await ask(all.admin, '/healthz', { host: '127.0.0.2' })).status, 200);
});

test('a service that takes the admin port, and workers that do not come up: all is as it was', async (t) => {
  const { program, breakWorkers } = ownProgram(t);
  const all = await scene(t, program);
  const load = startLoad(t, all.port, names('a'), { clients: 2 });
  breakWorkers();
  all.configure(all.admin, `127.0.0.1:${all.port}`);
  const { code, verdict } = await all.bal.graceful();
  assert.equal(code, 1);
  assert.match(String(verdict.problem?.what_happened), /did not get ready/);
  assert.deepEqual(troubles(await load.stop()), {});
  await serves(all, all.port, all.admin);
});

test('an admin port that another program has is refused, also when a service would leave a like one', async (t) => {
  const all = await scene(t);
  const other = createServer().listen({ port: all.free, host: '127.0.0.1', exclusive: true });
  await once(other, 'listening');
  atEnd(t, () => other.close());
  all.configure(all.admin, `127.0.0.1:${all.free}`);
  const { code, verdict } = await all.bal.graceful();
  assert.equal(code, 1);
  assert.match(String(verdict.problem?.what_happened), new RegExp(`127\\.0\\.0\\.1:${all.free}`));
  await serves(all, all.port, all.admin);
});

test('an admin address that turns out not to be free once all else is done: all is as it was', async (t) => {
  const all = await scene(t);
  // On the service's port, but at another address: it blocks a wildcard bind, which shows only once the service has left the port.
  const other = createServer().listen({ port: all.port, host: '127.0.0.9', exclusive: true });
  await once(other, 'listening');
  atEnd(t, () => other.close());
  all.configure(all.free, `0.0.0.0:${all.port}`);
  const { code, verdict } = await all.bal.graceful();
  assert.equal(code, 1);
  assert.match(String(verdict.problem?.what_happened), new RegExp(`0\\.0\\.0\\.0:${all.port}`));
  await serves(all, all.port, all.admin);
  assert.equal((await visits(all.free, names('a'), 1)).refused, 1);
});
