// One record per connection with the reason of its end: every reason is provoked.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { type Bal, startBal } from './harness.ts';
import { backend, type Behaviour } from './harness/backend.ts';
import { echo, named } from './harness/behaviours.ts';
import { blackHole } from '../lib/testing/black-hole.ts';
import { type Client, connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { type EngineName, forEachEngine } from './harness/engines.ts';
import { freePort } from '../lib/testing/ports.ts';
import { workFolder } from '../lib/testing/program.ts';
import type { LogRecord } from './harness/records.ts';

interface Scene {
  readonly bal: Bal;
  readonly port: number;
  readonly address: string;
  /** A client that got an answer and so is connected to the backend. */
  readonly connected: () => Promise<Client>;
  /** Returns the record with this reason. */
  readonly record: (reason: string) => Promise<LogRecord['fields']>;
}

async function scene(
  t: TestContext,
  engine: EngineName,
  behaviour: Behaviour,
  runtime: Record<string, number> = {},
): Promise<Scene> {
  const a = await backend(t, behaviour);
  const port = await freePort();
  const config = configFor(port, [a], {
    workers: 1,
    log_connections: 'all',
    runtime: { health_check_interval_ms: 60_000, ...runtime },
  });
  const bal = await startBal(t, { engine, config });
  await bal.checked();
  return {
    bal,
    port,
    address: a.address,
    async connected() {
      const client = await connectTo(t, port);
      await client.send('x');
      await client.reads(1);
      return client;
    },
    async record(reason) {
      return (await bal.logged('connection.ended', ({ fields }) => fields['reason'] === reason)).fields;
    },
  };
}

/** Not right after accepting: that could still count as a failed connect, which is retried. */
const resetsWhenAsked: Behaviour = (socket) => {
  socket.once('data', () => socket.resetAndDestroy());
  socket.resume();
};

forEachEngine(
  'clean ends and resets of either side each have their reason, backend and byte counts',
  async (t, engine) => {
    const { address, connected, record, bal } = await scene(t, engine, echo);
    const polite = await connected();
    const client = `127.0.0.1:${polite.socket.localPort}`;
    polite.end();
    await polite.over;
    const clean = await record('client_closed');
    assert.equal(clean['backend'], address);
    assert.equal(clean['service'], 'default');
    assert.equal(clean['attempts'], 1);
    assert.equal('tried' in clean, false, 'no attempt failed');
    assert.deepEqual([clean['bytes_in'], clean['bytes_out']], [1, 1]);
    assert.equal(clean['client'], client);
    assert.ok(Number(clean['duration_ms']) > 0 && Number(clean['connect_ms']) >= 0);

    (await connected()).reset();
    assert.equal((await record('client_reset'))['backend'], address);
    const { totals } = await bal.status();
    assert.equal(totals?.connections_total, 2);
    assert.equal(bal.logs().filter(({ event }) => event === 'connection.ended').length, 2);
  },
);

forEachEngine('a backend that ends first, and one that resets', async (t, engine) => {
  const ends = await scene(t, engine, named('bye'));
  const reported = await connectTo(t, ends.port);
  await reported.over;
  reported.end();
  assert.equal((await ends.record('backend_closed'))['bytes_out'], 3);

  const broken = await scene(t, engine, resetsWhenAsked);
  const asking = await connectTo(t, broken.port);
  await asking.send('x');
  assert.equal((await asking.over).how, 'reset');
  assert.equal((await broken.record('backend_reset'))['backend'], broken.address);
});

forEachEngine('idle, too old, drain and stop', async (t, engine) => {
  const idle = await scene(t, engine, echo, { connection_idle_timeout_ms: 200, drain_timeout_ms: 100 });
  await idle.connected();
  assert.deepEqual([(await idle.record('idle'))['bytes_in'], (await idle.record('idle'))['bytes_out']], [1, 1]);

  const runtime = { connection_max_age_ms: 2000, health_check_interval_ms: 60_000 };
  const backends = (await idle.bal.status()).backends.map(({ address }) => Number(address.split(':')[1]));
  const aging = configFor(
    idle.port,
    backends.map((port) => ({ host: '127.0.0.1', port })),
    { workers: 1, log_connections: 'all', runtime },
  );
  idle.bal.configure(aging);
  assert.equal((await idle.bal.graceful()).code, 0);
  const aged = await idle.connected();
  idle.bal.configure({ ...aging, log_level: 'debug' });
  assert.equal((await idle.bal.graceful()).code, 0, 'it is in an old worker now');
  assert.equal((await aged.over).how, 'fin');
  const old = await idle.record('max_age');
  assert.ok(Number(old['duration_ms']) >= 1800, JSON.stringify(old));

  const draining = await scene(t, engine, echo, { reload_drain_timeout_ms: 100 });
  await draining.connected();
  await draining.bal.graceful();
  await draining.record('drain');
  await draining.connected();
  await draining.bal.stop('--now');
  await draining.record('stopped');
});

forEachEngine('nobody to connect to, nobody who waits for it, and no room', async (t, engine) => {
  const gone = await scene(t, engine, echo);
  const { connected, record, bal, port } = await scene(t, engine, echo, { max_concurrent_connections: 1 });
  await connected();
  await (
    await connectTo(t, port)
  ).over;
  assert.equal((await record('overload'))['backend'], null);
  await bal.logged('client.overload');

  const hole = await blackHole(t);
  const config = configFor(gone.port, [{ host: '127.0.0.1', port: hole }], {
    workers: 1,
    log_connections: 'all',
    runtime: { backend_connect_timeout_ms: 30_000 },
  });
  gone.bal.configure(config);
  assert.equal((await gone.bal.graceful()).code, 0);
  const impatient = await connectTo(t, gone.port);
  await gone.bal.statusWhen('the client is counted', ({ totals }) => totals?.active_connections === 1);
  impatient.reset();
  assert.equal((await gone.record('client_gone'))['connect_ms'], null);

  const closed = await freePort();
  gone.bal.configure({ ...config, backends: [{ host: '127.0.0.1', port: closed }] });
  assert.equal((await gone.bal.graceful()).code, 0);
  await (
    await connectTo(t, gone.port)
  ).over;
  const failed = await gone.record('connect_failed');
  assert.equal(failed['attempts'], 1);
  assert.equal(failed['backend'], null);
  assert.deepEqual(failed['tried'], [{ backend: `127.0.0.1:${closed}`, cause: 'refused' }]);
});

forEachEngine('a record names the backends that were tried without success, in order, and why', async (t, engine) => {
  const [a, b, port] = [await backend(t, named('a')), await backend(t, named('b')), await freePort()];
  const runtime = { health_check_interval_ms: 60_000 };
  const config = configFor(port, [a, b], { workers: 1, log_connections: 'all', runtime });
  const bal = await startBal(t, { engine, config });
  await bal.checked();
  const record = async (reason: string): Promise<LogRecord['fields']> =>
    (await bal.logged('connection.ended', ({ fields }) => fields['reason'] === reason)).fields;
  const [aRefused, bRefused] = [a, b].map(({ address }) => ({ backend: address, cause: 'refused' }));

  await a.refuse();
  const first = await connectTo(t, port);
  await first.over;
  first.end();
  const served = await record('backend_closed');
  assert.deepEqual([served['backend'], served['attempts'], served['tried']], [b.address, 2, [aRefused]]);

  await b.refuse();
  await (
    await connectTo(t, port)
  ).over;
  const failed = await record('connect_failed');
  assert.deepEqual([failed['backend'], failed['attempts'], failed['tried']], [null, 2, [bRefused, aRefused]]);

  const path = join(workFolder(t), 'a"\\데.sock');
  bal.configure({ ...config, backends: [{ unix: path }] });
  assert.equal((await bal.graceful()).code, 0);
  await (
    await connectTo(t, port)
  ).over;
  const isAbsent = { backend: `unix:${path}`, cause: 'refused' };
  await bal.logged('connection.ended', ({ fields }) => isDeepStrictEqual(fields['tried'], [isAbsent]));
});
