import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  createProtection,
  describe,
  isGuarded,
  MIN_DWELL_MS,
  MIN_SHARE,
  reconfigure,
  step,
  type Protection,
  type ProtectionEvent,
} from './protection.ts';

const SETTINGS = { protectionTrigger: 10, protectionWindowMs: 30_000, protectionStable: 12 };

const connected = (count: number): ProtectionEvent => ({ kind: 'connected', count });
const refused = (count: number, inUse = true): ProtectionEvent => ({
  kind: 'connect_failed',
  cause: 'refused',
  count,
  inUse,
});
const backends = (up: number, settled = true): ProtectionEvent => ({ kind: 'backends', up, total: 3, settled });
const passed: ProtectionEvent = { kind: 'checked', ok: true, inUse: true };
const failed: ProtectionEvent = { kind: 'checked', ok: false, inUse: true };
const failedDown: ProtectionEvent = { kind: 'checked', ok: false, inUse: false };
const tick: ProtectionEvent = { kind: 'tick' };

/** Applies `[when, event]` pairs to a service with three backends up; returns the transitions as `on@when`. */
function play(script: readonly (readonly [number, ProtectionEvent])[]): {
  protection: Protection;
  transitions: string[];
} {
  let protection = step(createProtection(SETTINGS), backends(3), 0, 0).protection;
  const transitions: string[] = [];
  for (const [now, event] of script) {
    const result = step(protection, event, now, 1_000_000 + now);
    protection = result.protection;
    if (result.transition !== null) transitions.push(`${result.transition}@${now}`);
  }
  return { protection, transitions };
}

test('it turns on when refused connects reach the trigger within the window', () => {
  assert.deepEqual(play([[0, refused(9)]]).transitions, []);
  assert.deepEqual(
    play([
      [0, refused(9)],
      [29_999, refused(1)],
    ]).transitions,
    ['on@29999'],
  );
  assert.deepEqual(
    play([
      [0, refused(9)],
      [33_000, refused(1)],
    ]).transitions,
    [],
  );
});

test('it stays off while the failures are few among many connects', () => {
  const busy = play([
    [0, connected(91)],
    [0, refused(10)],
  ]);
  assert.deepEqual(busy.transitions, []);
  assert.deepEqual(
    play([
      [0, connected(90)],
      [0, refused(10)],
    ]).transitions,
    ['on@0'],
  );
});

test('resets, unreachable networks and our own shortage are no storm of refusals', () => {
  for (const cause of ['reset', 'unreachable', 'other', 'local'] as const) {
    assert.deepEqual(play([[0, { kind: 'connect_failed', cause, count: 100, inUse: true }]]).transitions, []);
  }
});

test('it turns on when no backend is left, but not before each has had its first check', () => {
  assert.deepEqual(
    play([
      [1, backends(0, false)],
      [2, backends(0)],
    ]).transitions,
    ['on@2'],
  );
  assert.deepEqual(play([[1, { kind: 'backends', up: 0, total: 0, settled: true }]]).transitions, []);
});

test('it turns off after a run of successes, a minimum time, and with a backend up', () => {
  const calm = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((ms) => [ms, passed] as const);
  const on = [0, backends(0)] as const;
  const back = [1, backends(1)] as const;
  assert.deepEqual(play([on, back, ...calm, [6000, failedDown], [6001, tick]]).transitions, ['on@0']);
  assert.deepEqual(play([on, back, ...calm, [6000, passed]]).transitions, ['on@0', 'off@6000']);
  assert.deepEqual(play([on, back, ...calm, [4999, passed], [5000, tick]]).transitions, ['on@0', 'off@5000']);
  assert.deepEqual(play([on, back, ...calm, [5000, failed], [6000, passed]]).transitions, ['on@0']);
  assert.deepEqual(play([on, back, ...calm, [5000, refused(1)], [6000, passed]]).transitions, ['on@0']);
  assert.deepEqual(play([on, back, ...calm, [5000, refused(1, false)], [6000, passed]]).transitions, [
    'on@0',
    'off@6000',
  ]);
  assert.deepEqual(play([on, ...calm, [6000, passed], [7000, back[1]]]).transitions, ['on@0', 'off@7000']);
  assert.deepEqual(play([on, back, [6000, connected(12)]]).transitions, ['on@0', 'off@6000']);
});

test('old failures do not turn it on again', () => {
  const { transitions, protection } = play([
    [0, refused(10)],
    [6000, connected(12)],
    [6001, refused(9)],
  ]);
  assert.deepEqual(transitions, ['on@0', 'off@6000']);
  assert.equal(step(protection, refused(1), 6002, 0).transition, 'on');
});

