import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { type BackendPlan, plainBackend } from '../../../config/plan.ts';
import { TIER_COOLING, TIER_DOWN, TIER_USABLE } from '../../ipc/snapshot.ts';
import { cooldownLeft, newBackend, stateOf, type Cause, type Health, type PoolSettings } from './backend.ts';
import type { ConnectFailure } from '../../engine/engine.ts';
import type { BackendEvent } from './backend-event.ts';
import {
  carryOver,
  haveLeft,
  createPool,
  forgetDraining,
  withDraining,
  isSettled,
  nextChange,
  poolOf,
  routeOf,
  tier,
  step as stepPool,
  countBackends,
  type Transition,
  type Pool,
  type Step,
} from './pool.ts';

const SETTINGS: PoolSettings = {
  fall: 2,
  rise: 2,
  cooldownMs: 500,
  backoffInitialMs: 200,
  backoffMaxMs: 5000,
  healthUpIntervalMs: 2000,
  slowStartMs: 0,
  isChecked: true,
  connectStandsForCheck: true,
  checkStandsForConnect: true,
};
const LITERAL = '127.0.0.1';

function plan(host: string, port = 9000): BackendPlan {
  return plainBackend(host, port);
}

/** The attempt begins when the event arrives, unless the event says otherwise. */
const NOW = Infinity;
function pass(backend = 0, ip: string | null = LITERAL, began = NOW): BackendEvent {
  return { kind: 'passed', backend, source: 'check', ip, began, at: 0, count: 1, wall: 0 };
}
function fail(cause: Cause = 'refused', backend = 0, began = NOW): BackendEvent {
  return { kind: 'failed', backend, cause, fact: null, began, wall: 0 };
}
function broken(cause: ConnectFailure = 'refused', count = 1, guarded = false, began = NOW): BackendEvent {
  return { kind: 'connect_failed', backend: 0, cause, count, guarded, began, wall: 0 };
}
function step(pool: Pool, event: BackendEvent, now: number): Step {
  return stepPool(pool, 'began' in event ? { ...event, began: Math.min(event.began, now) } : event, now);
}

/** Applies events 1 ms apart from `now` on, by default after all earlier ones. */
function run(
  pool: Pool,
  events: readonly BackendEvent[],
  now = latest(pool),
): { pool: Pool; transitions: Transition[]; now: number } {
  const transitions: Transition[] = [];
  for (const event of events) {
    const result = step(pool, event, ++now);
    pool = result.pool;
    transitions.push(...result.transitions);
  }
  return { pool, transitions, now };
}

function latest({ backends }: Pool): number {
  return Math.max(1000, ...backends.flatMap(({ passedAt, failedAt }) => [passedAt, failedAt]));
}

function usable(pool: Pool, now: number): number {
  return pool.backends.filter((_, i) => tier(pool, i, now) === TIER_USABLE).length;
}

const one = (settings = SETTINGS) => createPool([plan(LITERAL)], settings);
const up = (settings = SETTINGS) => run(one(settings), [pass()], 0).pool;

function only(pool: Pool) {
  const backend = pool.backends[0];
  assert.ok(backend !== undefined);
  return backend;
}

test('a backend that nobody has checked is unknown and may be used, unless its name has no address yet', () => {
  const pool = createPool([plan(LITERAL), plan('db.example')], SETTINGS);
  assert.deepEqual(pool.backends.map(stateOf), ['unknown', 'unknown']);
  assert.deepEqual([tier(pool, 0, 0), tier(pool, 1, 0)], [TIER_USABLE, TIER_DOWN]);
  assert.equal(isSettled(pool), false);
});

test('the first check counts at once, whatever the thresholds', () => {
  assert.deepEqual(
    run(one(), [pass()]).transitions.map(({ from, to }) => [from, to]),
    [['unknown', 'up']],
  );
  assert.deepEqual(
    run(one(), [fail()]).transitions.map(({ from, to }) => [from, to]),
    [['unknown', 'down']],
  );
  assert.equal(stateOf(only(run(one(), [broken(), broken(), pass()]).pool)), 'up');
});

