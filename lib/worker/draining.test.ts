import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Whose } from '../engine/engine.ts';
import { monotonicClock } from '../testing/monotonic.ts';
import { assignedService } from '../testing/assignments.ts';
import { createDraining } from './draining.ts';

const LANDED = 7;
const DAY_MS = 24 * 3_600_000;

/** Two services with connections; the second has a drain limit for reloads. */
function scene(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let clock = 0;
  monotonicClock(t, () => clock);
  const seen = { over: [] as number[], rests: 0 };
  const live = [3, 2];
  /** Clients without a backend. */
  const waiting = [0, 0, 0];
  const engine = {
    cut: (whose: Whose): number => {
      const [first = NaN] = 'connections' in whose ? whose.connections : [];
      // It belongs to a service that is over.
      if (first === LANDED) return 1;
      const [of, id] = 'connections' in whose ? [waiting, first] : [live, 'service' in whose ? whose.service : NaN];
      const count = of[id] ?? 0;
      of[id] = 0;
      if (count > 0) look();
      return count;
    },
  };
  /** Like the engine, calls idle only after the caller has returned. */
  const pending: (() => void)[] = [];
  function look(): void {
    if ([...live, ...waiting].every((count) => count === 0)) pending.push(() => draining.idle());
  }
  /** Ends the last connections of a service. */
  const leave = (service: number): void => {
    live[service] = 0;
    look();
    settle();
  };
  const settle = (): void => pending.splice(0).forEach((idle) => idle());
  const draining = createDraining(
    engine,
    // The third id is that of a listener that both share.
    { endingWith: (service, isOver) => [service, ...([0, 1].every(isOver) ? [2] : [])] },
    { homeless: (service) => [service] },
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
      settle();
    }
  };
  const command = (timeoutMs: number | null, why: 'drain' | 'stopped'): void =>
    draining.drain(services, timeoutMs, why);
  const landed = (service: number): void => draining.landed(LANDED, service);
  return { seen, live, waiting, pass, command, leave, landed };
}

test('after a reload connections stay until they end, but for those of a service with a limit', (t) => {
  const { seen, live, pass, command, leave } = scene(t);
  command(null, 'drain');
  pass(3_599_000, 1000);
  assert.deepEqual(live, [3, 2]);
  pass(2000, 1000);
  assert.deepEqual(live, [3, 0]);
  pass(DAY_MS, 1000);
  assert.deepEqual([live, seen.over], [[3, 0], []]);
  leave(0);
  assert.deepEqual(seen.over, [2]);
});

test('it rests once, when connections stay, and sees their end at once all the same', (t) => {
  const { seen, pass, command, leave } = scene(t);
  command(null, 'drain');
  pass(2900);
  assert.equal(seen.rests, 0);
  pass(200);
  assert.equal(seen.rests, 1);
  pass(10_000);
  command(null, 'drain');
  pass(10_000);
  assert.equal(seen.rests, 1);
  leave(0);
  assert.deepEqual(seen.over, []);
  leave(1);
  assert.deepEqual(seen.over, [0]);
});

test('it does not rest when its end is near or has come', (t) => {
  for (const how of ['stopped', 'a time', 'over'] as const) {
    const { seen, pass, command, leave } = scene(t);
    command(null, 'drain');
    if (how === 'stopped') command(null, 'stopped');
    else if (how === 'a time') command(20_000, 'drain');
    else [0, 1].forEach((service) => leave(service));
    pass(10_000);
    command(null, how === 'stopped' ? 'stopped' : 'drain');
    pass(2900);
    assert.equal(seen.rests, 0, how);
    t.mock.timers.reset();
    t.mock.restoreAll();
  }
});

test('a stop wakes it: what is left is cut in the time of a stop, and its end is seen at once', (t) => {
  const { seen, live, pass, command } = scene(t);
  command(null, 'drain');
  pass(10_000);
  command(null, 'stopped');
  pass(29_900);
  assert.deepEqual(live, [3, 2]);
  pass(140);
  assert.deepEqual([live, seen.over], [[0, 0], [5]]);
});

test('clients that wait for a backend are cut with the connections of their service', (t) => {
  const { seen, live, waiting, pass, command, leave } = scene(t);
  waiting[1] = 4;
  command(null, 'drain');
  pass(3_600_100, 1000);
  assert.deepEqual(
    [live, waiting],
    [
      [3, 0],
      [0, 0, 0],
    ],
  );
  leave(0);
  assert.deepEqual(seen.over, [6]);
});

test('one that was on its way to another worker, and is back too late, is cut and counted', (t) => {
  const { seen, pass, command, leave, landed } = scene(t);
  command(null, 'drain');
  landed(1);
  pass(3_600_100, 1000);
  landed(1);
  landed(0);
  leave(0);
  assert.deepEqual(seen.over, [3]);
});

test('clients that have not said yet which service they want are cut when none of these is left', (t) => {
  const { seen, waiting, pass, command } = scene(t);
  waiting[2] = 3;
  command(null, 'drain');
  pass(3_600_100, 1000);
  assert.deepEqual(waiting, [0, 0, 3], 'they may want the other one');
  command(0, 'stopped');
  pass(100);
  assert.deepEqual([waiting, seen.over], [[0, 0, 0], [8]]);
});