test('an operator is told since when, why, and what will end it', () => {
  assert.deepEqual(describe(play([]).protection, 0), {
    enabled: false,
    reason: null,
    since: null,
    exitCondition: null,
  });
  const storm = play([
    [0, connected(30)],
    [500, refused(10)],
    [600, passed],
  ]);
  assert.deepEqual(describe(storm.protection, 2400), {
    enabled: true,
    reason:
      '10 of 40 connects within 30 s met a refused connection or timed out (threshold: 10, and 10 % of the connects)',
    since: 1_000_500,
    exitCondition: '12 successful checks or connects in a row (1 so far), 4 s more, a backend up (3 of 3 now)',
  });
  const dark = play([[0, backends(0)]]);
  assert.deepEqual(describe(dark.protection, 60_000), {
    enabled: true,
    reason: 'all 3 backends are down',
    since: 1_000_000,
    exitCondition: '12 successful checks or connects in a row (0 so far), a backend up (none now)',
  });
});

test('a reload keeps the mode', () => {
  const on = play([[0, refused(10)]]).protection;
  const reloaded = reconfigure(on, { ...SETTINGS, protectionStable: 3 });
  assert.equal(isGuarded(reloaded), true);
  assert.equal(step(reloaded, connected(3), 9000, 0).transition, 'off');
});

const anyEvent: fc.Arbitrary<ProtectionEvent> = fc.oneof(
  fc.record({ kind: fc.constant('connected'), count: fc.nat(40) }),
  fc.record({
    kind: fc.constant('connect_failed'),
    cause: fc.constantFrom('refused', 'timeout', 'reset', 'local'),
    count: fc.nat(15),
    inUse: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('checked'), ok: fc.boolean(), inUse: fc.boolean() }),
  fc.record({
    kind: fc.constant('backends'),
    up: fc.nat(3),
    total: fc.constant(3),
    settled: fc.boolean(),
  }),
  fc.constant(tick),
);

/** Whether some cut between the window's age and a tenth more leaves enough failures and share. */
function isStorm(log: readonly (readonly [number, number, number])[], now: number): boolean {
  const age = ([when]: readonly [number, number, number]) => now - when;
  const window = SETTINGS.protectionWindowMs;
  const from = log.findIndex((entry) => age(entry) <= 1.1 * window);
  for (let i = from; i < log.length; i++) {
    const attempts = log.slice(i).reduce((sum, [, count]) => sum + count, 0);
    const failures = log.slice(i).reduce((sum, [, , count]) => sum + count, 0);
    if (failures >= SETTINGS.protectionTrigger && failures >= MIN_SHARE * attempts) return true;
    const entry = log[i];
    if (entry !== undefined && age(entry) < window) return false;
  }
  return false;
}

test('whatever happens: it never turns on without cause nor off before its time, and memory is bounded', () => {
  const script = fc.array(fc.tuple(fc.nat(4000), anyEvent), { maxLength: 200 });
  fc.assert(
    fc.property(script, (events) => {
      let protection = createProtection(SETTINGS);
      let now = 0;
      let onSince = -1;
      /** All connects as [when, attempts, failures], kept apart from what is tested. */
      let log: [number, number, number][] = [];
      for (const [pause, event] of events) {
        now += pause;
        if (event.kind === 'connected') log.push([now, event.count, 0]);
        if (event.kind === 'connect_failed' && event.cause !== 'local') {
          log.push([now, event.count, event.cause === 'reset' ? 0 : event.count]);
        }
        const result = step(protection, event, now, 0);
        protection = result.protection;
        assert.ok(protection.spans.length <= 12);
        const { up, settled } = protection.backends;
        if (result.transition === 'on') {
          assert.ok((settled && up === 0) || isStorm(log, now));
          onSince = now;
        }
        if (result.transition === 'off') {
          assert.ok(now - onSince >= MIN_DWELL_MS && up > 0);
          log = [];
        }
        const { enabled, reason, exitCondition } = describe(protection, now);
        assert.equal(enabled, isGuarded(protection));
        assert.equal(reason !== null && exitCondition !== null, enabled);
      }
      // Calm always ends it.
      protection = step(protection, backends(1), now, 0).protection;
      protection = step(protection, connected(12), now + MIN_DWELL_MS, 0).protection;
      assert.equal(isGuarded(protection), false);
    }),
  );
});
