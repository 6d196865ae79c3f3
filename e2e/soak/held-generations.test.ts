// Reload after reload while sessions stay: old workers are bounded, cost little while they wait, and leave nothing behind.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { startBal } from '../harness.ts';
import { backend } from '../harness/backend.ts';
import { echo } from '../harness/behaviours.ts';
import type { Client } from '../harness/client.ts';
import { configFor } from '../harness/config.ts';
import { forEachEngine } from '../harness/engines.ts';
import { echoes } from '../harness/exchange.ts';
import { troubles, visits } from '../harness/load.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { cpuMs, proportionalBytes } from '../harness/processes.ts';
import { lives, session } from '../harness/session.ts';
import { until } from '../../lib/testing/until.ts';
import { askReload } from './control.ts';
import { footprintOf, inWords, MIB } from './footprint.ts';
import { HEAP_ENVIRONMENT, liveHeap } from './heap.ts';
import { scale } from './scale.ts';

const MOST = 32;
const RELOADS = scale(4, 100);
const WORKERS = 2;
/** A worker is at rest some seconds after the reload. */
const REST_MS = 6000;
const WATCHED_MS = scale(4000, 20_000);
/** Node itself has 7 MiB. */
const AT_REST = 16 * MIB;
/** Seen at rest: one or two a second. On a busy machine V8's threads add some; a poll or a busy loop would add hundreds. */
const WAKE_UPS_PER_SECOND = 50;
const HEAP_TOLERANCE = 6 * MIB;

/** How often the threads of a process went to sleep by themselves. */
function sleeps(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    return sum + Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1]);
  }, 0);
}

forEachEngine(
  `${RELOADS} reloads with sessions that stay: bounded, at rest while they wait, and nothing is left`,
  async (t, engine) => {
    const a = await backend(t, echo);
    const port = await freePort();
    const config = configFor(port, [a], { workers: WORKERS });
    const bal = await startBal(t, { engine, daemon: true, env: HEAP_ENVIRONMENT, config });
    const reload = async (): Promise<void> => {
      const { ok, draining } = await askReload(bal.home.socket);
      assert.ok(ok);
      assert.ok((draining?.generations ?? 0) <= MOST, `${draining?.generations} old generations`);
    };
    await visits(port, echoes(512), 200, { clients: 20 });
    await reload();
    await bal.statusWhen('the first workers are gone', ({ workers }) => workers.length === WORKERS);
    const before = footprintOf(bal);
    const heapBefore = await liveHeap(bal, bal.pid);

    const sessions: Client[] = [];
    for (let round = 0; round < RELOADS; round++) {
      sessions.push(await session(t, port));
      assert.deepEqual(troubles(await visits(port, echoes(512), 20, { clients: 10 })), {});
      await reload();
      const { processes } = footprintOf(bal);
      // The primary, those that serve, and those that have just been told to end.
      assert.ok(processes <= 1 + WORKERS * (MOST + 2), `${processes} processes`);
    }
    const held = sessions.slice(-Math.min(RELOADS, MOST));
    for (const client of held) await lives(client);

    await pause(REST_MS);
    const { draining, workers } = await bal.statusWhen('only those with a session are left', ({ workers: all }) =>
      all.every(({ state, active_connections }) => state === 'ready' || active_connections > 0),
    );
    assert.deepEqual(draining, {
      connections: held.length,
      workers: held.length,
      generations: held.length,
      until: null,
    });
    const old = workers.filter(({ state }) => state === 'draining').map(({ pid }) => pid);
    const each = old.map((pid) => ({ pid, sleeps: sleeps(pid), cpu: cpuMs(pid) }));
    const primaryCpu = cpuMs(bal.pid);
    await pause(WATCHED_MS);
    const seconds = WATCHED_MS / 1000;
    const wakeUps = each.reduce((sum, one) => sum + sleeps(one.pid) - one.sleeps, 0) / old.length / seconds;
    const cpu = each.reduce((sum, one) => sum + cpuMs(one.pid) - one.cpu, 0);
    const memory = old.map(proportionalBytes).sort((x, y) => x - y);
    const largest = memory.at(-1) ?? 0;
    t.diagnostic(
      `${old.length} old workers at rest: ${(memory[memory.length >> 1] ?? 0) / MIB} MiB each (PSS, median), ${largest / MIB} at most; ` +
        `${wakeUps.toFixed(1)} wake-ups a second each; ${cpu / seconds} ms of processor time a second together, ` +
        `${(cpuMs(bal.pid) - primaryCpu) / seconds} in the primary`,
    );
    assert.ok(largest < AT_REST, `${largest / MIB} MiB`);
    assert.ok(wakeUps < WAKE_UPS_PER_SECOND, `${wakeUps} wake-ups a second`);

    for (const client of held) client.end();
    await bal.statusWhen('all old workers are gone', (now) => now.workers.length === WORKERS);
    const after = await until('descriptors and processes are back where they were', () => {
      const now = footprintOf(bal);
      return now.primaryDescriptors <= before.primaryDescriptors && now.processes === before.processes ? now : null;
    });
    const heap = (await liveHeap(bal, bal.pid)) - heapBefore;
    t.diagnostic(`before: ${inWords(before)}; after: ${inWords(after)}; ${(heap / MIB).toFixed(1)} MiB more alive`);
    assert.ok(heap < HEAP_TOLERANCE, `${heap / MIB} MiB more are alive in the primary`);
  },
);