test('a backend goes down after `fall` failures in a row and comes up after `rise` passes in a row', () => {
  const states: Health[] = [];
  let pool = up();
  for (const event of [fail(), pass(), fail(), fail(), pass(), fail(), pass(), pass()]) {
    pool = run(pool, [event]).pool;
    states.push(only(pool).health);
  }
  assert.deepEqual(states, ['up', 'up', 'up', 'down', 'down', 'down', 'down', 'up']);
});

test('a transition carries the evidence that caused it', () => {
  const { transitions } = run(up(), [fail('timeout'), { ...fail('timeout'), wall: 77 }]);
  assert.deepEqual(transitions, [
    {
      backend: 0,
      address: '127.0.0.1:9000',
      from: 'up',
      to: 'down',
      evidence: { source: 'check', cause: 'timeout', fact: null, count: 2, firstWall: 0, lastWall: 77, at: 1002 },
    },
  ]);
});

test('failed connects count towards `fall`, once a report however many there were', () => {
  assert.equal(only(run(up(), [broken('refused', 500)]).pool).health, 'up');
  assert.equal(only(run(up(), [broken('reset'), broken('unreachable')]).pool).health, 'down');
  assert.equal(only(run(up(), [broken('timeout'), fail()]).pool).health, 'down');
});

test('our own shortage is never held against a backend', () => {
  const before = up();
  const { pool } = run(before, [broken('local', 9), broken('local'), fail('local'), fail('local')]);
  assert.equal(pool, before);
});

test('a connect that failed for an unknown reason starts a cool-down but never takes a backend down', () => {
  const { pool, now } = run(up(), [broken('other'), broken('other'), broken('other')]);
  assert.equal(only(pool).health, 'up');
  assert.equal(tier(pool, 0, now), TIER_COOLING);
});

test('a failed connect starts a cool-down, and nextChange() tells its end', () => {
  const { pool, now } = run(up(), [broken()]);
  assert.equal(tier(pool, 0, now), TIER_COOLING);
  assert.equal(usable(pool, now), 0);
  assert.equal(countBackends(pool).up, 1);
  assert.equal(nextChange(pool, now), 500);
  assert.equal(nextChange(pool, now + 499), 1);
  assert.equal(tier(pool, 0, now + 500), TIER_USABLE);
  assert.equal(nextChange(pool, now + 500), null);
});

test('cool-downs grow while they follow each other, and a passed check ends them at once', () => {
  let pool = up({ ...SETTINGS, fall: 100 });
  let now = 1000;
  const lengths: number[] = [];
  for (let i = 0; i < 7; i++) {
    pool = step(pool, broken(), now).pool;
    lengths.push(cooldownLeft(only(pool), now));
    now += cooldownLeft(only(pool), now);
  }
  assert.deepEqual(lengths, [500, 500, 800, 1600, 3200, 5000, 5000]);
  pool = step(pool, broken(), now).pool;
  pool = step(pool, pass(), ++now).pool;
  assert.equal(tier(pool, 0, now), TIER_USABLE);
  pool = step(pool, broken(), ++now).pool;
  assert.equal(cooldownLeft(only(pool), now), 500);
});

test('more failures of the same outage do not lengthen the cool-down', () => {
  const pool = up({ ...SETTINGS, fall: 100 });
  const first = step(pool, broken(), 1000).pool;
  const later = step(first, broken('refused', 30), 1400).pool;
  assert.equal(only(later).cooldownUntil, 1500);
  assert.equal(only(later).counters.refused, 31);
});

test('protection mode doubles the cool-down', () => {
  const pool = step(up(), broken('refused', 1, true), 1000).pool;
  assert.equal(only(pool).cooldownUntil, 2000);
});

test('a name that stops resolving is a failed check, and the last good addresses stay', () => {
  const resolved: BackendEvent = { kind: 'resolved', backend: 0, ips: ['10.0.0.1', '10.0.0.2'], wall: 0 };
  const lost = fail('dns');
  const start = run(createPool([plan('db.example')], SETTINGS), [resolved]).pool;
  assert.equal(only(start).ip, '10.0.0.1');
  const checked = run(start, [pass(0, '10.0.0.2')]).pool;
  assert.equal(only(checked).ip, '10.0.0.2');
  const { pool, transitions } = run(checked, [lost, lost]);
  assert.deepEqual(
    transitions.map(({ to, evidence }) => [to, evidence.cause]),
    [['down', 'dns']],
  );
  assert.deepEqual(only(pool).ips, ['10.0.0.1', '10.0.0.2']);
  assert.equal(only(pool).ip, '10.0.0.2');
  assert.equal(only(run(pool, [{ ...resolved, ips: ['10.0.0.3'] }]).pool).ip, '10.0.0.3');
});

