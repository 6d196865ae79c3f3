// A worker that is stopped or in a loop does not die: its silence reveals it, and it is replaced.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { startBal } from '../harness.ts';
import { backend } from '../harness/backend.ts';
import { echo } from '../harness/behaviours.ts';
import { configFor } from '../harness/config.ts';
import { forEitherEngine } from '../harness/engines.ts';
import { echoes } from '../harness/exchange.ts';
import { startLoad, troubles } from '../harness/load.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { isAlive, signal } from '../harness/processes.ts';
import { until } from '../../lib/testing/until.ts';
import { finishAll, openStream, type Stream } from './streams.ts';

// Half of this test waits for five seconds to pass, so the engines run together.
describe('a hung worker', { concurrency: 2 }, () => {
  forEitherEngine('is replaced, its clients are counted, and the others notice nothing', async (t, engine) => {
    const a = await backend(t, echo);
    const port = await freePort();
    const bal = await startBal(t, { engine, config: configFor(port, [a]) });
    const streams: Stream[] = [];
    const shared = await until('both workers have connections', async () => {
      streams.push(await openStream(t, port, streams.length));
      const { workers } = await bal.status();
      return workers.every((worker) => worker.active_connections > 0) ? workers : null;
    });
    const [victim, other] = shared;
    assert.ok(victim !== undefined && other !== undefined);
    const stoppedAt = performance.now();
    signal(victim.pid, 'SIGSTOP');
    // The other worker accepts the clients this one would have taken.
    const load = startLoad(t, port, echoes(64), { clients: 4 });
    const reported = await bal.logged('worker.hung');
    const detected = performance.now() - stoppedAt;
    assert.equal(reported.fields['pid'], victim.pid);
    const { fields } = await bal.logged('worker.exited', (record) => record.fields['pid'] === victim.pid);
    assert.equal(fields['lost'], victim.active_connections);
    const { totals } = await bal.statusWhen(
      'the replacement serves',
      ({ workers }) =>
        workers.length === 2 && workers.every(({ state, pid }) => state === 'ready' && pid !== victim.pid),
    );
    t.diagnostic(
      `noticed after ${detected.toFixed(0)} ms, replaced after ${(performance.now() - stoppedAt).toFixed(0)} ms`,
    );
    assert.equal(totals?.workers_respawned_total, 1);
    await load.succeeds(20);
    assert.deepEqual(troubles(await load.stop()), {});
    assert.equal(isAlive(victim.pid), false);
    const { ok = 0, reset = 0, short = 0, ...more } = await finishAll(streams);
    // If it had read all that the client sent but not yet the answer, the kernel ends the connection without a reset.
    assert.deepEqual([ok, reset + short, more], [other.active_connections, victim.active_connections, {}]);
  });
});
