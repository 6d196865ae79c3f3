// With overload_policy queue clients wait, unread, for a connection to end: first come, first served, within limits of time and
// number.
import assert from 'node:assert/strict';
import { freePort } from '../lib/testing/ports.ts';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo, namedAndStays } from './harness/behaviours.ts';
import { clerk } from './harness/clerk.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine, forEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { troubles, visits } from './harness/load.ts';

const QUEUE = { overload_policy: 'queue' };

/** Like configFor(), with the same limit for every backend. */
function limited(
  port: number,
  backends: readonly { readonly host: string; readonly port: number }[],
  limit: number,
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    ...configFor(port, backends, more),
    backends: backends.map(({ host, port: at }) => ({ host, port: at, max_connections: limit })),
  };
}

forEachEngine('who finds every backend full waits for the first connection that ends', async (t, engine) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const bal = await startBal(t, { engine, config: limited(port, [a], 1, { workers: 1, runtime: QUEUE }) });
  await bal.checked();
  const first = await connectTo(t, port);
  await first.send('1');
  await first.reads(1);
  const waiting = [];
  for (const said of ['2', '3', '4']) {
    const client = await connectTo(t, port);
    await client.send(said);
    waiting.push(client);
    await bal.statusWhen(`${said} waits`, ({ services }) => services?.[0]?.waiting === waiting.length);
  }
  const why = await bal.cli('why');
  assert.match(why.stdout, /3 clients wait for a connection to end/);
  assert.match(why.stdout, /is up, full/);
  // The second client in the queue leaves, and the others are unharmed.
  waiting[1]?.reset();
  await bal.statusWhen('it has left', ({ services }) => services?.[0]?.waiting === 2);
  first.end();
  assert.equal((await waiting[0]?.reads(1))?.toString(), '2');
  waiting[0]?.end();
  assert.equal((await waiting[2]?.reads(1))?.toString(), '4');
  waiting[2]?.end();
  const { services } = await bal.statusWhen('all have gone', ({ totals }) => totals?.active_connections === 0);
  assert.deepEqual([services?.[0]?.waiting, services?.[0]?.waited_total], [0, 3]);
});

forEachEngine('a client whose first backend refuses it waits for the other one, which is full', async (t, engine) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const refusing = { host: '127.0.0.1', port: await freePort() };
  const config = { workers: 1, runtime: QUEUE, health_check: { type: 'none' } };
  const bal = await startBal(t, { engine, config: limited(port, [a, refusing], 1, config) });
  const first = await connectTo(t, port);
  await first.send('1');
  await first.reads(1);
  const second = await connectTo(t, port);
  await second.send('2');
  await bal.statusWhen('it waits', ({ services }) => services?.[0]?.waiting === 1);
  const [, other] = (await bal.status()).services[0]?.backends ?? [];
  assert.ok((other?.counters?.refused ?? 0) > 0);
  first.end();
  assert.equal((await second.reads(1)).toString(), '2');
});

forEachEngine('who comes when too many wait is reset, and who waits too long as well', async (t, engine) => {
  const [a, b] = [await backend(t, echo), await backend(t, echo)];
  const [crowded, slow] = [await freePort(), await freePort()];
  const { port: _port, backends: _backends, ...common } = configFor(crowded, [], { workers: 1 });
  const config = {
    ...common,
    services: {
      crowded: {
        port: crowded,
        backends: [{ host: '127.0.0.1', port: a.port, max_connections: 1 }],
        runtime: { ...QUEUE, queue_timeout_ms: 600_000, queue_max: 1 },
      },
      slow: {
        port: slow,
        backends: [{ host: '127.0.0.1', port: b.port, max_connections: 1 }],
        runtime: { ...QUEUE, queue_timeout_ms: 300 },
      },
    },
  };
  const bal = await startBal(t, { engine, config });
  await bal.checked();
  for (const port of [crowded, slow]) {
    const first = await connectTo(t, port);
    await first.send('1');
    await first.reads(1);
  }
  const patient = await connectTo(t, crowded);
  await patient.send('2');
  await bal.statusWhen('it waits', ({ services }) => services?.[0]?.waiting === 1);
  assert.equal((await (await connectTo(t, crowded)).over).how, 'reset');
  assert.equal((await (await connectTo(t, slow)).over).how, 'reset');
  const { services } = await bal.statusWhen('both are counted', ({ totals }) => totals?.rejected_total === 2);
  assert.deepEqual(
    services?.map(({ waiting, waited_total }) => [waiting, waited_total]),
    [
      [1, 1],
      [0, 1],
    ],
  );
  await bal.logged('client.overload');
});

