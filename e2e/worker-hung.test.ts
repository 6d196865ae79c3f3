import assert from 'node:assert/strict';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { forEitherEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { troubles, visits } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';
import { isAlive, signal } from './harness/processes.ts';
import { until } from '../lib/testing/until.ts';

forEitherEngine(
  'a worker that stands still: status answers without it, it is replaced, and all are served',
  async (t, engine) => {
    const a = await backend(t, named('a'));
    const port = await freePort();
    const bal = await startBal(t, { engine, config: configFor(port, [a], { workers: 2 }) });
    const [hung] = await bal.workerPids();
    assert.ok(hung !== undefined);
    signal(hung, 'SIGSTOP');
    const { code } = await bal.cli('status');
    assert.equal(code, 0, 'status does not wait for it');
    const reported = await bal.logged('worker.hung');
    assert.equal(reported.fields['pid'], hung);
    await until('it is gone', () => !isAlive(hung));
    await bal.statusWhen(
      'a replacement is ready',
      ({ workers }) => workers.length === 2 && workers.every(({ state, pid }) => state === 'ready' && pid !== hung),
    );
    assert.deepEqual(troubles(await visits(port, names('a'), 30)), {});
  },
);
