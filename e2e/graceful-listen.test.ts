import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo, named } from './harness/behaviours.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine, forEitherEngine } from './harness/engines.ts';
import { echoes, names } from './harness/exchange.ts';
import { startLoad, troubles, visits } from './harness/load.ts';
import { atEnd } from '../lib/testing/owner.ts';
import { freePort } from '../lib/testing/ports.ts';
import { ownProgram } from './soak/own-program.ts';

forEachEngine(
  'a changed port is served after graceful, the old one no more, open connections live',
  async (t, engine) => {
    const a = await backend(t, echo);
    const [from, to] = [await freePort(), await freePort()];
    const bal = await startBal(t, { engine, config: configFor(from, [a]) });
    const open = await connectTo(t, from);
    await open.send('1');
    await open.reads(1);

    bal.configure(configFor(to, [a]));
    const { code, verdict } = await bal.graceful();
    assert.equal(code, 0);
    const change = verdict.changed.find(({ what }) => what.includes('port'));
    assert.ok(change?.from?.includes(String(from)) && change.to?.includes(String(to)), JSON.stringify(verdict));
    const client = await connectTo(t, to);
    await client.send('2');
    assert.equal((await client.reads(1)).toString(), '2');
    await assert.rejects(connectTo(t, from), { code: 'ECONNREFUSED' });
    await open.send('3');
    assert.equal((await open.reads(1)).toString(), '3');
    assert.equal((await bal.status()).port, to);
  },
);

forEitherEngine('a changed bind address is served after graceful, the old one no more', async (t, engine) => {
  const a = await backend(t, named('a'));
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a]) });
  bal.configure(configFor(port, [a], { bind_address: '127.0.0.2' }));
  assert.equal((await bal.graceful()).code, 0);
  assert.deepEqual(troubles(await visits(port, names('a'), 10, { host: '127.0.0.2' })), {});
  assert.equal((await visits(port, names('a'), 1)).refused, 1);
  assert.equal((await bal.status()).bind_address, '127.0.0.2');
});

// The kernel does not allow one address and the wildcard on the same port: the only reload with a gap for new clients.
forEachEngine(
  'from one address to all addresses on the same port and back: open connections live',
  async (t, engine) => {
    const a = await backend(t, echo);
    const port = await freePort();
    const bal = await startBal(t, { engine, config: configFor(port, [a]) });
    const open = await connectTo(t, port);
    for (const [bindAddress, served] of [
      ['0.0.0.0', '127.0.0.3'],
      ['127.0.0.1', '127.0.0.1'],
    ] as const) {
      bal.configure(configFor(port, [a], { bind_address: bindAddress, runtime: { drain_timeout_ms: 60_000 } }));
      const { code, verdict } = await bal.graceful();
      assert.equal(code, 0, JSON.stringify(verdict));
      assert.deepEqual(troubles(await visits(port, echoes(), 10, { host: served })), {});
      await open.send('!');
      assert.equal((await open.reads(1)).toString(), '!');
    }
    assert.equal((await visits(port, echoes(), 1, { host: '127.0.0.3' })).refused, 1);
  },
);

forEitherEngine(
  'an overlapping address with workers that do not come up is refused before the old one is given up',
  async (t, engine) => {
    const { program, breakWorkers } = ownProgram(t);
    const a = await backend(t, named('a'));
    const port = await freePort();
    const bal = await startBal(t, { engine, program, config: configFor(port, [a]) });
    const before = await bal.workerPids();
    const load = startLoad(t, port, names('a'), { clients: 4 });
    await load.succeeds(10);
    breakWorkers();
    bal.configure(configFor(port, [a], { bind_address: '0.0.0.0' }));
    const { code, verdict } = await bal.graceful();
    assert.equal(code, 1);
    assert.match(String(verdict.problem?.what_happened), /did not get ready/);
    await load.succeeds(20);
    assert.deepEqual(troubles(await load.stop()), {});
    assert.deepEqual(await bal.workerPids(), before);
    assert.ok(!bal.logs().some(({ event }) => event === 'listener.switch'));
  },
);

forEitherEngine('a port that cannot be bound: graceful is refused and nothing changes', async (t, engine) => {
  const [a, b] = [await backend(t, named('a')), await backend(t, named('b'))];
  const [port, taken] = [await freePort(), await freePort()];
  const other = createServer().listen({ port: taken, host: '127.0.0.1', exclusive: true });
  await once(other, 'listening');
  atEnd(t, () => other.close());
  const bal = await startBal(t, { engine, config: configFor(port, [a]) });
  const before = await bal.status();
  const load = startLoad(t, port, names('a'), { clients: 4 });

  bal.configure(configFor(taken, [b]));
  const { code, verdict } = await bal.graceful();
  assert.equal(code, 1);
  assert.equal(verdict.ok, false);
  assert.ok(verdict.problem?.what_happened.includes(String(taken)), JSON.stringify(verdict));
  await load.succeeds(20);
  assert.deepEqual(troubles(await load.stop()), {});
  const after = await bal.status();
  assert.equal(after.port, port);
  assert.equal(after.generation, before.generation);
  assert.deepEqual(
    after.workers.map(({ pid }) => pid),
    before.workers.map(({ pid }) => pid),
  );

  bal.configure(configFor(port, [b]));
  assert.equal((await bal.graceful()).code, 0, 'a good configuration is taken afterwards');
  assert.deepEqual(troubles(await visits(port, names('b'), 5)), {});
});

forEitherEngine('a service added and one removed by graceful', async (t, engine) => {
  const [a, b, c] = [await backend(t, named('a')), await backend(t, named('b')), await backend(t, named('c'))];
  const [pa, pb, pc] = [await freePort(), await freePort(), await freePort()];
  const service = (port: number, { host, port: at }: { host: string; port: number }): object => ({
    port,
    backends: [{ host, port: at }],
  });
  const common = { bind_address: '127.0.0.1', workers: 2 };
  const bal = await startBal(t, { engine, config: { ...common, services: { a: service(pa, a), b: service(pb, b) } } });
  const load = startLoad(t, pb, names('b'), { clients: 4 });
  bal.configure({ ...common, services: { b: service(pb, b), c: service(pc, c) } });
  const { code, verdict } = await bal.graceful();
  assert.equal(code, 0, JSON.stringify(verdict));
  assert.deepEqual(troubles(await visits(pc, names('c'), 5)), {});
  assert.equal((await visits(pa, names('a'), 1)).refused, 1);
  await load.succeeds(20);
  assert.deepEqual(troubles(await load.stop()), {});
  assert.deepEqual(
    (await bal.status()).services.map(({ name }) => name),
    ['b', 'c'],
  );
});
