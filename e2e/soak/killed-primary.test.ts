// The primary is killed under load: its workers release the port, finish their connections or hand them to those of the next
// start, and exit; a new start takes over.
import assert from 'node:assert/strict';
import { startBal } from '../harness.ts';
import { backend } from '../harness/backend.ts';
import { echo } from '../harness/behaviours.ts';
import { configFor } from '../harness/config.ts';
import { forEachEngine } from '../harness/engines.ts';
import { echoes } from '../harness/exchange.ts';
import { startLoad, troubles, visits } from '../harness/load.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { pidsOf } from '../harness/processes.ts';
import { until } from '../../lib/testing/until.ts';
import { scale } from './scale.ts';
import { finishAll, finishCut, openStreams } from './streams.ts';

const ROUNDS = scale(1, 10);

forEachEngine(`the primary is killed under load ${ROUNDS === 1 ? 'once' : `${ROUNDS} times`}`, async (t, engine) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const config = configFor(port, [a], { runtime: { drain_timeout_ms: 4000 } });
  let bal = await startBal(t, { engine, daemon: true, config });
  for (let round = 0; round < ROUNDS; round++) {
    const [finishing, outliving] = [await openStreams(t, port, 3), await openStreams(t, port, 2, 20)];
    const load = startLoad(t, port, echoes(256), { clients: 4 });
    await load.succeeds(20);
    const old = pidsOf(bal.home.dir);
    await bal.killPrimary();
    const diedAt = performance.now();
    const moved = finishing.map(({ bytes }) => bytes);
    await until('the streams go on', () => finishing.every(({ bytes }, i) => bytes > Number(moved[i])));
    assert.deepEqual(await finishAll(finishing), { ok: 3 });
    // The first attempt must succeed.
    bal = await startBal(t, { engine, daemon: true, home: bal.home.dir, config });
    const startedMs = performance.now() - diedAt;
    await load.succeeds(20);
    const { wrong, late, short } = await load.stop();
    assert.deepEqual({ wrong, late, short }, { wrong: 0, late: 0, short: 0 });
    assert.deepEqual(troubles(await visits(port, echoes(), 10)), {});
    await until('the old processes are gone', () => !pidsOf(bal.home.dir).some((pid) => old.includes(pid)));
    const goneMs = performance.now() - diedAt;
    // Connections that outlive the drain timeout are cut where they cannot be handed over.
    if (engine === 'js') assert.equal(await finishCut(outliving), 2);
    else assert.deepEqual(await finishAll(outliving), { ok: 2 });
    t.diagnostic(
      `a new start serves after ${startedMs.toFixed(0)} ms; no orphan after ${goneMs.toFixed(0)} ms (drain time 4000 ms)`,
    );
  }
  assert.equal((await bal.stop()).code, 0);
});
