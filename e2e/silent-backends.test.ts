// More backends that do not answer than bal has descriptors: their checks take what there is, but not all of it.
import assert from 'node:assert/strict';
import { blackHoles } from '../lib/testing/black-hole.ts';
import { freePort } from '../lib/testing/ports.ts';
import { startBal } from './harness.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';

const DESCRIPTORS = 90;
const BACKENDS = 120;

forEachEngine(
  `a bal with ${DESCRIPTORS} descriptors and ${BACKENDS} backends that do not answer says so, and answers commands`,
  async (t, engine) => {
    const silent = (await blackHoles(t, BACKENDS)).map((port) => ({ host: '127.0.0.1', port }));
    const runtime = { health_check_timeout_ms: 1000 };
    const config = configFor(await freePort(), silent, { workers: 1, runtime });
    const bal = await startBal(t, { engine, config, descriptors: DESCRIPTORS });
    await bal.logged('check.impossible');
    for (let round = 1; round <= 3; round++) {
      // Those whose check was impossible get their turn.
      await bal.statusWhen('more backends are known to be down', ({ services }) => {
        const down = services.flatMap(({ backends }) => backends).filter(({ state }) => state === 'down');
        return down.length >= (round * BACKENDS) / 4;
      });
      const { code, stderr } = await bal.cli('graceful');
      assert.equal(code, 0, stderr);
    }
  },
);
