// Workers are killed under load, one by one and all at once: only their own connections die, new clients wait, no counter
// falls.
import assert from 'node:assert/strict';
import { startBal } from '../harness.ts';
import { backend } from '../harness/backend.ts';
import { echo } from '../harness/behaviours.ts';
import { configFor } from '../harness/config.ts';
import { forEitherEngine } from '../harness/engines.ts';
import { echoes } from '../harness/exchange.ts';
import { startLoad, troubles, visits } from '../harness/load.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { isAlive, signal } from '../harness/processes.ts';
import { until } from '../../lib/testing/until.ts';
import { LONG, scale } from './scale.ts';
import { finishAll, openStream, type Stream } from './streams.ts';

const ROUNDS = scale(3, 30);
const CLIENTS = 4;
/** The contract's limit for a replacement; only checked where nothing else keeps the machine busy. */
const RECOVERY_MS = 1000;
const NEVER_FALL = ['connections_total', 'bytes_in', 'bytes_out', 'rejected_total', 'failed_total'] as const;

forEitherEngine(`workers are killed ${ROUNDS} times, every third time all of them`, async (t, engine) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a]) });
  const load = startLoad(t, port, echoes(256), { clients: CLIENTS });
  let killed = 0;
  const served: number[] = [];
  const replaced: number[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    await load.succeeds(20);
    const workers = await bal.workerPids();
    const victims = round % 3 === 0 ? workers : workers.slice(0, 1);
    killed += victims.length;
    const { totals: before } = await bal.status();
    const at = performance.now();
    for (const pid of victims) signal(pid, 'SIGKILL');
    await until('they are dead', () => !victims.some(isAlive), { everyMs: 1 });
    // At once, before others have counted as much as the dead workers had.
    const { totals: then } = await bal.status();
    // New clients were not accepted by the dead workers.
    const late = await visits(port, echoes(64), 1);
    served.push(performance.now() - at);
    if (victims.length === workers.length) assert.deepEqual(troubles(late), {}, 'a new client waits and is served');
    const { totals } = await bal.statusWhen('two workers serve', (status) => {
      const ready = status.workers.filter(({ state, pid }) => state === 'ready' && !victims.includes(pid));
      return ready.length === 2;
    });
    replaced.push(performance.now() - at);
    assert.ok(totals !== null && then !== null && before !== null);
    for (const key of NEVER_FALL) {
      assert.ok(then[key] >= before[key], `${key} fell from ${before[key]} to ${then[key]}`);
      assert.ok(totals[key] >= then[key], `${key} fell from ${then[key]} to ${totals[key]}`);
    }
    assert.equal(totals.workers_respawned_total, killed);
  }
  const { refused, reset, short, wrong, late } = await load.stop();
  assert.deepEqual({ refused, wrong, late }, { refused: 0, wrong: 0, late: 0 });
  assert.ok(reset + short <= ROUNDS * CLIENTS, `only what the dead had accepted: ${reset} reset, ${short} short`);
  const [slowest, longest] = [Math.max(...served), Math.max(...replaced)];
  t.diagnostic(
    `${killed} workers killed: ${reset + short} of ${load.counts.ok} visits lost; a client that came right after was served ` +
      `within ${slowest.toFixed(0)} ms at the most, all were replaced within ${longest.toFixed(0)} ms`,
  );
  const median = replaced.sort((one, other) => one - other)[Math.floor(ROUNDS / 2)] ?? Infinity;
  if (LONG) assert.ok(median < RECOVERY_MS, `replaced after ${replaced.map((ms) => ms.toFixed(0)).join(', ')} ms`);
});

forEitherEngine(
  "of many streams exactly the killed worker's end, and no byte of the others is wrong",
  async (t, engine) => {
    const a = await backend(t, echo);
    const port = await freePort();
    const bal = await startBal(t, { engine, config: configFor(port, [a], { workers: 3 }) });
    const streams: Stream[] = [];
    const workers = await until('every worker has streams', async () => {
      streams.push(await openStream(t, port, streams.length));
      const status = await bal.status();
      return streams.length >= 12 && status.workers.every((worker) => worker.active_connections > 0)
        ? status.workers
        : null;
    });
    const [victim, ...others] = workers;
    assert.ok(victim !== undefined);
    signal(victim.pid, 'SIGKILL');
    const lost = victim.active_connections;
    const over = (): Stream[] => streams.filter((stream) => stream.over);
    await until('its streams are over', () => over().length >= lost);
    const { fields } = await bal.logged('worker.exited');
    assert.equal(fields['lost'], lost);
    await bal.statusWhen(
      'three workers serve',
      (now) => now.workers.filter(({ state }) => state === 'ready').length === 3,
    );
    const kept = others.reduce((sum, { active_connections }) => sum + active_connections, 0);
    const [dead, alive] = [over(), streams.filter((stream) => !stream.over)];
    assert.deepEqual([dead.length, alive.length], [lost, kept]);
    assert.deepEqual(await finishAll(alive), { ok: kept });
    // Which end the kernel gave them depends on whether the dead worker had read what they sent last.
    assert.equal((await finishAll(dead))['wrong'], undefined);
  },
);
