import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Whose } from '../engine/engine.ts';
import { monotonicClock } from '../testing/monotonic.ts';
import { assignedService } from '../testing/assignments.ts';
import { createDraining } from './draining.ts';

const DAY_MS = 24 * 3_600_000;

/** Two services with connections; the second has a limit on reloads. */
function scene(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let clock = 0;
  monotonicClock(t, () => clock);
  const seen = { over: [] as number[], rests: 0, looks: 0 };
  const live = [3, 2];
  /** Those that have no backend yet, by listener. */
  const waiting = [0, 0];
  const engine = {
    get active() {
      seen.looks++;
      return [...live, ...waiting].reduce((a, b) => a + b);
    },
    cut: (whose: Whose): number => {
      const [of, id] =
        'listener' in whose ? [waiting, whose.listener] : [live, 'service' in whose ? whose.service : NaN];
      const count = of[id] ?? 0;
      of[id] = 0;
      return count;
    },
  };
  const draining = createDraining(
    engine,
    { listenersOf: (service) => [service] },
    (cut) => seen.over.push(cut),
    () => seen.rests++,
  );
  const services = [0, 3_600_000].map((reloadDrainMs, id) =>
    assignedService(id, {}, { drainMs: 30_000, reloadDrainMs }),
  );
  const pass = (ms: number, step = 20): void => {
    for (let left = ms; left > 0; left -= step) {
      clock += step;
      t.mock.timers.tick(step);
    }
  };
  const told = (timeoutMs: number | null, why: 'drain' | 'stopped'): void => draining.told(services, timeoutMs, why);
  return { seen, live, waiting, pass, told };
}

test('after a reload connections stay until they end, but for those of a service with a limit', (t) => {
  const { seen, live, pass, told } = scene(t);
  told(null, 'drain');
  pass(3_599_000, 1000);
  assert.deepEqual(live, [3, 2]);
  pass(2000, 1000);
  assert.deepEqual(live, [3, 0]);
  pass(DAY_MS, 1000);
  assert.deepEqual([live, seen.over], [[3, 0], []]);
  live[0] = 0;
  pass(2000);
  assert.deepEqual(seen.over, [2]);
});

test('it rests once, when connections stay, and looks for their end every two seconds from then on', (t) => {
  const { seen, pass, told } = scene(t);
  told(null, 'drain');
  pass(2900);
  assert.deepEqual([seen.rests, seen.looks > 100], [0, true]);
  pass(200);
  assert.equal(seen.rests, 1);
  seen.looks = 0;
  pass(10_000);
  assert.ok(seen.looks <= 5, `${seen.looks} looks in 10 s`);
  told(null, 'drain');
  pass(10_000);
  assert.equal(seen.rests, 1);
});

test('a stop wakes it: what is left is cut in the time of a stop, and its end is seen at once', (t) => {
  const { seen, live, pass, told } = scene(t);
  told(null, 'drain');
  pass(10_000);
  told(null, 'stopped');
  pass(29_900);
  assert.deepEqual(live, [3, 2]);
  pass(140);
  assert.deepEqual([live, seen.over], [[0, 0], [5]]);
});

test('clients that wait for a backend are cut with the connections of their service', (t) => {
  const { seen, live, waiting, pass, told } = scene(t);
  waiting[1] = 4;
  told(null, 'drain');
  pass(3_600_100, 1000);
  assert.deepEqual(
    [live, waiting],
    [
      [3, 0],
      [0, 0],
    ],
  );
  live[0] = 0;
  pass(2000);
  assert.deepEqual(seen.over, [6]);
});
