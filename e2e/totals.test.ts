import assert from 'node:assert/strict';
import type { Status } from '../lib/control/protocol.ts';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { forEitherEngine } from './harness/engines.ts';
import { echoes } from './harness/exchange.ts';
import { startLoad, troubles, visits } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';
import { signal } from './harness/processes.ts';

function sum(values: readonly (number | null)[]): number {
  return values.reduce((all: number, value) => all + Number(value), 0);
}

forEitherEngine('status counts what the clients counted, and the parts make up the whole', async (t, engine) => {
  const [a, b] = [await backend(t, echo), await backend(t, echo)];
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a, b]) });
  const counts = await visits(port, echoes(1000), 100);
  assert.deepEqual(troubles(counts), {});
  const status = await bal.statusWhen(
    'everything is counted',
    ({ totals }) => totals?.connections_total === 100 && totals.active_connections === 0,
  );
  const { totals, backends, workers } = status;
  assert.equal(totals?.bytes_in, counts.sent);
  assert.equal(totals?.bytes_out, counts.received);
  assert.equal(totals?.rejected_total, 0);
  assert.equal(totals?.failed_total, 0);
  for (const parts of [backends, workers]) {
    assert.equal(sum(parts.map(({ connections_total }) => connections_total)), 100);
    assert.equal(sum(parts.map(({ bytes_in }) => bytes_in)), counts.sent);
    assert.equal(sum(parts.map(({ bytes_out }) => bytes_out)), counts.received);
    assert.equal(sum(parts.map(({ active_connections }) => active_connections)), 0);
  }
});

forEitherEngine('totals never fall and lose nothing when workers are replaced by graceful', async (t, engine) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a]) });
  let done = 0;
  let bytes = 0;
  for (let round = 0; round < 3; round++) {
    const counts = await visits(port, echoes(500), 30);
    assert.deepEqual(troubles(counts), {});
    done += counts.ok;
    bytes += counts.sent;
    assert.equal((await bal.graceful()).code, 0);
  }
  const { totals, backends } = await bal.statusWhen(
    'all of it is counted',
    (status) => status.totals?.connections_total === done && status.totals.bytes_in === bytes,
  );
  assert.equal(totals?.bytes_out, bytes);
  assert.equal(totals?.reloads_total, 3);
  assert.equal(backends[0]?.connections_total, done);
});

forEitherEngine('totals never fall when workers are killed', async (t, engine) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a]) });
  const load = startLoad(t, port, echoes(500), { clients: 4 });
  const seen: Status[] = [];
  const over = new AbortController();
  const watch = (async () => {
    while (!over.signal.aborted) seen.push(await bal.status());
  })();
  for (let round = 0; round < 3; round++) {
    await load.succeeds(30);
    const [victim] = await bal.workerPids();
    assert.ok(victim !== undefined);
    signal(victim, 'SIGKILL');
    await bal.statusWhen(
      'it is replaced',
      ({ workers }) => workers.length === 2 && workers.every(({ pid, state }) => pid !== victim && state === 'ready'),
    );
  }
  await load.stop();
  over.abort();
  await watch;
  assert.ok(seen.length > 3);
  const keys = ['connections_total', 'bytes_in', 'bytes_out', 'rejected_total', 'failed_total'] as const;
  for (const [i, { totals, backends }] of seen.entries()) {
    const before = seen[i - 1];
    if (before === undefined) continue;
    for (const key of keys) assert.ok(Number(totals?.[key]) >= Number(before.totals?.[key]), `${key} fell`);
    assert.ok(Number(backends[0]?.bytes_in) >= Number(before.backends[0]?.bytes_in));
  }
});
