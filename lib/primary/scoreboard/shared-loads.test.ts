import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

import { loadNativeEngine } from '../../engine/native.ts';
import type { Board } from '../../engine/scoreboard.ts';
import { until } from '../../testing/until.ts';
import { createLoads } from '../../worker/balance/loads.ts';
import { createScoreboard } from './scoreboard.ts';

const native = loadNativeEngine();
const skip = native.ok ? false : native.reason;
const CAP = 7;

function shared(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'bal-loads-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const scoreboard = createScoreboard(folder);
  const { fd } = scoreboard;
  assert.ok(fd !== null && native.ok);
  t.after(() => closeSync(fd));
  const board = (row: number): Board => native.openBoard(fd, row);
  return { scoreboard, fd, board };
}

// Runs as its own process: takes and releases for ever, and reports the moments in which it held more than allowed.
if (process.argv[2] === 'worker' && native.ok) {
  const loads = createLoads(native.openBoard(3, Number(process.argv[3])));
  loads.share();
  loads.reserve(0);
  process.send?.('ready');
  for (;;) {
    for (let i = 0; i < 3; i++) loads.take(0, CAP);
    if (loads.of(0) > CAP) process.stderr.write(`${loads.of(0)}\n`);
    while (loads.own(0) > 0) loads.release(0);
  }
}

test(
  'workers that take and release at the same time never have more than they may, and the dead leave nothing',
  { skip },
  async (t) => {
    const { scoreboard, fd, board } = shared(t);
    const own = scoreboard.take();
    const loads = createLoads(board(own));
    loads.share();
    let errors = '';
    for (let round = 0; round < 2; round++) {
      const rows = [scoreboard.take(), scoreboard.take(), scoreboard.take()];
      const workers = rows.map((row) =>
        fork(fileURLToPath(import.meta.url), ['worker', String(row)], {
          stdio: ['ignore', 'ignore', 'pipe', fd, 'ipc'],
        }),
      );
      t.after(() => workers.forEach((worker) => worker.kill('SIGKILL')));
      for (const worker of workers) worker.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
      await Promise.all(workers.map((worker) => once(worker, 'message')));
      const highest = Math.max(...Array.from({ length: 20_000 }, () => loads.of(0)));
      assert.ok(highest <= CAP, String(highest));
      await Promise.all(
        workers.map(async (worker) => {
          worker.kill('SIGKILL');
          await once(worker, 'close');
        }),
      );
      for (const row of rows) scoreboard.free(row);
      // A worker killed between its two steps leaves one that is found later.
      await until('nothing is left', () => Promise.resolve(loads.of(0) === 0));
    }
    assert.equal(errors, '');
  },
);

test(
  'what is counted among all and in no part is taken back, and what is counted in both is not',
  { skip },
  async (t) => {
    const { scoreboard, board } = shared(t);
    const [own, other] = [scoreboard.take(), scoreboard.take()];
    const mine = board(own);
    const loads = createLoads(mine);
    loads.share();
    loads.reserve(5);
    for (let i = 0; i < 4; i++) assert.ok(loads.take(5, 4));
    assert.equal(loads.take(5, 4), false);
    Atomics.add(mine.all, 5, 1);
    scoreboard.free(other);
    await until('one is taken back', () => Promise.resolve(loads.of(5) === 4));
    assert.equal(loads.own(5), 4);
  },
);

test(
  'a surplus that comes late is found too, and what is looked at ends when nothing is amiss',
  { skip },
  async (t) => {
    const { scoreboard, board } = shared(t);
    const [own, other] = [scoreboard.take(), scoreboard.take()];
    const { all } = board(own);
    t.mock.timers.enable({ apis: ['setTimeout'] });
    let now = 0;
    t.mock.method(performance, 'now', () => now);
    const pass = (looks: number): void => {
      for (let i = 0; i < looks; i++) {
        now += 100;
        t.mock.timers.tick(100);
      }
    };
    scoreboard.free(other);
    // Changes from look to look until after the time in which looks happen anyway.
    for (let i = 0; i < 110; i++) {
      Atomics.add(all, 5, 1);
      pass(1);
    }
    assert.equal(Atomics.load(all, 5), 110);
    pass(20);
    assert.equal(Atomics.load(all, 5), 0);
    Atomics.add(all, 5, 1);
    pass(50);
    assert.equal(Atomics.load(all, 5), 1, 'nobody has died since');
  },
);

test('without an addon no worker gets a row, and one that is there later is used', { skip }, (t) => {
  const { scoreboard } = shared(t);
  const before = process.env['BAL_NATIVE_ADDON'];
  t.after(() => {
    if (before === undefined) delete process.env['BAL_NATIVE_ADDON'];
    else process.env['BAL_NATIVE_ADDON'] = before;
  });
  process.env['BAL_NATIVE_ADDON'] = '/nowhere/bal.node';
  assert.equal(scoreboard.take(), 0);
  if (before === undefined) delete process.env['BAL_NATIVE_ADDON'];
  else process.env['BAL_NATIVE_ADDON'] = before;
  assert.equal(scoreboard.take(), 1);
});

test('what other workers are said to have counts where no memory is shared, and nowhere else', { skip }, (t) => {
  const { scoreboard, board } = shared(t);
  for (const [loads, expected] of [
    [createLoads(null), 5],
    [createLoads(board(scoreboard.take())), 2],
  ] as const) {
    loads.share();
    loads.reserve(1);
    loads.setOthers(1, 3);
    assert.deepEqual([loads.take(1, 0), loads.take(1, 0)], [true, true]);
    assert.equal(loads.of(1), expected);
    assert.equal(loads.take(1, 5), expected === 2);
  }
});

test('what a worker has is counted for all once it shares', { skip }, (t) => {
  const { scoreboard, board } = shared(t);
  const rows = [scoreboard.take(), scoreboard.take()];
  const boards = rows.map(board);
  const [a, b] = boards.map(createLoads);
  assert.ok(a !== undefined && b !== undefined);
  for (const loads of [a, b]) loads.reserve(9);
  for (let i = 0; i < 3; i++) a.take(7, 0);
  a.take(9, 0);
  a.release(9);
  b.take(7, 0);
  assert.deepEqual([a.of(7), b.of(7), a.all[7], boards[0]?.all[7]], [3, 1, 3, 0]);
  a.share();
  a.share();
  assert.deepEqual([a.of(7), b.of(7), a.all[7], a.of(9)], [3, 1, 3, 0]);
  b.share();
  assert.deepEqual([a.of(7), b.of(7), a.own(7), b.own(7)], [4, 4, 3, 1]);
  assert.deepEqual([b.take(7, 4), b.take(7, 5), a.take(7, 5)], [false, true, false]);
  a.release(7);
  assert.deepEqual([a.take(7, 5), a.of(7), b.own(7)], [true, 5, 2]);
  // The count from before is in its part too, so it goes with it.
  scoreboard.free(rows[0] ?? 0);
  assert.equal(b.of(7), 2);
});

test('what others had of an id is forgotten with it', () => {
  const loads = createLoads(null);
  loads.reserve(1);
  loads.setOthers(1, 3);
  assert.equal(loads.take(1, 3), false);
  loads.forget(1);
  assert.deepEqual([loads.of(1), loads.take(1, 3), loads.of(1)], [0, true, 1]);
});
