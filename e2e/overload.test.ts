import assert from 'node:assert/strict';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { echoes } from './harness/exchange.ts';
import { troubles, visits } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';

const LIMIT = 20;
const WORKERS = 3;

forEachEngine(
  'the limit is one for all workers: up to it all are served, beyond it clients are reset and counted',
  async (t, engine) => {
    const a = await backend(t, echo);
    const port = await freePort();
    const config = configFor(port, [a], { workers: WORKERS, runtime: { max_concurrent_connections: LIMIT } });
    const bal = await startBal(t, { engine, config });

    const clients = await Promise.all(Array.from({ length: LIMIT + 20 }, () => connectTo(t, port)));
    // Served clients get an answer, the others a reset.
    const served = await Promise.all(
      clients.map(async (client) => {
        await client.send('?').catch(() => undefined);
        return client.reads(1).then(
          () => client,
          () => null,
        );
      }),
    );
    const kept = served.filter((client) => client !== null);
    const rejected = served.length - kept.length;
    assert.equal(kept.length, LIMIT, 'exactly as many as the limit says');
    const full = await bal.statusWhen('all are counted', ({ totals }) => totals?.rejected_total === rejected);
    assert.equal(full.totals?.active_connections, LIMIT);
    assert.equal(
      full.workers.reduce((sum, worker) => sum + worker.rejected_total, 0),
      rejected,
    );
    for (const client of clients) if (!kept.includes(client)) assert.equal((await client.over).how, 'reset');

    // The log reports it without a line per client.
    await bal.logged('client.overload');
    const records = bal.logs().filter(({ event }) => event === 'client.overload');
    assert.ok(records.length >= 1 && records.length <= WORKERS, JSON.stringify(records));

    for (const client of kept) client.end();
    await bal.statusWhen('the slots are free', ({ totals }) => totals?.active_connections === 0);
    const counts = await visits(port, echoes(), 200, { clients: LIMIT / 2 });
    assert.deepEqual(troubles(counts), {}, 'after that everybody is served again');
  },
);

forEachEngine('a slot given back by one worker serves a client of another', async (t, engine) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const config = configFor(port, [a], { workers: WORKERS, runtime: { max_concurrent_connections: WORKERS } });
  await startBal(t, { engine, config });
  // One after the other, whichever worker accepts: there is always a slot.
  assert.deepEqual(troubles(await visits(port, echoes(), 100, { clients: 1 })), {});
});
