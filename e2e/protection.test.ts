import assert from 'node:assert/strict';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { forEitherEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { startLoad, troubles, visits } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';

const PROTECTION = {
  protection_trigger_threshold: 5,
  protection_window_ms: 10_000,
  protection_stable_success_threshold: 3,
};

forEitherEngine(
  'protection turns on when no backend is usable, says since when, why and until when, and ends without traffic',
  async (t, engine) => {
    const a = await backend(t, named('a'));
    const port = await freePort();
    const bal = await startBal(t, { engine, daemon: true, config: configFor(port, [a], { runtime: PROTECTION }) });
    assert.equal((await bal.status()).protection_mode.enabled, false);
    await a.die();
    await visits(port, names('a'), 20);
    const on = await bal.statusWhen('protection is on', ({ protection_mode }) => protection_mode.enabled === true);
    const { reason, since, exit_condition } = on.protection_mode;
    assert.ok(reason !== null && reason !== '');
    assert.ok(since !== null && Math.abs(Date.parse(since) - Date.now()) < 60_000);
    assert.ok(exit_condition !== null && exit_condition !== '');
    await bal.logged('protection.on', ({ level }) => level === 'WARN');
    const doctor = await bal.cli('doctor', '--json');
    assert.deepEqual(JSON.parse(doctor.stdout).protection_mode.enabled, true);
    const people = await bal.cli('status', '--verbose');
    assert.ok((people.stdout + people.stderr).includes(reason), 'people are told as well');

    await a.recover();
    await bal.statusWhen('protection is off', ({ protection_mode }) => protection_mode.enabled === false);
    await bal.logged('protection.off');
    assert.deepEqual(troubles(await visits(port, names('a'), 10)), {});
  },
);

forEitherEngine('a few failures among many successes do not turn protection on', async (t, engine) => {
  const [a, b] = [await backend(t, named('a')), await backend(t, named('b'))];
  const port = await freePort();
  const bal = await startBal(t, {
    engine,
    config: configFor(port, [a, b], { runtime: { ...PROTECTION, protection_trigger_threshold: 10 } }),
  });
  const load = startLoad(t, port, names('a', 'b'));
  await load.succeeds(300);
  await load.between(a.refuse);
  await bal.statusWhen('a is down', ({ backends }) => backends[0]?.state === 'down');
  await load.succeeds(100);
  await a.recover();
  await bal.statusWhen('a is up', ({ backends }) => backends[0]?.state === 'up');
  assert.deepEqual(troubles(await load.stop()), {});
  assert.equal((await bal.status()).protection_mode.enabled, false);
  assert.deepEqual(
    bal.logs().filter(({ event }) => event === 'protection.on'),
    [],
  );
});
