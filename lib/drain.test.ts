import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drainUntil, notDraining, timerAt, commanded } from './drain.ts';

const LIMITS = { drainMs: 30_000, reloadDrainMs: 3_600_000 };
const UNLIMITED = { drainMs: 30_000, reloadDrainMs: 0 };
const reload = { timeoutMs: null, why: 'drain' } as const;
const stop = { timeoutMs: null, why: 'stopped' } as const;

test('a reload and a stop have their configured times, or the one that is asked for', () => {
  assert.equal(drainUntil(commanded(notDraining, reload, LIMITS, 100)), 3_600_100);
  assert.equal(drainUntil(commanded(notDraining, stop, LIMITS, 100)), 30_100);
  assert.equal(drainUntil(commanded(notDraining, { ...stop, timeoutMs: 5000 }, LIMITS, 100)), 5100);
  assert.equal(drainUntil(commanded(notDraining, { ...reload, timeoutMs: 0 }, LIMITS, 100)), 100);
});

test('a reload without a limit has none, and a stop after it has its own', () => {
  const unlimited = commanded(notDraining, reload, UNLIMITED, 100);
  assert.equal(drainUntil(unlimited), Infinity);
  assert.equal(drainUntil(commanded(unlimited, stop, UNLIMITED, 1_000_000)), 1_030_000);
});

test('a stop makes the time that a reload gave shorter, and never longer', () => {
  const limited = commanded(notDraining, reload, { drainMs: 30_000, reloadDrainMs: 300 }, 100);
  assert.equal(drainUntil(commanded(limited, stop, LIMITS, 200)), 400);
  assert.equal(drainUntil(commanded(limited, { ...stop, timeoutMs: 60_000 }, LIMITS, 200)), 400);
  assert.equal(drainUntil(commanded(limited, { ...stop, timeoutMs: 0 }, LIMITS, 200)), 200);
  assert.equal(drainUntil(commanded(limited, { ...reload, timeoutMs: 60_000 }, LIMITS, 200)), 400);
});

test('a stop that is repeated without a time keeps its end, or comes to it sooner', () => {
  const first = commanded(notDraining, stop, LIMITS, 100);
  assert.equal(drainUntil(commanded(first, stop, LIMITS, 20_000)), 30_100);
  const patient = commanded(notDraining, { ...stop, timeoutMs: 600_000 }, LIMITS, 0);
  assert.equal(drainUntil(commanded(patient, stop, LIMITS, 100)), 30_100);
});

test('with another time that one counts, whether it is shorter or longer', () => {
  const first = commanded(notDraining, stop, LIMITS, 100);
  assert.equal(drainUntil(commanded(first, { ...stop, timeoutMs: 0 }, LIMITS, 20_000)), 20_000);
  assert.equal(drainUntil(commanded(first, { ...stop, timeoutMs: 60_000 }, LIMITS, 20_000)), 80_000);
});

test('no timer runs for a time that never comes', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let due = 0;
  assert.equal(
    timerAt(Infinity, 0, () => due++),
    undefined,
  );
  timerAt(7 * 24 * 3_600_000, 0, () => due++);
  t.mock.timers.tick(7 * 24 * 3_600_000 - 1);
  assert.equal(due, 0);
  t.mock.timers.tick(1);
  assert.equal(due, 1);
});
