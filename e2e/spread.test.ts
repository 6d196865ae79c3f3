import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEngine } from './harness/engines.ts';
import { freePort } from '../lib/testing/ports.ts';

const WORKERS = 4;
const CLIENTS = 40;
const RUSH = 64;

// With the js engine Node accepts: every sleeping worker is woken for each client, and the fastest gets it.

forEngine('native', 'clients that come all at once are spread over the workers', async (t, engine) => {
  const server = await backend(t, echo);
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [server], { workers: 2 }) });
  // A worker that the machine stalls for longer than clients are left to it gets none for 400 ms: later rushes compensate.
  for (let rush = 1; ; rush++) {
    if (rush > 1) await sleep(500);
    await Promise.all(
      Array.from({ length: RUSH }, async () => {
        const client = await connectTo(t, port);
        await client.send('x');
        await client.reads(1);
      }),
    );
    const open = RUSH * rush;
    const { workers } = await bal.statusWhen('all are open', ({ totals }) => totals?.active_connections === open);
    const held = workers.map(({ active_connections }) => active_connections);
    if (Math.min(...held) >= (open * 7) / 16) return;
    assert.ok(rush < 10, `the workers hold ${held.join(', ')}`);
  }
});

forEngine('native', 'clients that come one by one and stay are spread over the workers', async (t, engine) => {
  const server = await backend(t, echo);
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [server], { workers: WORKERS }) });
  for (let i = 0; i < CLIENTS; i++) {
    const client = await connectTo(t, port);
    await client.send('x');
    await client.reads(1);
  }
  const { workers } = await bal.statusWhen('all are open', ({ totals }) => totals?.active_connections === CLIENTS);
  const held = workers.map(({ active_connections }) => active_connections);
  // In turn, except for workers that happened to be awake: at least half a share, however busy the machine is.
  assert.ok(Math.min(...held) >= CLIENTS / WORKERS / 2, `the workers hold ${held.join(', ')}`);
});
