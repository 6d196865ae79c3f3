// Workers are killed under load, one by one and all at once: only their own connections die, new clients wait, nothing
// that was counted is taken back.
import assert from 'node:assert/strict';
import type { TotalsStatus } from '../../lib/control/protocol.ts';
import { startBal } from '../harness.ts';
import { backend } from '../harness/backend.ts';
import { echo } from '../harness/behaviours.ts';
import { configFor } from '../harness/config.ts';
import { forEachEngine } from '../harness/engines.ts';
import { echoes } from '../harness/exchange.ts';
import { startLoad, troubles, visits } from '../harness/load.ts';
import { freePort } from '../harness/ports.ts';
import { isAlive, signal } from '../harness/processes.ts';
import { until } from '../harness/until.ts';
import { scale } from './scale.ts';

const ROUNDS = scale(3, 30);
const CLIENTS = 4;
const NEVER_FALL = ['connections_total', 'bytes_in', 'bytes_out', 'rejected_total', 'failed_total'] as const;

forEachEngine(`workers are killed ${ROUNDS} times, every third time all of them`, async (t, engine) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a]) });
  const load = startLoad(t, port, echoes(256), { clients: CLIENTS });
  let before: TotalsStatus | null = null;
  let killed = 0;
  const recoveries: number[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    await load.succeeds(20);
    const workers = await bal.workerPids();
    const victims = round % 3 === 0 ? workers : workers.slice(0, 1);
    killed += victims.length;
    const at = performance.now();
    for (const pid of victims) signal(pid, 'SIGKILL');
    await until('they are dead', () => !victims.some(isAlive), { everyMs: 1 });
    // Whoever comes now was not accepted by the dead.
    const late = await visits(port, echoes(64), 1);
    recoveries.push(performance.now() - at);
    if (victims.length === workers.length) assert.deepEqual(troubles(late), {}, 'a new client waits and is served');
    const { totals } = await bal.statusWhen('two workers serve', (status) => {
      const ready = status.workers.filter(({ state, pid }) => state === 'ready' && !victims.includes(pid));
      return ready.length === 2;
    });
    assert.ok(totals !== null);
    for (const key of NEVER_FALL) assert.ok(totals[key] >= (before?.[key] ?? 0), `${key} fell`);
    before = totals;
    assert.equal(totals.workers_respawned_total, killed);
  }
  const { refused, reset, short, wrong, late } = await load.stop();
  assert.deepEqual({ refused, wrong, late }, { refused: 0, wrong: 0, late: 0 });
  assert.ok(reset + short <= ROUNDS * CLIENTS, `only what the dead had accepted: ${reset} reset, ${short} short`);
  t.diagnostic(
    `${killed} workers killed: ${reset + short} of ${load.counts.ok} visits lost; a client that came right after was served ` +
      `within ${Math.max(...recoveries).toFixed(0)} ms at the most`,
  );
});
