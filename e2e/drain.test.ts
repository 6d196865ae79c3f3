// A stop with open connections: they get their time, then are cut, cleanly where no byte is lost, and are counted.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { TestContext } from 'node:test';
import { request } from '../lib/control/client.ts';
import { type Bal, startBal } from './harness.ts';
import { backend, type Behaviour } from './harness/backend.ts';
import { echo, source } from './harness/behaviours.ts';
import { type Client, connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { type EngineName, forEachEngine } from './harness/engines.ts';
import { echoes } from './harness/exchange.ts';
import { visits } from './harness/load.ts';
import { pattern } from './harness/pattern.ts';
import { freePort } from '../lib/testing/ports.ts';
import { until } from '../lib/testing/until.ts';

/** On the first data sends `length` bytes, then ends. */
const pours =
  (length: number): Behaviour =>
  (socket) => {
    socket.once('data', () => source(3, length)(socket));
    socket.resume();
  };

async function withClients(
  t: TestContext,
  engine: EngineName,
  count: number,
  drainMs: number,
): Promise<{ bal: Bal; port: number; clients: Client[] }> {
  const a = await backend(t, echo);
  const port = await freePort();
  const config = configFor(port, [a], { runtime: { drain_timeout_ms: drainMs } });
  const bal = await startBal(t, { engine, daemon: true, config });
  const clients: Client[] = [];
  for (let i = 0; i < count; i++) {
    const client = await connectTo(t, port);
    await client.send('x');
    await client.reads(1);
    clients.push(client);
  }
  return { bal, port, clients };
}

forEachEngine(
  'stop lets connections finish, accepts no new ones meanwhile, and says none was cut',
  async (t, engine) => {
    const { bal, port, clients } = await withClients(t, engine, 3, 30_000);
    const stopping = bal.stop();
    await until('nobody listens any more', async () => (await visits(port, echoes(), 1)).refused === 1);
    const [why, brief] = [await bal.cli('why'), await bal.cli('status', '--brief')];
    assert.deepEqual([why.code, brief.code], [1, 1]);
    assert.match(why.stdout, /^what_happened: bal is stopping: [^]*^default is stopping$/m);
    assert.match(brief.stdout, /^bal: stopping, /);
    // Two of `stop`'s progress rounds: it asks the workers how many remain, which must happen before they are gone.
    await pause(500);
    for (const client of clients) {
      await client.send('y');
      assert.equal((await client.reads(1)).toString(), 'y');
      client.end();
      assert.equal((await client.over).how, 'fin');
    }
    const { code, stdout } = await stopping;
    assert.equal(code, 0);
    // A visit just before the listener closed may be counted too.
    assert.match(stdout, /waiting for [34] connections/, 'it told how many remained');
    assert.doesNotMatch(stdout, /[1-9]\d* .*\bcut\b/);
  },
);

forEachEngine('stop --timeout cuts what is left then, and says how many', async (t, engine) => {
  const { bal, clients } = await withClients(t, engine, 3, 60_000);
  const [patient] = clients;
  assert.ok(patient !== undefined);
  const stopping = bal.stop('--timeout', '1');
  patient.end();
  assert.equal((await patient.over).how, 'fin');
  for (const client of clients.slice(1)) assert.equal((await client.over).how, 'fin');
  const { code, stdout } = await stopping;
  assert.equal(code, 0);
  assert.match(stdout, /\b2\b.*\bcut\b/);
});

forEachEngine('the drain time of the configuration is the limit without --timeout', async (t, engine) => {
  const { bal, clients } = await withClients(t, engine, 2, 1000);
  const { code, stdout } = await bal.stop();
  assert.equal(code, 0);
  assert.match(stdout, /\b2\b.*\bcut\b/);
  for (const client of clients) assert.equal((await client.over).how, 'fin');
});

forEachEngine('stop --now cuts at once', async (t, engine) => {
  const { bal, clients } = await withClients(t, engine, 2, 60_000);
  const { code, stdout } = await bal.stop('--now');
  assert.equal(code, 0);
  assert.match(stdout, /\b2\b.*\bcut\b/);
  for (const client of clients) assert.equal((await client.over).how, 'fin');
});

forEachEngine('a stop that is repeated all the time ends all the same', async (t, engine) => {
  const { bal, clients } = await withClients(t, engine, 2, 5000);
  const stopping = bal.stop();
  let isOver = false;
  const again = async (): Promise<void> => {
    while (!isOver) {
      await request(bal.home.socket, 'POST', '/stop', { timeout_ms: null, now: false }, 300);
    }
  };
  const [{ code, stdout }] = await Promise.all([stopping.finally(() => (isOver = true)), again()]);
  assert.equal(code, 0);
  assert.match(stdout, /\b2\b.*\bcut\b/);
  for (const client of clients) assert.equal((await client.over).how, 'fin');
});

forEachEngine('a client that reads slowly has its last bytes, and the end, though bal is gone', async (t, engine) => {
  const length = 1_000_000;
  const a = await backend(t, pours(length));
  const port = await freePort();
  const config = configFor(port, [a], { workers: 1, log_connections: 'all', runtime: { drain_timeout_ms: 1000 } });
  const bal = await startBal(t, { engine, daemon: true, config });
  const client = await connectTo(t, port);
  client.socket.pause();
  await client.send('x');
  await bal.statusWhen('bal has passed it on', ({ totals }) => totals?.bytes_out === length);
  const { code, stdout } = await bal.stop();
  assert.equal(code, 0);
  assert.match(stdout, /\b1\b.*\bcut\b/);
  client.socket.resume();
  const { how, data } = await client.over;
  assert.equal(how, 'fin');
  assert.ok(data.equals(pattern(3, length)));
});

forEachEngine('a client that would lose bytes in the middle is reset', async (t, engine) => {
  const a = await backend(t, pours(64 * 1024 * 1024));
  const port = await freePort();
  const config = configFor(port, [a], { workers: 1, runtime: { drain_timeout_ms: 1000 } });
  const bal = await startBal(t, { engine, daemon: true, config });
  const [slow, quick] = [await connectTo(t, port), await connectTo(t, port)];
  slow.socket.pause();
  await slow.send('x');
  await bal.statusWhen('bytes wait for it', ({ totals }) => Number(totals?.bytes_out) > 1_000_000);
  await bal.stop();
  slow.socket.resume();
  assert.equal((await slow.over).how, 'reset');
  assert.equal((await quick.over).how, 'fin');
});
