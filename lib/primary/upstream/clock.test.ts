// The wall clock is for display only. A state machine that follows it backwards or forwards would act on it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../config/load.ts';
import type { Log } from '../log/log.ts';
import { createServices } from './services.ts';

const HOUR_MS = 3_600_000;
const silence = (): void => undefined;
const log: Log = { debug: silence, info: silence, warn: silence, error: silence, for: () => log };
const address = '127.0.0.1:1';

test('a wall clock that steps an hour either way changes neither health nor cool-down nor protection', (t) => {
  const text = 'port: 9\nbackends: [{ host: 127.0.0.1, port: 1 }, { host: 127.0.0.1, port: 2 }]\n';
  const { plan } = parseConfig(text, '/config.yaml');
  assert.ok(plan !== null);
  /** What becomes of a service whose backend fails while the wall clock moves in steps of `stepMs`. */
  const observed = (stepMs: number): unknown[] => {
    let wall = Date.UTC(2030, 0, 1);
    let now = 1000;
    const clocks = [t.mock.method(Date, 'now', () => (wall += stepMs)), t.mock.method(performance, 'now', () => now)];
    const services = createServices(log, silence);
    services.apply(plan);
    const seen: unknown[] = [];
    for (let i = 0; i < 40; i++) {
      now += 100;
      if (i < 20) services.connectFailed('default', address, 'refused', 1, now);
      const backend = services.get('default')?.pool.backends[0];
      seen.push([services.endpoint('default', address).tier, services.guarded('default'), backend?.cooldownUntil]);
    }
    services.close();
    for (const { mock } of clocks) mock.restore();
    return seen;
  };
  const steady = observed(1);
  assert.ok(new Set(steady.map(String)).size > 3, 'something happened to it');
  assert.deepEqual(observed(HOUR_MS), steady);
  assert.deepEqual(observed(-HOUR_MS), steady);
});
