import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { loadNativeEngine } from '../../engine/native.ts';
import type { SourcesMemory } from '../../engine/sources.ts';
import { COUNT_MASK, SLOT_WORDS, SLOTS, SLOTS_AT } from '../../engine/sources.ts';
import { until } from '../../testing/until.ts';
import { createSources } from '../../worker/admission/sources.ts';
import { createScoreboard } from './scoreboard.ts';

const native = loadNativeEngine();
const skip = native.ok ? false : native.reason;
const LIMITS = { connections: 7, rate: 0 };
const NOW = 5000;

function ip(last: number): Uint8Array {
  return Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, last >> 8, last & 255]);
}

function memory(fd: number, row: number): SourcesMemory {
  const shared = native.ok ? native.openBoard(fd, row, true).sources?.() : null;
  assert.ok(shared !== null && shared !== undefined);
  return shared;
}

function clientsIn({ all }: SourcesMemory): number {
  let sum = 0;
  for (let slot = 0; slot < SLOTS; slot++) sum += (all[SLOTS_AT + slot * SLOT_WORDS] ?? 0) & COUNT_MASK;
  return sum;
}

// Runs as its own process: enters and leaves for ever, always with other sources, and reports when it held more than allowed.
if (process.argv[2] === 'worker' && native.ok) {
  const shared = memory(3, Number(process.argv[3]));
  const sources = createSources(shared);
  process.send?.('ready');
  for (let turn = 0; ; turn++) {
    const slots = [1, 1, 1, 2, 3, 1000 + (turn % 5000)]
      .map((last) => sources.enter(ip(last), 0, LIMITS, NOW))
      .filter((slot) => slot >= 0);
    for (const slot of slots) {
      const clients = (shared.all[SLOTS_AT + slot * SLOT_WORDS] ?? 0) & COUNT_MASK;
      if (clients > LIMITS.connections) process.stderr.write(`${clients}\n`);
      sources.leave(slot);
    }
  }
}

test(
  'workers that come and go at the same time never have more than they may, and the dead leave nothing',
  { skip },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'bal-sources-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const scoreboard = createScoreboard(folder);
    const { fd } = scoreboard;
    assert.ok(fd !== null);
    t.after(() => closeSync(fd));
    const row = scoreboard.take();
    assert.ok(scoreboard.roomToCount(row));
    const { blocks } = fstatSync(fd);
    assert.ok(blocks * 512 > 9 * 1024 * 1024, 'it is there, and no hole');
    const shared = memory(fd, row);
    const sources = createSources(shared);

    let errors = '';
    for (let round = 0; round < 2; round++) {
      const rows = [scoreboard.take(), scoreboard.take(), scoreboard.take()];
      for (const its of rows) assert.ok(scoreboard.roomToCount(its));
      const workers = rows.map((its) =>
        fork(fileURLToPath(import.meta.url), ['worker', String(its)], {
          stdio: ['ignore', 'ignore', 'pipe', fd, 'ipc'],
        }),
      );
      t.after(() => workers.forEach((worker) => worker.kill('SIGKILL')));
      for (const worker of workers) worker.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
      await Promise.all(workers.map((worker) => once(worker, 'message')));
      for (let i = 0; i < 20_000; i++) {
        const slot = sources.enter(ip(1), 0, LIMITS, NOW);
        if (slot >= 0) sources.leave(slot);
      }
      for (const [i, worker] of workers.entries()) {
        worker.kill('SIGKILL');
        await once(worker, 'close');
        scoreboard.free(rows[i] ?? 0);
      }
    }
    assert.equal(errors, '');
    await until('nothing is left', () => clientsIn(shared) === 0, { withinMs: 30_000 });
    const slots = Array.from({ length: 8 }, () => sources.enter(ip(1), 0, LIMITS, NOW));
    assert.equal(slots.filter((slot) => slot >= 0).length, 7, 'nobody is kept out for those who are gone');
  },
);
