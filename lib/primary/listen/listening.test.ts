// Real sockets on the loopback, bound and listened on as a worker would.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { test, type TestContext } from 'node:test';
import { parseConfig } from '../../../config/load.ts';
import type { Plan } from '../../../config/plan.ts';
import { freePort } from '../../testing/ports.ts';
import { createListening, type Listening, type Binding } from './listening.ts';

/** One service for each `ip:port`. */
function planFor(...addresses: readonly string[]): Plan {
  const services = addresses.map((address, i) => {
    const at = address.lastIndexOf(':');
    return `  s${i}: { bind_address: "${address.slice(0, at)}", port: ${address.slice(at + 1)}, backends: [{ host: 127.0.0.1, port: 9 }] }`;
  });
  const { plan } = parseConfig(`services:\n${services.join('\n')}\n`, '/config.yaml');
  return plan ?? assert.fail();
}

function scene(t: TestContext): Listening {
  const listening = createListening();
  t.after(() => listening.keepOnly([]));
  return listening;
}

/** A foreign server that listens there. */
async function stranger(t: TestContext, port: number, host = '127.0.0.1'): Promise<Server> {
  const server = createServer().listen({ port, host, exclusive: true });
  await once(server, 'listening');
  t.after(() => server.close());
  return server;
}

/** Resolves with `connected`, or with the error. */
function visit(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve('connected'));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once('connect', () => socket.destroy());
  });
}

function addressesIn({ listeners }: Binding): string[] {
  return listeners.map(({ address }) => address);
}

test("a plan's addresses are bound in the order of its services, and nobody is let in before somebody listens", async (t) => {
  const listening = scene(t);
  const [a, b] = [await freePort(), await freePort()];
  const binding = await listening.bindFor(planFor(`127.0.0.1:${b}`, `127.0.0.1:${a}`));
  assert.ok(binding.ok);
  assert.deepEqual(addressesIn(binding), [`127.0.0.1:${b}`, `127.0.0.1:${a}`]);
  assert.deepEqual(listening.addresses, addressesIn(binding));
  assert.equal(await visit(b), 'ECONNREFUSED');
  assert.equal(binding.listeners[0]?.handle?.listen(8), 0);
  assert.equal(await visit(b), 'connected', 'it waits in the queue of the kernel');
  assert.equal(await visit(a), 'ECONNREFUSED');
});

test('what the next plan needs as well is not bound anew, and what it does not need stays until it is given up', async (t) => {
  const listening = scene(t);
  const [a, b, c] = [await freePort(), await freePort(), await freePort()].map((port) => `127.0.0.1:${port}`);
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  const first = await listening.bindFor(planFor(a, b));
  const second = await listening.bindFor(planFor(c, b));
  assert.ok(first.ok && second.ok);
  assert.equal(second.listeners[1]?.handle, first.listeners[1]?.handle);
  assert.deepEqual(listening.addresses, [a, b, c]);
  listening.keepOnly(addressesIn(second));
  assert.deepEqual(listening.addresses, [b, c]);
  await stranger(t, Number(a.split(':')[1]));
});

test('when one address cannot be bound, those that were bound for it are given up, and no others', async (t) => {
  const listening = scene(t);
  const [kept, fresh, taken] = [await freePort(), await freePort(), await freePort()];
  const before = await listening.bindFor(planFor(`127.0.0.1:${kept}`));
  assert.ok(before.ok);
  await stranger(t, taken);
  const binding = await listening.bindFor(planFor(`127.0.0.1:${kept}`, `127.0.0.1:${fresh}`, `127.0.0.1:${taken}`));
  assert.deepEqual(binding, { ok: false, address: `127.0.0.1:${taken}`, code: 'EADDRINUSE' });
  assert.deepEqual(listening.addresses, [`127.0.0.1:${kept}`]);
  assert.equal(before.listeners[0]?.handle?.listen(8), 0, 'it is still open');
  await stranger(t, fresh);
});

test('an address that is being given up is waited for, but only if it is in use', async (t) => {
  const listening = scene(t);
  const port = await freePort();
  const server = await stranger(t, port);
  assert.equal((await listening.bindFor(planFor(`127.0.0.1:${port}`))).ok, false, 'without patience');
  const waiting = listening.bindFor(planFor(`127.0.0.1:${port}`), 60_000);
  setImmediate(() => server.close());
  assert.equal((await waiting).ok, true);
  const nowhere = await listening.bindFor(planFor('192.0.2.1:9'), 60_000);
  assert.deepEqual(nowhere, { ok: false, address: '192.0.2.1:9', code: 'EADDRNOTAVAIL' });
});