test('workers are told when an address or a tier changes, and only then', () => {
  const needed: boolean[] = [];
  let pool = one();
  const events = [pass(), pass(), fail(), pass(), broken(), broken('refused', 3), pass(), pass(0, '10.0.0.9')];
  let now = 1000;
  for (const event of events) {
    const result = step(pool, event, ++now);
    pool = result.pool;
    needed.push(result.routed);
  }
  assert.deepEqual(needed, [false, false, false, false, true, true, false, true]);
  assert.equal(tier(pool, 0, now), TIER_USABLE);
});

test('workers are told once that a failure of theirs was overtaken, and of no other proof', () => {
  const first = run(one(), [pass(), pass()]);
  const late = first.now - 1;
  const events = [pass(), broken('refused', 1, false, late), broken('refused', 1, false, late - 1), pass(), pass()];
  let { pool, now } = first;
  const reported = events.map((event) => {
    const result = step(pool, event, ++now);
    pool = result.pool;
    return result.routed;
  });
  assert.deepEqual(reported, [false, true, false, false, false]);
});

test('a backend without weight is none that can serve, until a reload gives it one', () => {
  const [a, b] = [plan('10.0.0.1'), { ...plan('10.0.0.2'), weight: 0 }];
  const pool = run(createPool([a, b], SETTINGS), [pass(0), pass(1), fail('refused', 0), fail('refused', 0)]).pool;
  assert.deepEqual(countBackends(pool), { total: 1, up: 0 });
  const weighed = carryOver(pool, [a, { ...b, weight: 2 }], SETTINGS, 2000);
  assert.deepEqual(countBackends(weighed), { total: 2, up: 1 });
});

test('where all that a worker knows have left, each is as good as before; else those that stay come first', () => {
  const [a, b, c] = [plan('10.0.0.1'), plan('10.0.0.2'), { ...plan('10.0.0.3'), weight: 0 }];
  const serving = createPool([a, b, c], SETTINGS);
  assert.equal(haveLeft(serving, [a, b, c]), false);
  const kept = carryOver(serving, [b], SETTINGS, 1000);
  assert.equal(haveLeft(kept, [a, b, c]), false);
  assert.equal(haveLeft(kept, [a, c]), true, 'who has no weight takes nobody');
  assert.deepEqual(
    [false, true].map((isLast) => routeOf(kept, a.address, 1000, isLast).tier),
    [TIER_DOWN, TIER_USABLE],
  );
  assert.equal(haveLeft(createPool([b], SETTINGS), [a]), true, 'it is forgotten already');
});

test('an unknown backend index changes nothing', () => {
  const pool = one();
  assert.equal(run(pool, [pass(7)]).pool, pool);
});

test('a reload keeps what is known of the backends that stay, and shows the others as draining', () => {
  const [a, b, c] = [plan('10.0.0.1'), plan('10.0.0.2'), plan('10.0.0.3')];
  const old = run(createPool([a, b], SETTINGS), [fail('refused', 0), pass(1)]).pool;
  const pool = carryOver(old, [c, a], { ...SETTINGS, rise: 1 }, 1010);
  assert.deepEqual(
    pool.backends.map((backend) => [backend.host, stateOf(backend)]),
    [
      ['10.0.0.3', 'unknown'],
      ['10.0.0.1', 'down'],
      ['10.0.0.2', 'draining'],
    ],
  );
  assert.equal(usable(pool, 0), 0, 'one that joins others gets nobody before it was looked at');
  assert.equal(usable(run(pool, [pass(0)]).pool, 0), 1);
  assert.equal(usable(carryOver(old, [c], { ...SETTINGS, isChecked: false }, 1010), 0), 1, 'where anybody looks');
  assert.equal(countBackends(pool).up, 0);
  assert.deepEqual(
    forgetDraining(pool, (address) => address === b.address).backends.map(({ host }) => host),
    ['10.0.0.3', '10.0.0.1', '10.0.0.2'],
    'it is shown as long as a worker uses it',
  );
  const rest = forgetDraining(pool, () => false);
  assert.deepEqual(
    rest.backends.map(({ host }) => host),
    ['10.0.0.3', '10.0.0.1'],
  );
  assert.equal(stateOf(only(run(rest, [pass(1)]).pool)), 'unknown');
  const back = carryOver(pool, [a, b], SETTINGS, 1010);
  assert.deepEqual(back.backends.map(stateOf), ['down', 'up', 'draining']);
});

