// What one process tells its successor of the backends. The other process may be of another version, or broken.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseConfig } from '../../../config/load.ts';
import type { ServicePlan } from '../../../config/plan.ts';
import { beginning, knownOf } from './known.ts';
import { step, tier } from './pool.ts';
import { isGuarded, step as stepProtection } from './protection.ts';
import { tenthsOf } from './slow-start.ts';

const CONFIG =
  'port: 9\nbackends: [{host: 127.0.0.1, port: 1}, {host: name.test, port: 2}, {host: 127.0.0.1, port: 3}]';

function service(): ServicePlan {
  const [first] = parseConfig(CONFIG, '/config.yaml').plan?.services ?? [];
  return first ?? assert.fail();
}

/** One backend is down, one is up at the second address of its name, one cools down; the service is guarded. */
function lived(now: number) {
  const wall = 1e12;
  let { pool, protection } = beginning(service(), undefined);
  const events = [
    { kind: 'failed', backend: 0, source: 'check', cause: 'refused', began: now - 9, wall },
    { kind: 'resolved', backend: 1, ips: ['127.0.0.3', '127.0.0.4'], wall },
    { kind: 'passed', backend: 1, source: 'check', ip: '127.0.0.4', began: now - 8, at: now - 8, count: 1, wall },
    { kind: 'passed', backend: 2, source: 'check', ip: '127.0.0.1', began: now - 8, at: now - 8, count: 1, wall },
    { kind: 'connect_failed', backend: 2, cause: 'timeout', count: 1, guarded: false, began: now - 2, wall },
  ] as const;
  for (const event of events) pool = step(pool, event as never, now).pool;
  ({ protection } = stepProtection(protection, { kind: 'backends', up: 0, total: 3, settled: true }, now, wall));
  return { pool, protection };
}

test('the next one begins where this one ends', () => {
  const now = performance.now();
  const { pool, protection } = lived(now);
  const reported = JSON.parse(JSON.stringify(knownOf('default', pool, protection, now))) as unknown;
  const next = beginning(service(), reported);
  const seen = ({ backends }: typeof pool): unknown[] =>
    backends.map(({ address, health, ip, counters, connectFailures }) => [
      address,
      health,
      ip,
      counters,
      connectFailures,
    ]);
  assert.deepEqual(seen(next.pool), seen(pool));
  assert.deepEqual(
    pool.backends.map(({ health }) => health),
    ['down', 'up', 'up'],
  );
  assert.deepEqual(
    [0, 1, 2].map((i) => tier(next.pool, i, now)),
    [0, 1, 2].map((i) => tier(pool, i, now)),
  );
  assert.ok(isGuarded(protection) && isGuarded(next.protection));
});

test('times that cannot be are not believed', () => {
  const now = performance.now();
  const told = (backend: object, its: object = {}) =>
    beginning(service(), { ...its, backends: [{ address: 'name.test:2', health: 'up', ...backend }] });
  const ahead = 1e15;
  const { pool } = told({ cameUpAt: ahead, leftAloneUntil: ahead, checked: { at: ahead, wall: 1 } });
  const backend = pool.backends[1] ?? assert.fail();
  const soon = performance.now();
  assert.ok(backend.cameUpAt >= now && backend.cameUpAt <= soon);
  assert.equal(tenthsOf(backend, { ...pool.settings, slowStartMs: 1000 }, soon) >= 1, true);
  assert.ok((backend.lastCheck?.at ?? Infinity) <= soon);
  assert.ok(backend.cooldownUntil <= soon + 2 * pool.settings.backoffMaxMs, String(backend.cooldownUntil));
  for (const wall of [1e300, -9e15, Infinity, '1', null]) {
    const reported = { guarded: { since: 1, wall, reason: 'x' } };
    const { pool: other, protection } = told({ checked: { at: 1, wall } }, reported);
    assert.equal(other.backends[1]?.lastCheck, null, String(wall));
    assert.equal(isGuarded(protection), false);
  }
  assert.ok(isGuarded(told({}, { guarded: { since: 1, wall: 1e12, reason: 'x' } }).protection));
});

test('what is no address is passed over', () => {
  const told = { address: 'name.test:2', health: 'up', ips: ['10.0.0.1', 'name.test', '', '/run/x'], ip: 'name.test' };
  const backend = beginning(service(), { backends: [told] }).pool.backends[1];
  assert.deepEqual([backend?.ips, backend?.ip], [['10.0.0.1'], '10.0.0.1']);
});

test('whatever is told, a service begins that can be used', () => {
  const field = fc.oneof(fc.anything(), fc.constantFrom('up', 'down', 1, -1, Number.NaN));
  const backend = fc.dictionary(
    fc.constantFrom('address', 'health', 'ips', 'ip', 'checked', 'cameUpAt', 'leftAloneUntil', 'counters', '__proto__'),
    field,
  );
  const known = fc.oneof(
    fc.anything(),
    fc.record({
      guarded: fc.anything(),
      backends: fc.oneof(
        fc.anything(),
        fc.array(backend.map((it) => ({ ...it, address: '127.0.0.1:1', health: 'up' }))),
      ),
    }),
  );
  fc.assert(
    fc.property(known, (reported) => {
      const { pool } = beginning(service(), reported);
      const [it] = pool.backends;
      assert.ok(it !== undefined && pool.backends.length === 3);
      assert.equal(it.ip, '127.0.0.1');
      assert.ok(['unknown', 'up', 'down'].includes(it.health));
      for (const count of [it.passes, it.fails, it.connectFailures, ...Object.values(it.counters)])
        assert.ok(Number.isSafeInteger(count) && count >= 0);
      const after = step(
        pool,
        { kind: 'passed', backend: 0, source: 'check', ip: null, began: 0, at: 0, count: 1, wall: 0 },
        1e9,
      );
      assert.equal(after.pool.backends.length, 3);
    }),
  );
});
