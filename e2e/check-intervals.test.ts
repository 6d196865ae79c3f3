// How often bal checks a backend with the default intervals.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { forEitherEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { startLoad } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';
import { until } from '../lib/testing/until.ts';

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
  await until('it has been asked four times', () => checksOf('passed').length >= 4);
  assert.ok(a.accepted >= 4);
  const passed = checksOf('passed');
  const span = (passed[3] ?? 0) - (passed[0] ?? 0);
  // Three intervals of 2 s minus a tenth; a busy machine only makes them longer.
  assert.ok(span >= 5000, `four checks within ${span} ms`);
  await a.die();
  const died = Date.now();
  const down = await bal.logged('backend.down');
  t.diagnostic(`down ${Date.parse(down.timestamp) - died} ms after it died`);
  await until('it has been asked six times since', () => checksOf('failed').length >= 6);
  const fails = checksOf('failed');
  const downSpan = (fails[5] ?? 0) - (fails[0] ?? 0);
  // Five intervals of 500 ms; with the interval of a backend that is up it would take ten seconds.
  assert.ok(downSpan < 9000, `six failed checks within ${downSpan} ms`);
  await a.recover();
  await bal.logged('backend.up');
});

forEitherEngine(
  'while clients come a backend sees nobody else, and is known to be up all the same',
  async (t, engine) => {
    const a = await backend(t, named('a'));
    const port = await freePort();
    const config = { ...DEFAULTS, workers: 2, port, backends: [{ host: a.host, port: a.port }] };
    const bal = await startBal(t, { engine, config });
    await bal.checked();
    const before = a.accepted;
    const load = startLoad(t, port, names('a'), { clients: 2 });
    // More than three intervals.
    const first = await bal.status();
    const since = (time: string | null): number => Date.parse(time ?? '') - Date.parse(first.last_check_time ?? '');
    const { last_check_time } = await bal.statusWhen(
      'seven seconds of traffic stand for checks',
      (now) => since(now.last_check_time) > 7000,
    );
    t.diagnostic(`last check ${since(last_check_time)} ms after the first`);
    const { ok } = await load.stop();
    // On a busy machine the clients may pause for longer than an interval.
    assert.ok(a.accepted - before - ok <= 1, `${a.accepted - before} connections for ${ok} clients`);
    const why = await bal.cli('why');
    assert.match(why.stdout, /clients' connects stood for \d+ health checks?/);
  },
);
