// Repeated reloads while sessions stay, real ones among them: no session is harmed, old workers without connections exit, the
// others are bounded and cost little while they wait, and nothing is left behind.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { startBal } from '../harness.ts';
import { backend } from '../harness/backend.ts';
import { echo } from '../harness/behaviours.ts';
import { forEachEngine } from '../harness/engines.ts';
import { echoes } from '../harness/exchange.ts';
import { troubles, visits } from '../harness/load.ts';
import { cpuMs, proportionalBytes } from '../harness/processes.ts';
import { lives, session } from '../harness/session.ts';
import { thisFile } from '../../lib/testing/owner.ts';
import { until } from '../../lib/testing/until.ts';
import { psqlAtPrompt } from '../sessions/clients/postgres.ts';
import { redisAtPrompt } from '../sessions/clients/redis.ts';
import type { Kind } from '../sessions/kind.ts';
import { type Seat, takeSeat } from '../sessions/seat.ts';
import { servicesFor, startServers } from '../sessions/services.ts';
import { footprintOf, inWords, MIB } from './footprint.ts';
import { HEAP_ENVIRONMENT, liveHeap } from './heap.ts';
import { owned } from './owned.ts';
import { scale } from './scale.ts';

const MOST = 32;
const RELOADS = scale(6, 100);
const WORKERS = 2;
/** A worker is at rest some seconds after the reload. */
const REST_MS = 6000;
const WATCHED_MS = scale(4000, 20_000);
/**
 * Limits per old worker with a session right after the reload: private memory plus its share of shared memory (9.5 MiB at most
 * were seen), and descriptors of the primary (2 were seen: its channel and its records).
 */
const MEMORY_EACH = 24 * MIB;
const DESCRIPTORS_EACH = 3;
/** The same at rest. Node itself takes 7 MiB. */
const AT_REST = 16 * MIB;
/** At rest one or two per second were seen. On a busy machine V8's threads add some; a poll or a busy loop would add hundreds. */
const WAKE_UPS_PER_SECOND = 50;
const HEAP_TOLERANCE = 6 * MIB;

/** Counts how often the threads of a process went to sleep voluntarily. */
function sleeps(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    return sum + Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1]);
  }, 0);
}

/** A client of an echo backend. */
const echoed: Kind = {
  name: 'an echo',
  server: {
    name: 'echo',
    lacks: null,
    start: async (owner) => ({ port: (await backend(owner, echo)).port, folder: '' }),
  },
  lacks: null,
  connections: 1,
  async open({ owner, through }) {
    const client = await session(owner, through);
    return { works: () => lives(client) };
  },
};
const KINDS = [echoed, psqlAtPrompt, redisAtPrompt];
const PRESENT = KINDS.filter(({ server }) => server.lacks === null);
/** One set for both engines: creating a database takes longer than most tests. */
const servers = await startServers(thisFile(), PRESENT, 'all');
const LACKING = KINDS.flatMap(({ server }) => server.lacks ?? []);

/** Connections stay with their worker, as with the js engine. */
const KEPT = { BAL_NATIVE_DISABLE: 'handover' };

forEachEngine(
  `${RELOADS} reloads, and a session left behind by each: all go on, bounded, at rest while they wait, and nothing is left` +
    (LACKING.length > 0 ? ` (without some of them: ${LACKING.join(', ')})` : ''),
  async (t, engine) => {
    const services = await servicesFor(servers);
    const config = { workers: WORKERS, ...services.config() };
    const port = services.place(echoed, t, engine).through;
    const bal = await startBal(t, { engine, daemon: true, env: { ...HEAP_ENVIRONMENT, ...KEPT }, config });
    const reload = async (round: number): Promise<void> => {
      bal.configure({ ...config, log_level: round % 3 === 0 ? 'warn' : 'info' });
      const { code, verdict } = await bal.graceful();
      assert.deepEqual([code, verdict.ok], [0, true]);
      const generations = verdict.draining?.generations ?? 0;
      assert.ok(generations <= MOST, `${generations} old generations`);
    };
    await visits(port, echoes(512), 200, { clients: 20 });
    await reload(0);
    await bal.statusWhen('the first workers are gone', ({ workers }) => workers.length === WORKERS);
    const before = footprintOf(bal);
    const heapBefore = await liveHeap(bal, bal.pid);

    await owned(async (clients) => {
      const seats: Seat[] = [];
      for (let round = 0; round < RELOADS; round++) {
        const kind = PRESENT[round % PRESENT.length] ?? echoed;
        seats.push(await takeSeat(kind, () => kind.open(services.place(kind, clients, engine))));
        assert.deepEqual(troubles(await visits(port, echoes(512), 20, { clients: 10 })), {});
        await reload(round);
        const { processes } = footprintOf(bal);
        // The primary, the serving workers, and those just told to end.
        assert.ok(processes <= 1 + WORKERS * (MOST + 2), `${processes} processes`);
        await Promise.all(seats.slice(-MOST).map((seat) => seat.works()));
      }
      const held = seats.slice(-MOST);
      assert.deepEqual(
        held.map((seat) => seat.harm()),
        Array(held.length).fill(null),
      );
      // A session is on one of the two workers of its generation; the other one has nothing to wait for.
      const fresh = await bal.statusWhen(
        'old workers without connections are gone',
        ({ workers }) => workers.length === WORKERS + held.length,
      );
      const during = footprintOf(bal);
      const pidsOfOld = fresh.workers.filter(({ state }) => state === 'draining').map(({ pid }) => pid);
      const most = Math.max(...pidsOfOld.map(proportionalBytes));
      assert.ok(most < MEMORY_EACH, `${most / MIB} MiB`);
      assert.ok(
        during.primaryDescriptors <= before.primaryDescriptors + held.length * DESCRIPTORS_EACH,
        inWords(during),
      );

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
        `${old.length} old workers: ${(most / MIB).toFixed(1)} MiB at most (PSS), ${inWords(during)}; at rest ` +
          `${((memory[memory.length >> 1] ?? 0) / MIB).toFixed(1)} MiB each (median), ${(largest / MIB).toFixed(1)} at most; ` +
          `${wakeUps.toFixed(1)} wake-ups a second each; ${cpu / seconds} ms of processor time a second together, ` +
          `${(cpuMs(bal.pid) - primaryCpu) / seconds} in the primary`,
      );
      assert.ok(largest < AT_REST, `${largest / MIB} MiB`);
      assert.ok(wakeUps < WAKE_UPS_PER_SECOND, `${wakeUps} wake-ups a second`);
    });
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