test('a backend that is in no plan and has connections is shown as draining, until it has none or a plan has it', () => {
  const [a, b] = [plan('10.0.0.1'), plan('10.0.0.2')];
  const pool = withDraining(createPool([a], SETTINGS), b.address);
  assert.deepEqual(pool.backends.map(stateOf), ['unknown', 'draining']);
  assert.equal(pool.places.get(b.address), 1);
  assert.equal(withDraining(pool, a.address), pool);
  assert.equal(withDraining(pool, b.address), pool);
  assert.deepEqual(countBackends(pool), countBackends(createPool([a], SETTINGS)));
  assert.equal(forgetDraining(pool, () => false).backends.length, 1);
  const back = carryOver(pool, [a, b], SETTINGS, 1000);
  assert.deepEqual(back.backends[1], { ...newBackend(b), cameUpAt: 1000 });
  const unix = withDraining(pool, 'unix:/run/a.sock').backends[2];
  assert.deepEqual([unix?.host, unix?.port, unix?.address], ['/run/a.sock', 0, 'unix:/run/a.sock']);
});

test('a backend that left and comes back long after is unknown: nobody has checked it meanwhile', () => {
  const [a, b] = [plan('10.0.0.1'), plan('10.0.0.2')];
  const old = run(createPool([a, b], SETTINGS), [pass(0), fail('refused', 1), fail('refused', 1)]).pool;
  const without = carryOver(old, [a], SETTINGS, 1010);
  const back = carryOver(without, [a, b], SETTINGS, 60_000);
  assert.deepEqual(back.backends.map(stateOf), ['up', 'unknown']);
  assert.equal(isSettled(back), false, 'its first check is waited for');
  assert.equal(back.backends[1]?.counters.refused, 2);
});

test('a failure that began before the backend was seen to work is counted, and changes nothing else', () => {
  const checked = run(up(), [pass(0, LITERAL, 900)], 1000).pool;
  const old = [broken('refused', 20, false, 890), fail('timeout', 0, 899), broken('refused', 3, false, 900)];
  const { pool, transitions, now } = run(checked, old, 1000);
  assert.deepEqual([transitions, tier(pool, 0, now), only(pool).evidence], [[], TIER_USABLE, only(checked).evidence]);
  assert.deepEqual(only(pool).counters, { refused: 23, timeout: 1, other: 0 });
  const late = run(pool, [broken('refused', 1, false, 901)], now);
  assert.equal(tier(late.pool, 0, late.now), TIER_COOLING, 'one that began after it does');
});

test('a check that began before a failed connect began proves nothing against it', () => {
  const { pool, now } = run(up(), [broken('refused', 1, false, 950), pass(0, LITERAL, 940)], 1000);
  assert.equal(tier(pool, 0, now), TIER_COOLING);
  assert.equal(only(run(pool, [broken('reset', 1, false, 960)], now).pool).health, 'down', 'the second in a row');
  const proven = run(pool, [pass(0, LITERAL, 951)], now);
  assert.equal(tier(proven.pool, 0, proven.now), TIER_USABLE);
});