test('a listener of ours that is in the way is told from those of others', async (t) => {
  const listening = scene(t);
  const [port, taken] = [await freePort(), await freePort()];
  const narrow = planFor(`127.0.0.1:${port}`);
  const wide = planFor(`0.0.0.0:${port}`);
  const binding = await listening.bindFor(narrow);
  assert.ok(binding.ok);
  assert.equal(binding.listeners[0]?.handle?.listen(8), 0);
  const failure = await listening.bindFor(wide);
  assert.ok(!failure.ok && failure.code === 'EADDRINUSE');
  assert.equal(await listening.isOwnObstacle(failure, wide), true);
  assert.equal(await listening.isOwnObstacle(failure, planFor(`127.0.0.1:${port}`)), false, 'that plan needs it');
  assert.equal(await listening.isOwnObstacle({ ...failure, code: 'EACCES' }, wide), false);
  await stranger(t, taken);
  const other = await listening.bindFor(planFor(`127.0.0.1:${taken}`));
  assert.ok(!other.ok);
  assert.equal(await listening.isOwnObstacle(other, wide), false, 'nothing of ours is on that port');
});

test('names are looked up; one that leads nowhere cannot be bound, and is not among the wanted addresses', async (t) => {
  const listening = scene(t);
  const port = await freePort();
  for (const local of await listening.wantedBy(planFor(`localhost:${port}`)))
    assert.ok(local === `127.0.0.1:${port}` || local === `[::1]:${port}`, local);
  // .invalid never resolves (RFC 6761).
  const plan = planFor(`127.0.0.1:${port}`, 'nowhere.invalid:9');
  assert.deepEqual(await listening.wantedBy(plan), [`127.0.0.1:${port}`]);
  const binding = await listening.bindFor(plan);
  assert.ok(!binding.ok && binding.address === 'nowhere.invalid:9' && binding.code.startsWith('E'));
  assert.deepEqual(listening.addresses, []);
});

test('each address of a name is bound, but those that this machine has not', async (t) => {
  const found = new Map([
    ['both', { ips: ['127.0.0.1', '127.0.0.2'] }],
    // An address that no machine has (RFC 5737).
    ['moved', { ips: ['192.0.2.1', '127.0.0.1'] }],
    ['away', { ips: ['192.0.2.1'] }],
  ]);
  const listening = createListening([], () => Promise.resolve(found));
  t.after(() => listening.keepOnly([]));
  const [a, b, taken] = [await freePort(), await freePort(), await freePort()];
  const binding = await listening.bindFor(planFor(`both:${a}`, `moved:${b}`));
  assert.ok(binding.ok);
  assert.deepEqual(addressesIn(binding), [`127.0.0.1:${a}`, `127.0.0.2:${a}`, `127.0.0.1:${b}`]);
  assert.deepEqual(
    binding.listeners.map(({ plan }) => plan.services),
    [['s0'], ['s0'], ['s1']],
  );
  assert.deepEqual(await listening.bindFor(planFor(`away:${b}`)), {
    ok: false,
    address: `192.0.2.1:${b}`,
    code: 'EADDRNOTAVAIL',
  });
  await stranger(t, taken, '127.0.0.2');
  const inUse = await listening.bindFor(planFor(`both:${taken}`));
  assert.deepEqual(inUse, { ok: false, address: `127.0.0.2:${taken}`, code: 'EADDRINUSE' });
  assert.equal(listening.addresses.length, 3, 'the first address was given up again');
});

test('a plan that takes the place of another has its addresses, whatever the name servers say by then', async (t) => {
  let asked = 0;
  const listening = createListening([], () => {
    const answer = asked++ === 0 ? { ips: ['127.0.0.1'] } : { code: 'EAI_AGAIN' };
    return Promise.resolve(new Map([['here', answer]]));
  });
  t.after(() => listening.keepOnly([]));
  const port = await freePort();
  const plan = planFor(`here:${port}`);
  assert.ok((await listening.bindFor(plan)).ok);
  const changed = { ...plan };
  listening.succeed(plan, changed);
  assert.deepEqual(await listening.wantedBy(changed), [`127.0.0.1:${port}`]);
  assert.equal(asked, 1);
  assert.deepEqual(await listening.wantedBy(planFor(`here:${port}`)), [], 'that of a reload is looked up');
});

test('nothing is bound after the end, not even what waits for its address', async (t) => {
  const listening = scene(t);
  const [a, b] = [await freePort(), await freePort()];
  assert.ok((await listening.bindFor(planFor(`127.0.0.1:${a}`))).ok);
  await stranger(t, b);
  const waiting = listening.bindFor(planFor(`127.0.0.1:${b}`), 60_000);
  listening.close();
  assert.deepEqual(await waiting, { ok: false, address: `127.0.0.1:${b}`, code: 'ECANCELED' });
  assert.deepEqual(listening.addresses, []);
  await stranger(t, a);
});
