// The wall clock of every bal process jumps by hours repeatedly: clients notice nothing, nothing is cut, taken out of use or
// called hung, and timeouts keep their length.
import assert from 'node:assert/strict';
import { startBal } from '../harness.ts';
import { backend } from '../harness/backend.ts';
import { echo } from '../harness/behaviours.ts';
import { connectTo } from '../harness/client.ts';
import { configFor } from '../harness/config.ts';
import { forEitherEngine } from '../harness/engines.ts';
import { echoes } from '../harness/exchange.ts';
import { startLoad, troubles } from '../harness/load.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { signal } from '../harness/processes.ts';
import { scale } from './scale.ts';
import { finishAll, openStreams } from './streams.ts';

const PRELOAD = { NODE_OPTIONS: `--import=${new URL('./clock-preload.js', import.meta.url).href}` };
/** Four jumps per round, after which the clock is right again. */
const ROUNDS = scale(2, 50);
const HOUR_MS = 3_600_000;

forEitherEngine('a wall clock that jumps by hours changes nothing but the times that are shown', async (t, engine) => {
  const [a, b] = [await backend(t, echo), await backend(t, echo)];
  const port = await freePort();
  const config = configFor(port, [a, b], { runtime: { connection_idle_timeout_ms: 60_000, drain_timeout_ms: 60_000 } });
  const bal = await startBal(t, { engine, env: PRELOAD, config });
  await bal.checked();
  const streams = await openStreams(t, port, 4);
  const mute = await connectTo(t, port);
  const load = startLoad(t, port, echoes(), { clients: 4 });
  for (let jump = 1; jump <= ROUNDS * 4; jump++) {
    for (const pid of [bal.pid, ...(await bal.workerPids())]) signal(pid, 'SIGWINCH');
    await load.succeeds(30);
    const { uptime_ms, backends } = await bal.statusWhen(
      'a check is told with the time of the clock as it is',
      (now) => {
        const off = Date.parse(now.backends[0]?.last_check_time ?? '') - Date.now();
        const wanted = [HOUR_MS, -HOUR_MS, HOUR_MS, 0][(jump - 1) % 4] ?? 0;
        return Math.abs(off - wanted) < HOUR_MS / 2;
      },
    );
    assert.ok(Number(uptime_ms) >= 0 && Number(uptime_ms) < HOUR_MS / 2, `up for ${uptime_ms} ms`);
    assert.deepEqual(
      backends.map(({ state, cooldown_ms }) => [state, cooldown_ms]),
      [
        ['up', 0],
        ['up', 0],
      ],
    );
    if (jump % 4 !== 2) continue;
    // While the clock is an hour behind, a backend goes down and comes back.
    await load.between(a.refuse);
    await bal.statusWhen('the dead backend is down', (now) => now.backends[0]?.state === 'down');
    await load.succeeds(10);
    await a.recover();
    await bal.statusWhen(
      'it is up again',
      (now) => now.backends[0]?.state === 'up' && now.backends[0].cooldown_ms === 0,
    );
  }
  assert.equal((await bal.graceful()).code, 0);
  await load.succeeds(10);
  assert.deepEqual(troubles(await load.stop()), {});
  await mute.send('?');
  assert.equal((await mute.reads(1)).toString(), '?', 'who was silent through it all is still there');
  mute.end();
  assert.deepEqual(await finishAll(streams), { ok: 4 });
  const { totals, protection_mode } = await bal.status();
  assert.equal(totals?.workers_respawned_total, 0);
  assert.equal(protection_mode.enabled, false);
});