test('a success that is heard after later failures does not divide them', () => {
  const failures = [
    broken('refused', 1, false, 950),
    broken('refused', 1, false, 960),
    broken('refused', 1, false, 970),
  ];
  const events = [pass(0, LITERAL, 900), ...failures.slice(0, 2), pass(0, LITERAL, 940), ...failures.slice(2)];
  const { pool } = run(up(), events, 1000);
  const last = only(pool).evidence.at(-1);
  assert.deepEqual([last?.source, last?.cause, last?.count], ['connect', 'refused', 3]);
  const unheard = run(one(), [broken('refused', 1, false, 950), pass(0, LITERAL, 940)], 1000);
  assert.deepEqual(
    unheard.transitions.map(({ to, evidence }) => [to, evidence.cause]),
    [['up', null]],
    'the first that is heard of one that nothing was known of does count',
  );
});

test('in whatever order they are heard, of all attempts the one that began last tells what is true', () => {
  const attempts = fc.uniqueArray(fc.record({ at: fc.integer({ min: 10, max: 900 }), works: fc.boolean() }), {
    selector: ({ at }) => at,
    minLength: 1,
    maxLength: 12,
  });
  fc.assert(
    fc.property(attempts, fc.boolean(), (received, byCheck) => {
      const events = received.map(({ at, works }) => {
        if (works) return pass(0, LITERAL, at);
        return byCheck ? fail('refused', 0, at) : broken('refused', 1, false, at);
      });
      const { pool, now } = run(up({ ...SETTINGS, fall: 1, rise: 1 }), events, 1000);
      const last = received.toSorted((a, b) => a.at - b.at).at(-1);
      assert.equal(only(pool).health, last?.works === true ? 'up' : 'down');
      assert.ok(last?.works === false || cooldownLeft(only(pool), now) === 0);
    }),
  );
});

test("a client's connect counts as a check, also where clients had nowhere else to go", () => {
  const reached: BackendEvent = {
    kind: 'passed',
    backend: 0,
    source: 'connect',
    ip: null,
    began: NOW,
    at: 0,
    count: 1,
    wall: 5,
  };
  assert.equal(only(run(one(), [reached]).pool).health, 'up');
  const down = run(up(), [fail(), fail()]).pool;
  const { pool, transitions } = run(down, [reached, reached]);
  assert.deepEqual(
    transitions.map(({ to, evidence }) => [to, evidence.source, evidence.cause, evidence.count]),
    [['up', 'connect', null, 2]],
  );
  assert.deepEqual([only(pool).ip, only(pool).lastCheck?.wall], [LITERAL, 5]);
});

test('checks and connects that pass in turn do not push out what went wrong before', () => {
  const reached: BackendEvent = {
    kind: 'passed',
    backend: 0,
    source: 'connect',
    ip: null,
    began: NOW,
    at: 0,
    count: 1,
    wall: 0,
  };
  const turns = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? pass() : reached));
  const { pool } = run(run(up(), [fail('timeout')]).pool, turns);
  assert.deepEqual(
    only(pool).evidence.map(({ source, cause, count }) => [source, cause, count]),
    [
      ['check', null, 1],
      ['check', 'timeout', 1],
      ['check', null, 10],
      ['connect', null, 10],
    ],
  );
});

const UNCHECKED: PoolSettings = { ...SETTINGS, isChecked: false };

test('one that is not checked counts as reachable until clients cannot reach it, a name once it has an address', () => {
  const pool = createPool([plan(LITERAL), plan('db.example')], UNCHECKED);
  assert.deepEqual(pool.backends.map(stateOf), ['unknown', 'unknown']);
  assert.deepEqual([tier(pool, 0, 0), tier(pool, 1, 0)], [TIER_USABLE, TIER_DOWN]);
  assert.deepEqual([countBackends(pool).up, isSettled(pool)], [1, false]);
  const lost = run(pool, [fail('dns', 1)]).pool;
  assert.deepEqual([lost.backends.map(stateOf), isSettled(lost)], [['unknown', 'down'], true]);
  const found = run(lost, [{ kind: 'resolved', backend: 1, ips: ['10.0.0.1'], wall: 0 }]);
  assert.deepEqual([countBackends(found.pool).up, tier(found.pool, 1, found.now)], [2, TIER_USABLE]);
});

