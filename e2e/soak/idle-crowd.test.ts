// Very many idle connections beside traffic: the traffic is served, the idle ones stay, each costs little, and all memory is
// given back.
import assert from 'node:assert/strict';
import { startBal } from '../harness.ts';
import { backend } from '../harness/backend.ts';
import { echo } from '../harness/behaviours.ts';
import { configFor } from '../harness/config.ts';
import { forEachEngine } from '../harness/engines.ts';
import { echoes } from '../harness/exchange.ts';
import { startLoad, troubles } from '../harness/load.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { proportionalBytes } from '../harness/processes.ts';
import { MIB } from './footprint.ts';
import { crowdProcess, PATIENCE_MS } from './crowd-process.ts';
import { scale } from './scale.ts';

const IDLE = scale(2000, 10_000);
/** Per idle connection: bal's own memory, without the kernel's socket buffers. */
const EACH_BYTES = 24 * 1024;

forEachEngine(`${IDLE} idle connections stay, and traffic beside them is served`, async (t, engine) => {
  const a = await backend(t, echo);
  const port = await freePort();
  // The backend accepts them one after the other, in a process with other work.
  const runtime = { max_concurrent_connections: IDLE + 100, backend_connect_timeout_ms: PATIENCE_MS };
  const config = configFor(port, [a], { runtime });
  const bal = await startBal(t, { engine, config });
  await bal.checked();
  const held = async (): Promise<number> =>
    (await bal.workerPids()).reduce((sum, pid) => sum + proportionalBytes(pid), 0);
  const before = await held();
  const crowd = crowdProcess(t);
  assert.deepEqual(await crowd({ kind: 'open', port, count: IDLE }), { served: IDLE, refused: 0, others: 0, over: 0 });
  const each = ((await held()) - before) / IDLE;
  t.diagnostic(`an idle connection costs ${(each / 1024).toFixed(1)} KiB`);
  assert.ok(each < EACH_BYTES, `an idle connection costs ${(each / 1024).toFixed(1)} KiB`);

  const load = startLoad(t, port, echoes(1024), { clients: 8 });
  await load.succeeds(scale(500, 20_000));
  const { totals } = await bal.status();
  assert.ok((totals?.active_connections ?? 0) >= IDLE);
  assert.equal((await bal.graceful()).code, 0, 'a reload works as well');
  await load.succeeds(100);
  assert.deepEqual(troubles(await load.stop()), {});

  const ask = await crowd({ kind: 'ask' });
  assert.deepEqual(
    ask,
    { served: IDLE, refused: 0, others: 0, over: 0 },
    'each of the idle ones is alive, after a reload too',
  );
  await crowd({ kind: 'leave' });
  const after = await bal.statusWhen('all have left, and the workers before the reload are gone', (now) => {
    return now.totals?.active_connections === 0 && now.workers.every(({ state }) => state !== 'draining');
  });
  assert.equal(after.totals?.rejected_total, 0);
  assert.equal(after.totals?.failed_total, 0);
  const kept = (await held()) - before;
  assert.ok(kept < 64 * MIB, `the workers keep ${(kept / MIB).toFixed(0)} MiB`);
});
