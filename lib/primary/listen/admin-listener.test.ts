// Moves of the admin listener between real loopback addresses. What it serves there does not matter.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { test, type TestContext } from 'node:test';
import { parseConfig } from '../../../config/load.ts';
import type { Plan } from '../../../config/plan.ts';
import { freePort } from '../../testing/ports.ts';
import { createAdminListener, type AdminMove } from './admin-listener.ts';
import type { BindFailure } from './listeners.ts';

/** `admin`: `ip:port`, or null for a plan without one. */
function planFor(admin: string | null): Plan {
  const { plan } = parseConfig(
    `port: 9\n${admin === null ? '' : `admin: "${admin}"\n`}backends: [{ host: 127.0.0.1, port: 8 }]\n`,
    '/c',
  );
  return plan ?? assert.fail();
}

function at(port: number, ip = '127.0.0.1'): string {
  return `${ip}:${port}`;
}

async function listen(host: string, port: number): Promise<Server> {
  const server = createServer((socket) => socket.end()).listen({ host, port, exclusive: true });
  await once(server, 'listening');
  return server;
}

/** An admin listener on real sockets, and the addresses that it bound, in order. `ips`: what each name resolves to now. */
function scene(t: TestContext, ips: readonly string[] = []) {
  const bound: string[] = [];
  const lookUp = (names: readonly string[]) =>
    Promise.resolve(new Map(names.map((name) => [name, ips.length === 0 ? { code: 'ENOTFOUND' } : { ips: [...ips] }])));
  const admin = createAdminListener(async (host, port) => {
    const server = await listen(host, port);
    bound.push(at(port, host));
    return {
      close: () => new Promise((resolve) => server.close(() => resolve())),
    };
  }, lookUp);
  t.after(() => admin.close());
  async function move(to: string | null, isGivenUp = false): Promise<AdminMove> {
    const result = await admin.move(planFor(to), () => Promise.resolve(isGivenUp));
    assert.ok(result.ok, JSON.stringify(result));
    return result;
  }
  async function refusal(to: string): Promise<BindFailure> {
    const result = await admin.move(planFor(to), () => Promise.resolve(false));
    assert.ok(!result.ok);
    return result;
  }
  /** Serves that address, and no other. */
  async function serve(to: string): Promise<void> {
    assert.deepEqual(await (await move(to)).finish(), { ok: true });
  }
  return { admin, bound, move, refusal, serve };
}

async function stranger(t: TestContext, port: number): Promise<Server> {
  const server = await listen('127.0.0.1', port);
  t.after(() => server.close());
  return server;
}

function isServed(port: number, ip = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, ip).resume();
    socket.once('close', (failed) => resolve(!failed));
    socket.on('error', () => undefined);
  });
}

async function served(...ports: readonly number[]): Promise<boolean[]> {
  return Promise.all(ports.map((port) => isServed(port)));
}

test('the new address is served before the old one is given up', async (t) => {
  const { serve, move } = scene(t);
  const [from, to] = [await freePort(), await freePort()];
  await serve(at(from));
  const moved = await move(at(to));
  assert.deepEqual(await served(from, to), [true, true]);
  assert.deepEqual(await moved.finish(), { ok: true });
  assert.deepEqual(await served(from, to), [false, true]);
});

test('undo() leaves all as it was', async (t) => {
  const { serve, move } = scene(t);
  const [from, to] = [await freePort(), await freePort()];
  await serve(at(from));
  assert.deepEqual(await (await move(at(to))).undo(), { ok: true });
  assert.deepEqual(await served(from, to), [true, false]);
  const moved = await move(at(to));
  await moved.giveUp();
  assert.deepEqual(await served(from, to), [false, true]);
  assert.deepEqual(await moved.undo(), { ok: true });
  assert.deepEqual(await served(from, to), [true, false]);
});

test('an address that stays is not bound anew, and a plan without one closes it', async (t) => {
  const { serve, move, bound } = scene(t);
  const port = await freePort();
  await serve(at(port));
  const same = await move(at(port));
  assert.equal(same.isInTheWayOf({ ok: false, address: at(port, '0.0.0.0'), code: 'EADDRINUSE' }), false);
  await same.finish();
  assert.deepEqual(bound, [at(port)]);
  assert.deepEqual(await served(port), [true]);
  await (await move(null)).finish();
  assert.deepEqual(await served(port), [false]);
});

test('an address that somebody else has, or this machine has not, is refused, and the old one stays', async (t) => {
  const { serve, refusal } = scene(t);
  const [from, taken] = [await freePort(), await freePort()];
  await serve(at(from));
  await stranger(t, taken);
  assert.deepEqual(await refusal(at(taken)), { ok: false, address: at(taken), code: 'EADDRINUSE', key: 'admin' });
  assert.equal((await refusal('192.0.2.1:11')).code, 'EADDRNOTAVAIL');
  assert.deepEqual(await served(from), [true]);
});

test('what a service of bal gives up in the same reload is waited for', async (t) => {
  const { serve, move } = scene(t);
  const [from, to] = [await freePort(), await freePort()];
  await serve(at(from));
  const service = await stranger(t, to);
  const moved = await move(at(to), true);
  assert.deepEqual(await served(from), [true]);
  const finished = moved.finish();
  setImmediate(() => service.close());
  assert.deepEqual(await finished, { ok: true });
  assert.deepEqual(await served(from, to), [false, true]);
});

test('where its own old address is in the way it goes first', async (t) => {
  const { serve, move, bound } = scene(t);
  const port = await freePort();
  await serve(at(port));
  const moved = await move(at(port, '0.0.0.0'));
  assert.deepEqual(bound, [at(port)], 'nothing else could be bound yet');
  assert.deepEqual(await moved.finish(), { ok: true });
  assert.deepEqual(bound, [at(port), at(port, '0.0.0.0')]);
  assert.deepEqual(await served(port), [true]);
});

