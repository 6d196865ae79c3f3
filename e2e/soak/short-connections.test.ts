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
import { freePort } from '../harness/ports.ts';
import { residentBytes } from '../harness/processes.ts';
import { MIB } from './footprint.ts';
import { scale } from './scale.ts';

const ROUNDS = scale(3, 100);
const EACH = scale(400, 5000);
const RSS_TOLERANCE = scale(32, 24) * MIB;

/** Clients that reset as soon as they are connected, or before. */
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
    config: configFor(port, [a, b, dead], { log_level: 'error' }),
  });
  await bal.checked();
  const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;
  const sizes: { rss: number; descriptors: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const good = Math.floor(EACH * 0.8);
    const counts = await visits(port, echoes(), good, { clients: 16 });
    assert.ok(counts.ok > 0 && counts.reset > 0, 'some went well, and some met the backend that resets');
    assert.equal(counts.wrong + counts.short + counts.refused + counts.late, 0);
    await rude(port, EACH - good);
    await bal.statusWhen('all are over', ({ totals }) => totals?.active_connections === 0);
    const pids = await bal.workerPids();
    sizes.push({
      rss: pids.reduce((sum, pid) => sum + residentBytes(pid), 0),
      descriptors: Math.max(...pids.map(descriptors)),
    });
  }
  // The first round fills caches and lets the heap grow to what it needs.
  const [first, last] = [sizes[1], sizes.at(-1)];
  assert.ok(first !== undefined && last !== undefined);
  t.diagnostic(sizes.map(({ rss, descriptors: fds }) => `${(rss / MIB).toFixed(0)} MiB ${fds} fds`).join(', '));
  assert.ok(last.descriptors <= first.descriptors + 4, `descriptors: ${first.descriptors} → ${last.descriptors}`);
  assert.ok(last.rss - first.rss < RSS_TOLERANCE, `memory: ${first.rss / MIB} → ${last.rss / MIB} MiB`);
});
