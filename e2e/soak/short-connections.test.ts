// Very many short connections, good and bad mixed: memory, descriptors and counters are flat afterwards.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { startBal } from '../harness.ts';
import { backend } from '../harness/backend.ts';
import { echo, resets } from '../harness/behaviours.ts';
import { configFor } from '../harness/config.ts';
import { forEachEngine } from '../harness/engines.ts';
import { echoes } from '../harness/exchange.ts';
import { visits } from '../harness/load.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { residentBytes } from '../harness/processes.ts';
import { MIB } from './footprint.ts';
import { HEAP_ENVIRONMENT, insideOf } from './heap.ts';
import { scale } from './scale.ts';

const ROUNDS = scale(3, 100);
const EACH = scale(400, 5000);
/**
 * Beside the heap, which is judged by its live bytes. With the js engine V8 grows the young generation of each of the two
 * workers, to 48 MiB at most, whenever much is alive for a moment, and keeps it so: seen as steps of 12 MiB, flat in between.
 */
const RSS_TOLERANCE = { native: scale(32, 24) * MIB, js: scale(32, 2 * 48) * MIB };
/** Live bytes after garbage collection: keeping twelve bytes per connection of the long form would show. */
const HEAP_TOLERANCE = 6 * MIB;

type Counts = Readonly<Record<string, number>>;

function sumOf(all: readonly Counts[]): Counts {
  const sum: Record<string, number> = {};
  for (const [kind, count] of all.flatMap((one) => Object.entries(one))) sum[kind] = (sum[kind] ?? 0) + count;
  return sum;
}

/** Clients that reset as soon as they are connected, or earlier. */
async function rude(port: number, count: number): Promise<void> {
  for (let i = 0; i < count; i += 10) {
    await Promise.all(
      Array.from({ length: 10 }, (_, nth) => {
        const socket = connect(port, '127.0.0.1');
        socket.on('error', () => undefined);
        if (nth % 2 === 0) socket.once('connect', () => socket.resetAndDestroy());
        else socket.destroy();
        return new Promise((resolve) => socket.once('close', resolve));
      }),
    );
  }
}

forEachEngine(`${ROUNDS * EACH} short connections with faults among them leave nothing behind`, async (t, engine) => {
  const a = await backend(t, echo);
  const b = await backend(t, resets);
  const dead = await backend(t, echo);
  await dead.die();
  const port = await freePort();
  const bal = await startBal(t, {
    engine,
    daemon: true,
    env: HEAP_ENVIRONMENT,
    // Every round must meet the backend that resets.
    config: configFor(port, [a, b, dead], { log_level: 'error', runtime: { early_failure_threshold: 0 } }),
  });
  await bal.checked();
  const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;
  // The primary's numbers fluctuate: its checks come and go.
  const primary: { descriptors: number; heap: number; resources: Counts }[] = [];
  const workers: { rss: number; descriptors: number; heap: number; resources: Counts }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const good = Math.floor(EACH * 0.8);
    const counts = await visits(port, echoes(), good, { clients: 16 });
    assert.ok(counts.ok > 0 && counts.reset > 0, 'some went well, and some met the backend that resets');
    assert.equal(counts.wrong + counts.short + counts.refused + counts.late, 0);
    await rude(port, EACH - good);
    await bal.statusWhen('all are over', ({ totals }) => totals?.active_connections === 0);
    const pids = await bal.workerPids();
    const inside = await Promise.all(pids.map((pid) => insideOf(bal, pid)));
    workers.push({
      rss: pids.reduce((sum, pid) => sum + residentBytes(pid), 0),
      descriptors: Math.max(...pids.map(descriptors)),
      heap: inside.reduce((sum, { heapBytes }) => sum + heapBytes, 0),
      resources: sumOf(inside.map(({ resources }) => resources)),
    });
    const { heapBytes, resources } = await insideOf(bal, bal.pid);
    primary.push({ descriptors: descriptors(bal.pid), heap: heapBytes, resources });
  }
  // The first round fills caches and grows the heap to its working size.
  for (const [who, sizes] of Object.entries({ workers, primary })) {
    t.diagnostic(`${who}: ${[sizes[0], sizes[1], sizes.at(-1)].map((one) => JSON.stringify(one)).join(' → ')}`);
    const [first, last] = [sizes[1], sizes.at(-1)];
    assert.ok(first !== undefined && last !== undefined);
    const said = `${who}: ${JSON.stringify(first)} → ${JSON.stringify(last)}`;
    assert.ok(last.descriptors <= first.descriptors + 4, said);
    assert.ok(last.heap - first.heap < HEAP_TOLERANCE, said);
    for (const [kind, count] of Object.entries(last.resources))
      assert.ok(count <= (first.resources[kind] ?? 0) + 4, `${kind} grow: ${said}`);
  }
  const [first, last] = [workers[1], workers.at(-1)];
  assert.ok(first !== undefined && last !== undefined);
  assert.ok(last.rss - first.rss < RSS_TOLERANCE[engine], `memory: ${first.rss / MIB} → ${last.rss / MIB} MiB`);
});