test('one that is not checked and fails its clients is down, and tried again after each cool-down', () => {
  let pool = createPool([plan(LITERAL)], UNCHECKED);
  let now = 1000;
  const lengths: number[] = [];
  for (let i = 0; i < 6; i++) {
    ({ pool } = step(pool, broken(), ++now));
    const left = nextChange(pool, now) ?? 0;
    lengths.push(left);
    assert.equal(tier(pool, 0, now), i === 0 ? TIER_COOLING : TIER_DOWN);
    now += left;
    assert.equal(tier(pool, 0, now), TIER_USABLE, 'by the next client');
    assert.equal(nextChange(pool, now), null);
  }
  assert.deepEqual(lengths, [500, 500, 800, 1600, 3200, 5000]);
  assert.deepEqual([only(pool).health, countBackends(pool).up], ['down', 0]);
  const reached: BackendEvent = {
    kind: 'passed',
    backend: 0,
    source: 'connect',
    ip: null,
    began: NOW,
    at: 0,
    count: 1,
    wall: 0,
  };
  assert.equal(only(run(pool, [reached, reached], now).pool).health, 'up');
});

test('a reload that begins to check waits for a first check, one that ends it keeps what is known', () => {
  const backends = [plan('10.0.0.1'), plan('10.0.0.2')];
  const unchecked = createPool(backends, UNCHECKED);
  const checked = carryOver(unchecked, backends, SETTINGS, 2000);
  assert.equal(isSettled(checked), false);
  const known = run(checked, [pass(0), fail('refused', 1)]).pool;
  const back = carryOver(known, backends, UNCHECKED, 2000);
  assert.deepEqual(back.backends.map(stateOf), ['up', 'down']);
  assert.equal(tier(back, 1, 2000), TIER_USABLE, 'clients find out');
  assert.deepEqual(carryOver(back, backends, SETTINGS, 2000).backends.map(stateOf), ['up', 'down']);
});

const began = fc.oneof(fc.nat(3000), fc.constant(NOW));
const anyEvent: fc.Arbitrary<BackendEvent> = fc.oneof(
  fc.record({
    kind: fc.constant('passed'),
    backend: fc.nat(2),
    source: fc.constantFrom('check', 'connect'),
    ip: fc.constantFrom(LITERAL, null),
    began,
    at: fc.nat(3000),
    count: fc.integer({ min: 1, max: 50 }),
    wall: fc.nat(),
  }),
  fc.record({
    kind: fc.constant('failed'),
    backend: fc.nat(2),
    cause: fc.constantFrom<Cause>('refused', 'timeout', 'local', 'other', 'dns', 'bad_answer'),
    fact: fc.constantFrom(null, 'HTTP status 503'),
    began,
    wall: fc.nat(),
  }),
  fc.record({
    kind: fc.constant('connect_failed'),
    backend: fc.nat(2),
    cause: fc.constantFrom('refused', 'timeout', 'unreachable', 'reset', 'local', 'other'),
    count: fc.integer({ min: 1, max: 50 }),
    guarded: fc.boolean(),
    began,
    wall: fc.nat(),
  }),
  fc.record({
    kind: fc.constant('resolved'),
    backend: fc.nat(2),
    ips: fc.array(fc.constantFrom('10.0.0.1', '10.0.0.2'), { maxLength: 2 }),
    wall: fc.nat(),
  }),
);

test('whatever happens: transitions tell every change of health, counters never fall, memory is bounded', () => {
  const steps = fc.array(fc.tuple(anyEvent, fc.nat(1000)), { maxLength: 60 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }), (events, fall, rise) => {
      let pool = createPool([plan(LITERAL), plan('a'), plan('b')], { ...SETTINGS, fall, rise });
      let now = 0;
      for (const [event, pause] of events) {
        now += pause;
        const before = pool.backends[event.backend];
        const result = step(pool, event, now);
        pool = result.pool;
        const after = pool.backends[event.backend];
        assert.ok(before !== undefined && after !== undefined);
        assert.equal(result.transitions.length, before.health === after.health ? 0 : 1);
        assert.deepEqual(pool.counts, poolOf(pool.settings, pool.backends).counts);
        for (const key of ['timeout', 'refused', 'other'] as const) {
          assert.ok(after.counters[key] >= before.counters[key]);
        }
        assert.ok(after.evidence.length <= 8);
        assert.ok(before.ip === null || after.ip !== null);
        assert.ok(after.passedAt >= before.passedAt && after.failedAt >= before.failedAt);
        assert.ok(cooldownLeft(after, now) <= 2 * SETTINGS.backoffMaxMs);
        const tiers = [tier({ ...pool, backends: [before] }, 0, now), tier({ ...pool, backends: [after] }, 0, now)];
        assert.equal(
          result.routed,
          before.ip !== after.ip ||
            tiers[0] !== tiers[1] ||
            (before.provenAt !== after.provenAt && tiers[1] !== TIER_DOWN),
        );
        if (event.kind === 'passed' && after.passedAt > before.passedAt && after.passedAt >= after.failedAt) {
          assert.equal(cooldownLeft(after, now), 0);
        }
        const pause2 = nextChange(pool, now);
        if (pause2 !== null) assert.ok(usable(pool, now + pause2) > usable(pool, now));
      }
    }),
  );
});

