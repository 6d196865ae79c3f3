// Workers that die at start, as in a broken installation: a start reports it, a reload keeps what works, and a crash loop is
// slowed down, reported, and ends with its cause.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { newHome, startBal, writeConfig } from '../harness.ts';
import { backend } from '../harness/backend.ts';
import { named } from '../harness/behaviours.ts';
import { cli } from '../harness/cli.ts';
import { configFor } from '../harness/config.ts';
import { forEitherEngine } from '../harness/engines.ts';
import { names } from '../harness/exchange.ts';
import { startLoad, troubles, visits } from '../harness/load.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { pidsOf, signal } from '../harness/processes.ts';
import { until } from '../../lib/testing/until.ts';
import { ownProgram } from './own-program.ts';

describe('workers that crash at start', { concurrency: 2 }, () => {
  forEitherEngine('start says that they do not come up, and leaves no process', async (t, engine) => {
    const { program, breakWorkers } = ownProgram(t);
    const home = newHome(t);
    writeConfig(home, configFor(await freePort(), [{ host: '127.0.0.1', port: 1 }]), engine);
    breakWorkers();
    const { code, stderr } = await cli(['start', '-d'], { home, program });
    assert.equal(code, 1);
    assert.match(stderr, /what_happened: the workers did not get ready/);
    await until('no process is left', () => pidsOf(home).length === 0);
  });

  forEitherEngine(
    'a reload is refused and the old workers go on; a crash loop backs off, is told, and heals',
    async (t, engine) => {
      const { program, breakWorkers, repair } = ownProgram(t);
      const [a, b] = [await backend(t, named('a')), await backend(t, named('b'))];
      const port = await freePort();
      const bal = await startBal(t, { engine, program, config: configFor(port, [a]) });
      const load = startLoad(t, port, names('a'), { clients: 2 });
      await load.succeeds(10);
      breakWorkers();

      bal.configure(configFor(port, [b]));
      const { code, verdict } = await bal.graceful();
      assert.equal(code, 1);
      assert.match(String(verdict.problem?.what_happened), /did not get ready/);
      await load.succeeds(10);
      assert.deepEqual(troubles(await load.stop()), {});

      const [victim, other] = await bal.workerPids();
      assert.ok(victim !== undefined && other !== undefined);
      signal(victim, 'SIGKILL');
      const loop = await bal.logged('worker.crash_loop');
      assert.equal(loop.level, 'ERROR');
      assert.match(String(loop.fields['do_this_now']), /bal doctor/);
      const pauses = bal
        .logs()
        .flatMap(({ event, fields }) =>
          event === 'worker.exited' && 'respawn_in_ms' in fields ? [Number(fields['respawn_in_ms'])] : [],
        );
      assert.ok(Number(pauses.at(-1)) > Number(pauses[1]), `each pause is longer: ${pauses.join(', ')} ms`);
      assert.deepEqual(troubles(await visits(port, names('a'), 20)), {}, 'the other worker serves');

      repair();
      await bal.statusWhen(
        'both workers serve again',
        ({ workers }) => workers.length === 2 && workers.every(({ state }) => state === 'ready'),
      );
      assert.deepEqual(troubles(await visits(port, names('a'), 20)), {});
      assert.equal((await bal.graceful()).code, 0);
      assert.deepEqual((await visits(port, names('a', 'b'), 10)).answers, { b: 10 });
    },
  );
});
