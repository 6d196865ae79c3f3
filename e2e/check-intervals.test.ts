// How often a backend sees a connect that no client makes, with the default intervals.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { freePort } from './harness/ports.ts';
import { until } from './harness/until.ts';

const DEFAULTS = { bind_address: '127.0.0.1', workers: 1, log_level: 'debug' };

test('at rest a backend is asked about every two seconds while it is up, and more often once it is not', async (t) => {
  const a = await backend(t, named('a'));
  const config = { ...DEFAULTS, port: await freePort(), backends: [{ host: a.host, port: a.port }] };
  const bal = await startBal(t, { config });
  const checksOf = (kind: string): number[] =>
    bal
      .logs()
      .filter(({ event, fields }) => event === 'backend.checked' && fields?.['kind'] === kind)
      .map(({ timestamp }) => Date.parse(timestamp));
  await until('it has been asked four times', () => a.accepted >= 4);
  const passed = checksOf('passed');
  const span = (passed[3] ?? 0) - (passed[0] ?? 0);
  // Three intervals of 2 s less a tenth; a busy machine makes them longer, never shorter.
  assert.ok(span >= 5000, `four checks within ${span} ms`);
  await a.die();
  const died = Date.now();
  const down = await bal.logged('backend.down');
  t.diagnostic(`down ${Date.parse(down.timestamp) - died} ms after it died`);
  await until('it has been asked six times since', () => checksOf('failed').length >= 6);
  const fails = checksOf('failed');
  const downSpan = (fails[5] ?? 0) - (fails[0] ?? 0);
  // Five intervals of 500 ms; of those of a backend that is up it would be ten seconds.
  assert.ok(downSpan < 9000, `six failed checks within ${downSpan} ms`);
  await a.recover();
  await bal.logged('backend.up');
});