test('`fall` failed checks in a row always leave a backend down, `rise` passed ones always up', () => {
  fc.assert(
    fc.property(
      fc.array(anyEvent, { maxLength: 30 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 4 }),
      (events, fall, rise) => {
        const start = run(createPool([plan(LITERAL)], { ...SETTINGS, fall, rise }), events);
        const down = run(start.pool, Array<BackendEvent>(fall).fill(fail()), start.now);
        assert.equal(only(down.pool).health, 'down');
        const alive = run(down.pool, Array<BackendEvent>(rise).fill(pass()), down.now);
        assert.equal(only(alive.pool).health, 'up');
        assert.equal(tier(alive.pool, 0, alive.now), TIER_USABLE);
      },
    ),
  );
});

test('a backend that fails early is behind the others for a time that grows, whatever its checks say', () => {
  const early = (began = NOW): BackendEvent => ({ kind: 'early_failures', backend: 0, began, wall: 7 });
  const hosts = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
  let { pool } = run(
    createPool(
      hosts.map((host) => plan(host)),
      SETTINGS,
    ),
    [pass(0), pass(1), pass(2)],
  );
  let now = 10_000;
  const received = step(pool, early(), now);
  ({ pool } = received);
  assert.deepEqual(
    [received.routed, received.transitions, tier(pool, 0, now), nextChange(pool, now)],
    [true, [], TIER_COOLING, 500],
  );
  ({ pool } = step(pool, pass(0), now + 10));
  assert.equal(tier(pool, 0, now + 499), TIER_COOLING);
  assert.equal(tier(pool, 0, now + 500), TIER_USABLE);
  // An attempt that began before the pause says nothing new.
  assert.equal(step(pool, early(now - 1), now + 600).pool, pool);
  assert.equal(step(pool, early(now - 1), now + 100).pool, pool);
  const pauses: (number | null)[] = [];
  for (let i = 0; i < 6; i++) {
    now += 6000;
    ({ pool } = step(pool, early(), now));
    pauses.push(nextChange(pool, now));
    now += nextChange(pool, now) ?? 0;
  }
  assert.deepEqual(pauses, [500, 500, 500, 500, 500, 500], 'it was well for longer than the longest pause each time');
  pauses.length = 0;
  for (let i = 0; i < 6; i++) {
    ({ pool } = step(pool, early(), now + 1));
    const pause = nextChange(pool, now + 1) ?? 0;
    pauses.push(pause);
    now += 1 + pause;
  }
  assert.deepEqual(pauses, [500, 800, 1600, 3200, 5000, 5000]);
});

test('never more than half of the backends are left alone for early failures', () => {
  for (const [total, expected] of [
    [1, 0],
    [2, 1],
    [3, 1],
    [4, 2],
  ] as const) {
    const hosts = Array.from({ length: total }, (_, i) => `127.0.0.${i + 1}`);
    let { pool } = run(
      createPool(
        hosts.map((host) => plan(host)),
        SETTINGS,
      ),
      hosts.map((host, i) => pass(i, host)),
    );
    for (const i of hosts.keys())
      ({ pool } = step(pool, { kind: 'early_failures', backend: i, began: NOW, wall: 0 }, 20_000));
    assert.equal(usable(pool, 20_001), total - expected);
  }
});
