// Backends with a connection limit over all workers.
import assert from 'node:assert/strict';
import { freePort } from '../lib/testing/ports.ts';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo, named } from './harness/behaviours.ts';
import { clerk } from './harness/clerk.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine, forEitherEngine, forEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { visits } from './harness/load.ts';

/** Like configFor(), with a limit for each backend. */
function limited(
  port: number,
  backends: readonly { readonly host: string; readonly port: number }[],
  limits: readonly number[],
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    ...configFor(port, backends, more),
    backends: backends.map(({ host, port: at }, i) => ({ host, port: at, max_connections: limits[i] ?? 0 })),
  };
}

forEachEngine('a backend that is full is passed over, and when all are full clients are refused', async (t, engine) => {
  const [a, b] = [await backend(t, echo), await backend(t, echo)];
  const port = await freePort();
  const bal = await startBal(t, { engine, config: limited(port, [a, b], [2, 4], { workers: 1 }) });
  await bal.checked();
  const clients = [];
  for (let i = 0; i < 6; i++) {
    const client = await connectTo(t, port);
    await client.send('x');
    await client.reads(1);
    clients.push(client);
  }
  const refused = await connectTo(t, port);
  assert.equal((await refused.over).how, 'reset');
  const { backends } = await bal.statusWhen('all are counted', ({ totals }) => totals?.rejected_total === 1);
  assert.deepEqual(
    backends.map(({ active_connections, max_connections }) => [active_connections, max_connections]),
    [
      [2, 2],
      [4, 4],
    ],
  );
  assert.match((await bal.cli('why')).stdout, /is up, full/);
  clients[0]?.end();
  await bal.statusWhen('one has gone', ({ totals }) => totals?.active_connections === 5);
  const next = await connectTo(t, port);
  await next.send('x');
  await next.reads(1);
});

forEitherEngine("'bal why' knows a backup that is in use, and a limit that was lowered", async (t, engine) => {
  const [a, backup] = [await backend(t, echo), await backend(t, echo)];
  const port = await freePort();
  const config = (most: number): Record<string, unknown> => ({
    ...configFor(port, [a], { workers: 1 }),
    backends: [
      { host: a.host, port: a.port, max_connections: most },
      { host: backup.host, port: backup.port, backup: true },
    ],
  });
  const bal = await startBal(t, { engine, config: config(2) });
  await bal.checked();
  const why = async (): Promise<string> => (await bal.cli('why')).stdout;
  for (let i = 0; i < 3; i++) {
    const client = await connectTo(t, port);
    await client.send('x');
    await client.reads(1);
  }
  await bal.statusWhen('all are counted', ({ totals }) => totals?.active_connections === 3);
  assert.match(
    await why(),
    new RegExp(`${a.port} is up, full[^]*one of its 2 connections[^]*${backup.port} is up, in use`),
  );
  bal.configure(config(1));
  assert.equal((await bal.graceful()).code, 0);
  assert.match(await why(), /is up, full[^]*ends when 2 of its 2 connections end: the limit is 1/);
  bal.configure(config(3));
  assert.equal((await bal.graceful()).code, 0);
  assert.match(await why(), new RegExp(`${a.port} is up, in use[^]*${backup.port} is up, spare`));
});

forEachEngine('a limit that a reload brings counts what the old workers have', async (t, engine) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a], { workers: 1 }) });
  await bal.checked();
  const served = async () => {
    const client = await connectTo(t, port);
    await client.send('x');
    await client.reads(1);
  };
  for (let i = 0; i < 2; i++) await served();
  bal.configure(limited(port, [a], [3], { workers: 1 }));
  assert.equal((await bal.graceful()).code, 0);
  await served();
  assert.equal((await (await connectTo(t, port)).over).how, 'reset');
});

forEngine('native', 'never one more, whatever storms in and whichever worker dies', async (t, engine) => {
  const [first, second] = [clerk('a', 20), clerk('b', 20)];
  const [a, b] = [await backend(t, first.behaviour), await backend(t, second.behaviour)];
  const spare = await backend(t, named('spare'));
  const port = await freePort();
  const config = {
    ...limited(port, [a, b, spare], [3, 5, 0], { workers: 8, health_check: { type: 'none' } }),
  };
  const bal = await startBal(t, { engine, config });
  const storm = visits(port, names('a', 'b', 'spare'), 3000, { clients: 64 });
  const { workers } = await bal.status();
  for (const { pid } of workers.slice(0, 2)) process.kill(pid, 'SIGKILL');
  await storm;
  assert.deepEqual([first.most, second.most], [3, 5]);
  // The dead workers' connections are free again.
  await bal.statusWhen('all are there again', ({ workers: now }) => now.length === 8);
  await bal.statusWhen('nobody is connected', ({ totals }) => totals?.active_connections === 0);
  const again = await visits(port, names('a', 'b', 'spare'), 400, { clients: 32 });
  assert.ok((again.answers['a'] ?? 0) > 0 && (again.answers['b'] ?? 0) > 0, JSON.stringify(again.answers));
  assert.deepEqual([first.most, second.most], [3, 5]);
});
