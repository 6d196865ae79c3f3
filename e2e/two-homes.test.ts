import assert from 'node:assert/strict';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { forEitherEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { troubles, visits } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';

forEitherEngine('two homes are two instances: each is asked, reloaded and stopped by itself', async (t, engine) => {
  const [a, b] = [await backend(t, named('a')), await backend(t, named('b'))];
  const [pa, pb] = [await freePort(), await freePort()];
  const first = await startBal(t, { engine, daemon: true, config: configFor(pa, [a]) });
  const second = await startBal(t, { engine, daemon: true, config: configFor(pb, [b]) });
  assert.notEqual(first.pid, second.pid);
  assert.deepEqual(troubles(await visits(pa, names('a'), 5)), {});
  assert.deepEqual(troubles(await visits(pb, names('b'), 5)), {});
  assert.equal((await first.graceful()).verdict.generation, 2);
  assert.equal((await second.status()).generation, 1);
  assert.equal((await first.stop()).code, 0);
  assert.equal((await first.cli('status')).code, 3);
  assert.equal((await second.cli('status')).code, 0);
  assert.deepEqual(troubles(await visits(pb, names('b'), 5)), {});

  const inTheWay = await startBal(t, { engine, daemon: true, home: first.home.dir, config: configFor(pa, [a]) });
  inTheWay.configure(configFor(pb, [a]));
  assert.equal((await inTheWay.graceful()).code, 1, "the other instance's port is taken");
  assert.deepEqual(troubles(await visits(pa, names('a'), 5)), {});
});
