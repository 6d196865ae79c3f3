// As many clients as the limit, twice and five times as many at once: connected clients notice nothing, every refused one is
// counted, and once there is room everybody is served again.
import assert from 'node:assert/strict';
import { startBal } from '../harness.ts';
import { backend } from '../harness/backend.ts';
import { echo } from '../harness/behaviours.ts';
import { configFor } from '../harness/config.ts';
import { forEachEngine } from '../harness/engines.ts';
import { echoes } from '../harness/exchange.ts';
import { troubles, visits } from '../harness/load.ts';
import { atEnd } from '../../lib/testing/owner.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { proportionalBytes } from '../harness/processes.ts';
import { disperse, offer } from './crowd.ts';
import { MIB } from './footprint.ts';
import { scale } from './scale.ts';
import { finishAll, openStreams } from './streams.ts';

const LIMIT = scale(60, 2000);
const STREAMS = 8;
/** What a crowd of five times the limit may leave behind, over all workers. */
const KEPT = 48 * MIB;

forEachEngine(
  `1, 2 and 5 times ${LIMIT} clients where ${LIMIT} may be: the limit is served, the rest is reset and counted, streams go on`,
  async (t, engine) => {
    const a = await backend(t, echo);
    const port = await freePort();
    const config = configFor(port, [a], { runtime: { max_concurrent_connections: LIMIT } });
    const bal = await startBal(t, { engine, config });
    const streams = await openStreams(t, port, STREAMS);
    const held = async (): Promise<number> =>
      (await bal.workerPids()).reduce((sum, pid) => sum + proportionalBytes(pid), 0);
    const before = await held();
    let rejected = 0;
    for (const factor of [1, 2, 5]) {
      const offered = factor * LIMIT - STREAMS;
      const crowd = await offer(port, offered);
      atEnd(t, () => disperse(crowd));
      assert.equal(crowd.others, 0, `at ${factor} times the limit nobody meets anything but service or a reset`);
      assert.equal(
        crowd.served.length,
        LIMIT - STREAMS,
        `at ${factor} times the limit as many are served as it allows`,
      );
      rejected += crowd.refused;
      const { totals } = await bal.statusWhen('all are counted', (now) => now.totals?.rejected_total === rejected);
      assert.equal(totals?.active_connections, LIMIT);
      assert.deepEqual(
        streams.filter(({ over }) => over),
        [],
      );
      crowd.leave();
      await bal.statusWhen('the crowd has left', (now) => now.totals?.active_connections === STREAMS);
      assert.deepEqual(troubles(await visits(port, echoes(), 50, { clients: 8 })), {}, 'everybody is served again');
    }
    const grown = (await held()) - before;
    t.diagnostic(`the workers have grown by ${(grown / MIB).toFixed(1)} MiB`);
    assert.ok(grown < KEPT, `the workers have grown by ${(grown / MIB).toFixed(1)} MiB`);
    assert.deepEqual(await finishAll(streams), { ok: STREAMS });
    const { totals } = await bal.status();
    assert.equal(totals?.rejected_total, LIMIT + 4 * LIMIT, 'what was beyond the limit, and nobody else');
    assert.equal(totals?.failed_total, 0);
    assert.equal(totals?.workers_respawned_total, 0);
  },
);