forEachEngine(
  'beyond max_concurrent_connections clients wait as well, and survive a reload there',
  async (t, engine) => {
    const a = await backend(t, echo);
    const port = await freePort();
    const config = configFor(port, [a], {
      workers: 2,
      runtime: { ...QUEUE, max_concurrent_connections: 2, queue_timeout_ms: 60_000 },
    });
    const bal = await startBal(t, { engine, config });
    await bal.checked();
    const inside = [await connectTo(t, port), await connectTo(t, port)];
    for (const client of inside) {
      await client.send('1');
      await client.reads(1);
    }
    const waiting = await connectTo(t, port);
    await waiting.send('2');
    await bal.statusWhen('it waits', ({ services }) => services?.[0]?.waiting === 1);
    assert.equal((await bal.cli('graceful')).code, 0);
    inside[0]?.end();
    assert.equal((await waiting.reads(1)).toString(), '2');
  },
);

forEachEngine('a limit raised by a reload holds for those who wait with the old workers', async (t, engine) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const config = { workers: 1, runtime: { ...QUEUE, queue_timeout_ms: 60_000 } };
  const bal = await startBal(t, { engine, config: limited(port, [a], 1, config) });
  await bal.checked();
  const clients = [];
  for (const said of ['1', '2', '3']) {
    const client = await connectTo(t, port);
    await client.send(said);
    if (said === '1') await client.reads(1);
    clients.push(client);
    await bal.statusWhen(`${said} is there`, ({ services }) => services?.[0]?.waiting === clients.length - 1);
  }
  bal.configure(limited(port, [a], 2, config));
  assert.equal((await bal.graceful()).code, 0);
  assert.equal((await clients[1]?.reads(1))?.toString(), '2');
  const { services } = await bal.statusWhen('one waits on', ({ services: now }) => now?.[0]?.waiting === 1);
  assert.equal(services?.[0]?.backends?.[0]?.active_connections, 2);
  clients[0]?.end();
  assert.equal((await clients[2]?.reads(1))?.toString(), '3');
});

forEngine(
  'native',
  'a storm through a queue: all are served, never one more than may be, over all workers',
  async (t, engine) => {
    const clerks = [clerk('served', 2), clerk('served', 2)];
    const backends = await Promise.all(clerks.map(({ behaviour }) => backend(t, behaviour)));
    const port = await freePort();
    const runtime = { ...QUEUE, queue_timeout_ms: 30_000 };
    const config = limited(port, backends, 2, { workers: 4, runtime, health_check: { type: 'none' } });
    const bal = await startBal(t, { engine, config });
    const counts = await visits(port, names('served'), 2000, { clients: 100 });
    assert.deepEqual([troubles(counts), counts.ok], [{}, 2000]);
    assert.deepEqual(
      clerks.map(({ most }) => most),
      [2, 2],
    );
    const { services } = await bal.statusWhen('nobody waits', ({ services: now }) => now?.[0]?.waiting === 0);
    assert.ok((services?.[0]?.waited_total ?? 0) > 0);
  },
);

forEachEngine('who waits for the only backend gets the one that a reload puts in its place', async (t, engine) => {
  const [a, b] = [await backend(t, namedAndStays('a')), await backend(t, namedAndStays('b'))];
  const port = await freePort();
  const bal = await startBal(t, { engine, config: limited(port, [a], 1, { workers: 1, runtime: QUEUE }) });
  await bal.checked();
  const first = await connectTo(t, port);
  await first.send('1');
  await bal.statusWhen('it is in', ({ services }) => services?.[0]?.backends[0]?.active_connections === 1);
  const second = await connectTo(t, port);
  await second.send('2');
  await bal.statusWhen('it waits', ({ services }) => services?.[0]?.waiting === 1);
  bal.configure(limited(port, [b], 1, { workers: 1, runtime: QUEUE }));
  assert.equal((await bal.graceful()).code, 0);
  assert.equal((await second.reads(1)).toString(), 'b');
  first.end();
  second.end();
  assert.equal((await first.over).data.toString(), 'a');
});
