// The timer that ends drains, without workers.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { parseConfig } from '../../../config/load.ts';
import { createRegistry } from '../registry.ts';
import { createStatistics } from '../stats/statistics.ts';
import type { LiveParts } from './live.ts';
import { createLive } from './live.ts';
import type { Overrides } from './overrides.ts';

const DAY = 24 * 3_600_000;

/** A backend that is drained until then. `due()` calls what the timer would, and returns how long the timer was set for. */
function drained(t: TestContext, cutAt: number) {
  const drain: Overrides[number] = {
    service: 'default',
    address: '127.0.0.1:1',
    drained: { since: 0, cutAt },
    weight: null,
    presence: null,
  };
  const { plan } = parseConfig('port: 9\nbackends: [{host: 127.0.0.1, port: 1}]', '/config.yaml');
  const registry = createRegistry();
  const written: Overrides[] = [];
  let turn: Promise<unknown> = Promise.resolve();
  const parts = {
    store: { path: '/backends.json', write: (next: Overrides) => Promise.resolve(void written.push(next)) },
    log: { info: () => undefined, warn: () => undefined },
    registry,
    statistics: createStatistics(registry),
    fleet: { all: () => [] },
    instance: { phase: 'running', filePlan: plan, basePlan: plan, plan },
    inTurn: (act: () => Promise<unknown>) => (turn = act()),
  } as unknown as LiveParts;
  const set: { readonly call: () => void; readonly ms: number }[] = [];
  t.mock.method(globalThis, 'setTimeout', (call: () => void, ms: number) => void set.push({ call, ms }));
  const live = createLive([drain], parts);
  t.after(() => live.close());
  const due = async (): Promise<number> => {
    const { call, ms } = set.pop() ?? assert.fail('no timer is set');
    call();
    await turn;
    return ms;
  };
  return { live, written, due };
}

test('the end of a drain may be farther off than a timer can be, and nothing is written before it', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 0 });
  const { live, written, due } = drained(t, 50 * DAY);
  for (let looks = 0; looks < 3; looks++) {
    const ms = await due();
    assert.ok(ms > 0 && ms < 2 ** 31, `setTimeout(${ms}) fires at once`);
  }
  assert.deepEqual(written, []);
  t.mock.timers.setTime(50 * DAY);
  await due();
  assert.equal(written.length, 1);
  assert.deepEqual(live.overrides[0]?.drained, { since: 0, cutAt: null });
  await assert.rejects(due(), /no timer is set/);
});
