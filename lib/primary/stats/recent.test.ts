import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { WINDOW_MS, createRecent, note, recentStatus } from './recent.ts';

const WALL = 1_000_000;
const time = (at: number): string => new Date(WALL + at).toISOString();

/** Outcomes in order, as [when, what, count]; both clocks advance together. */
function after(...outcomes: readonly (readonly [number, string, number])[]) {
  const recent = createRecent();
  for (const [at, what, count] of outcomes) note(recent, what, count, at, WALL + at);
  return recent;
}

test('ends and failures are counted by kind, and when the failures began', () => {
  const recent = after(
    [0, 'client_closed', 4],
    [1000, 'backend_reset', 45],
    [1000, 'reset_early', 40],
    [9000, 'idle', 1],
  );
  note(recent, 'backend_reset', 1, 10_000, WALL + 10_000);
  assert.deepEqual(recentStatus(recent, 10_000), {
    window_ms: WINDOW_MS,
    ended: 51,
    failed: 46,
    failing: true,
    by_reason: { client_closed: 4, backend_reset: 46, idle: 1 },
    reset_early: 40,
    local: 0,
    since: time(1000),
    last: time(10_000),
  });
});

test('a client that resets or goes away, and what bal cut, speak against nobody', () => {
  const kinds = ['client_reset', 'client_gone', 'idle', 'drain', 'stopped'];
  const { ended, failed, failing, since, last } = recentStatus(after(...kinds.map((what) => [0, what, 9] as const)), 0);
  assert.deepEqual(
    { ended, failed, failing, since, last },
    { ended: 45, failed: 0, failing: false, since: null, last: null },
  );
});

test('it is a problem when five clients and one of twenty fail, not when fewer do', () => {
  const failing = (failed: number, well: number): boolean =>
    recentStatus(after([0, 'backend_reset', failed], [0, 'client_closed', well]), 0).failing;
  assert.deepEqual([failing(4, 0), failing(5, 0), failing(5, 95), failing(5, 96)], [false, true, true, false]);
});

test('a connect of a backend that checks see, too, is a failure and no problem; one for which this machine ran short is', () => {
  const seen = recentStatus(after([0, 'refused', 20], [0, 'timeout', 20], [0, 'other', 20]), 0);
  assert.deepEqual([seen.failed, seen.failing], [60, false]);
  const local = recentStatus(after([0, 'local', 20]), 0);
  assert.deepEqual([local.failed, local.failing, local.local], [20, true, 20]);
  const clients = recentStatus(after([0, 'connect_failed', 20], [0, 'local_clients', 17]), 0);
  assert.deepEqual([clients.ended, clients.failed, clients.failing, clients.local], [20, 20, true, 17]);
});

test('a problem is over when the later half of the window is without', () => {
  const recent = after([0, 'backend_reset', 50], [1000, 'client_closed', 50]);
  assert.equal(recentStatus(recent, 30_000).failing, true);
  assert.equal(recentStatus(recent, 30_001).failing, false);
  assert.equal(recentStatus(recent, 30_001).failed, 50, 'and is still told');
});

test('what is older than a minute is forgotten where many clients came since', () => {
  const recent = after([0, 'backend_reset', 50], [WINDOW_MS, 'client_closed', 50]);
  assert.equal(recentStatus(recent, WINDOW_MS).failed, 50);
  const { ended, failed, since } = recentStatus(recent, WINDOW_MS + 5000);
  assert.deepEqual({ ended, failed, since }, { ended: 50, failed: 0, since: null });
});

test('a service that is seldom used remembers its last twenty clients, for ten minutes at most', () => {
  const recent = after(...Array.from({ length: 8 }, (_, i) => [i * 30_000, 'backend_reset', 1] as const));
  const { window_ms, ended, failed, failing, since } = recentStatus(recent, 210_000);
  assert.deepEqual(
    { window_ms, ended, failed, failing, since },
    { window_ms: 210_000, ended: 8, failed: 8, failing: true, since: time(0) },
  );
  note(recent, 'client_closed', 20, 240_000, WALL + 240_000);
  assert.equal(recentStatus(recent, 305_000).ended, 20, 'twenty that are newer push them out');
  assert.equal(recentStatus(recent, 900_000).ended, 0);
});

test('a new run of failures begins with the first one after a window without', () => {
  const recent = after([0, 'refused', 30], [WINDOW_MS + 5000, 'client_closed', 30], [80_000, 'refused', 1]);
  assert.equal(recentStatus(recent, 80_000).since, time(80_000));
  const lasting = after(...Array.from({ length: 40 }, (_, i) => [i * 30_000, 'refused', 10] as const));
  assert.equal(recentStatus(lasting, 39 * 30_000).since, time(0), 'its beginning is told, which the window has lost');
});

test('whatever happens, the memory stays small and nothing is counted twice or below zero', () => {
  const outcome = fc.record({
    pause: fc.oneof(fc.nat(100), fc.nat(20_000), fc.nat(1_000_000)),
    what: fc.constantFrom('client_closed', 'backend_reset', 'reset_early', 'local', 'refused', 'client_reset'),
    count: fc.integer({ min: 1, max: 50 }),
  });
  fc.assert(
    fc.property(fc.array(outcome, { maxLength: 200 }), (all) => {
      const recent = createRecent();
      let now = 0;
      let total = 0;
      for (const { pause, what, count } of all) {
        now += pause;
        note(recent, what, count, now, now);
        if (what !== 'reset_early') total += count;
        const { ended, failed, by_reason, since, last } = recentStatus(recent, now);
        // The steps of a minute, and one for each of 20 clients.
        assert.ok(recent.spans.length <= WINDOW_MS / 5000 + 22, String(recent.spans.length));
        assert.ok(failed >= 0 && failed <= ended && ended <= total);
        assert.equal(
          Object.values(by_reason).reduce((sum, each) => sum + each, 0),
          ended,
        );
        assert.equal(since === null, failed === 0);
        assert.ok(since === null || Date.parse(last ?? '') >= Date.parse(since));
      }
    }),
  );
});
