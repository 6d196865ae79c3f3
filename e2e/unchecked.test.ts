// `health_check: {type: none}`: only clients connect to a backend, and their experience decides its state.
import assert from 'node:assert/strict';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { forEitherEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { startLoad, troubles, visits } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';

const NONE = { health_check: { type: 'none' } };

forEitherEngine('a backend that is not checked sees clients only, from bal and from doctor', async (t, engine) => {
  const a = await backend(t, named('a'));
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a], NONE) });
  const { backends, backend_reachable, services } = await bal.status();
  assert.deepEqual([backends[0]?.state, backends[0]?.reachable, backend_reachable], ['unknown', true, 1]);
  assert.equal(services[0]?.health_check, 'none');
  assert.equal((await bal.cli('status')).code, 0);
  assert.match((await bal.cli('why')).stdout, /not checked: .*\n.* is unknown, in use/);
  const doctor = await bal.cli('doctor', '--verbose');
  assert.match(doctor.stdout, new RegExp(`${a.address} is not checked`));
  assert.equal(a.accepted, 0, 'nobody has asked');
  assert.deepEqual(troubles(await visits(port, names('a'), 10)), {});
  const up = await bal.statusWhen('it is known to be up', (now) => now.backends[0]?.state === 'up');
  assert.ok(up.backends[0]?.last_check_time !== null);
  assert.equal(a.accepted, 10);
});

forEitherEngine('one that is not checked and dies is down for its clients, and back when it is', async (t, engine) => {
  const [a, b] = [await backend(t, named('a')), await backend(t, named('b'))];
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a, b], NONE) });
  const load = startLoad(t, port, names('a', 'b'));
  await load.succeeds(40);
  await load.between(a.refuse);
  const down = await bal.logged('backend.down');
  assert.equal(down.fields['source'], 'connect');
  await load.succeeds(100);
  const why = await bal.cli('why', a.address);
  assert.match(why.stdout, /is down, out[^]*ends when a client is connected; the next is tried/);
  assert.match(why.stdout, /what_happened: \S+: the last \d+ clients' connects failed: connection refused\n/);
  await load.between(a.recover);
  const up = await bal.logged(
    'backend.up',
    ({ fields }) => fields['backend'] === a.address && fields['from'] === 'down',
  );
  assert.equal(up.fields['source'], 'connect');
  await load.succeeds(40);
  assert.deepEqual(troubles(await load.stop()), {});
});

forEitherEngine('a reload turns checks on and off, and says so', async (t, engine) => {
  const a = await backend(t, named('a'));
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a], NONE) });
  assert.equal(a.accepted, 0);
  bal.configure(configFor(port, [a]));
  const on = await bal.graceful();
  assert.deepEqual(on.verdict.changed, [{ what: 'default.health_check.type', from: 'none', to: 'tcp' }]);
  assert.equal((await bal.status()).backends[0]?.state, 'up', 'its first check was waited for');
  bal.configure(configFor(port, [a], NONE));
  assert.equal((await bal.graceful()).code, 0);
  await a.die();
  const { backends } = await bal.status();
  assert.equal(backends[0]?.reachable, true, 'nobody looks any more');
  await visits(port, names('a'), 4);
  await bal.statusWhen('clients have found out', ({ backend_reachable }) => backend_reachable === 0);
});