test('a service that wants its old port is told whether giving that up may help', async (t) => {
  const { serve, move } = scene(t);
  const [from, to, other] = [await freePort(), await freePort(), await freePort()];
  await serve(at(from));
  const moved = await move(at(to));
  const inUse = { ok: false, address: at(from, '0.0.0.0'), code: 'EADDRINUSE' } as const;
  assert.equal(moved.isInTheWayOf(inUse), true);
  assert.equal(moved.isInTheWayOf({ ...inUse, address: at(other) }), false);
  assert.equal(moved.isInTheWayOf({ ...inUse, code: 'EACCES' }), false);
  await moved.undo();
});

test('when finish() cannot bind, it says why, and undo() serves the old address again', async (t) => {
  const served: string[] = [];
  let isBroken = false;
  const admin = createAdminListener((host, port) => {
    const address = at(port, host);
    const code = isBroken ? 'EACCES' : served.includes(address.replace('0.0.0.0', '127.0.0.1')) ? 'EADDRINUSE' : null;
    if (code !== null) return Promise.reject(Object.assign(new Error(code), { code }));
    served.push(address);
    return Promise.resolve({ close: () => Promise.resolve(void served.splice(served.indexOf(address), 1)) });
  });
  t.after(() => admin.close());
  const isGivenUp = () => Promise.resolve(false);
  const first = await admin.move(planFor('127.0.0.1:10'), isGivenUp);
  assert.ok(first.ok && (await first.finish()).ok);
  const moved = await admin.move(planFor('0.0.0.0:10'), isGivenUp);
  assert.ok(moved.ok);
  isBroken = true;
  assert.deepEqual(await moved.finish(), { ok: false, address: '0.0.0.0:10', code: 'EACCES', key: 'admin' });
  assert.deepEqual(served, []);
  assert.deepEqual(await moved.undo(), { ok: false, address: '127.0.0.1:10', code: 'EACCES', key: 'admin' });
  isBroken = false;
  assert.deepEqual(await moved.undo(), { ok: true });
  assert.deepEqual(served, ['127.0.0.1:10']);
});

test('undo() also helps after a move that was finished', async (t) => {
  const { serve, move } = scene(t);
  const [from, to] = [await freePort(), await freePort()];
  await serve(at(from));
  const moved = await move(at(to));
  assert.deepEqual(await moved.finish(), { ok: true });
  assert.deepEqual(await served(from, to), [false, true]);
  assert.deepEqual(await moved.undo(), { ok: true });
  assert.deepEqual(await served(from, to), [true, false]);
});

test('after close() nothing is served any more, whatever was under way', async (t) => {
  const { admin, serve, move } = scene(t);
  const [from, to] = [await freePort(), await freePort()];
  await serve(at(from));
  const moved = await move(at(to));
  await admin.close();
  assert.deepEqual(await moved.finish(), { ok: true });
  assert.deepEqual(await served(from, to), [false, false]);
  assert.deepEqual(await moved.undo(), { ok: true });
  assert.deepEqual(await served(from, to), [false, false]);
});

/** An address that no machine has: the block for documentation (RFC 3849). */
const NOT_HERE = '2001:db8::1';

test('a name is served at each of its addresses that this machine has', async (t) => {
  const port = await freePort();
  const { bound, move, serve } = scene(t, ['127.0.0.1', NOT_HERE, '::1']);
  await serve(`localhost:${port}`);
  assert.deepEqual(bound.toSorted(), [at(port), at(port, '::1')]);
  assert.deepEqual([await isServed(port), await isServed(port, '::1')], [true, true]);
  assert.deepEqual(await (await move(null)).finish(), { ok: true });
  assert.deepEqual([await isServed(port), await isServed(port, '::1')], [false, false]);
});

test('a name that leads nowhere, to no address of this machine, or to one that is taken is refused', async (t) => {
  const port = await freePort();
  const address = `localhost:${port}`;
  assert.equal((await scene(t).refusal(address)).code, 'ENOTFOUND');
  assert.equal((await scene(t, [NOT_HERE]).refusal(address)).code, 'EADDRNOTAVAIL');
  const other = await listen('::1', port);
  t.after(() => other.close());
  const { refusal } = scene(t, ['127.0.0.1', '::1']);
  assert.deepEqual(await refusal(address), { ok: false, address: `[::1]:${port}`, code: 'EADDRINUSE', key: 'admin' });
  assert.equal(await isServed(port), false, 'what was bound is free again');
});

test('a name that leads elsewhere now is followed; an address that it keeps is not bound anew', async (t) => {
  const [port, ips] = [await freePort(), ['127.0.0.1', '127.0.0.2']];
  const { bound, serve, move, refusal } = scene(t, ips);
  const three = () => Promise.all(['127.0.0.1', '127.0.0.2', '127.0.0.3'].map((ip) => isServed(port, ip)));
  await serve(`localhost:${port}`);
  ips.splice(0, 1, '127.0.0.3');
  const moved = await move(`localhost:${port}`);
  assert.deepEqual(await three(), [true, true, true], 'the new one comes before the old one goes');
  assert.deepEqual(await moved.finish(), { ok: true });
  assert.deepEqual(await three(), [false, true, true]);
  assert.deepEqual(bound, [at(port), at(port, '127.0.0.2'), at(port, '127.0.0.3')]);
  assert.deepEqual(await moved.undo(), { ok: true });
  assert.deepEqual(await three(), [true, true, false]);
  ips.length = 0;
  assert.equal((await refusal(`localhost:${port}`)).code, 'ENOTFOUND');
  assert.deepEqual(await three(), [true, true, false]);
});
