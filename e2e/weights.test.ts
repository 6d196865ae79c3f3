// Shares and attempts: weights, backups and connect attempts, through failures and reloads.
import assert from 'node:assert/strict';
import { freePort } from '../lib/testing/ports.ts';
import { until } from '../lib/testing/until.ts';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo, named } from './harness/behaviours.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine, forEitherEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { troubles, visits } from './harness/load.ts';

type Share = { readonly weight?: number; readonly backup?: boolean };

/** Like configFor(), with further settings per backend. */
function sharing(
  port: number,
  backends: readonly { readonly host: string; readonly port: number }[],
  shares: readonly Share[],
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    ...configFor(port, backends, more),
    backends: backends.map(({ host, port: at }, i) => ({ host, port: at, ...shares[i] })),
  };
}

forEitherEngine('round_robin gives each backend its weight, exactly with one worker', async (t, engine) => {
  const [a, b, c] = [await backend(t, named('a')), await backend(t, named('b')), await backend(t, named('c'))];
  const port = await freePort();
  const config = sharing(port, [a, b, c], [{ weight: 5 }, {}, { weight: 0 }], { workers: 1 });
  const bal = await startBal(t, { engine, config });
  await bal.checked();
  const counts = await visits(port, names('a', 'b', 'c'), 60);
  assert.deepEqual([troubles(counts), counts.answers], [{}, { a: 50, b: 10 }]);
  const { backends } = await bal.status();
  assert.deepEqual(
    backends.map(({ weight, backup }) => [weight, backup]),
    [
      [5, false],
      [1, false],
      [0, false],
    ],
  );
});

forEachEngine('over several workers each has its weight within a turn of every worker', async (t, engine) => {
  const [a, b] = [await backend(t, named('a')), await backend(t, named('b'))];
  const port = await freePort();
  const bal = await startBal(t, { engine, config: sharing(port, [a, b], [{ weight: 3 }], { workers: 2 }) });
  await bal.checked();
  const { answers } = await visits(port, names('a', 'b'), 200);
  assert.ok(Math.abs(Number(answers['a']) - 150) <= 2 * 2, JSON.stringify(answers));
});

forEitherEngine('least_connections fills backends up in proportion to their weights', async (t, engine) => {
  const [a, b] = [await backend(t, echo), await backend(t, echo)];
  const port = await freePort();
  const config = sharing(port, [a, b], [{ weight: 3 }], { method: 'least_connections', workers: 1 });
  const bal = await startBal(t, { engine, config });
  await bal.checked();
  for (let i = 0; i < 12; i++) {
    const client = await connectTo(t, port);
    await client.send('x');
    await client.reads(1);
  }
  await bal.statusWhen('9 and 3 are open', ({ backends }) => {
    const [first, second] = backends.map(({ active_connections }) => active_connections);
    return first === 9 && second === 3;
  });
});

forEitherEngine('a backup serves while nobody else can, and no longer', async (t, engine) => {
  const [a, spare] = [await backend(t, named('a')), await backend(t, named('spare'))];
  const port = await freePort();
  const bal = await startBal(t, { engine, config: sharing(port, [a, spare], [{}, { backup: true }]) });
  await bal.checked();
  assert.deepEqual((await visits(port, names('a', 'spare'), 20)).answers, { a: 20 });
  const { stdout } = await bal.cli('why');
  assert.match(stdout, /is up, spare/);
  await a.refuse();
  const outage = await visits(port, names('a', 'spare'), 20);
  assert.deepEqual([troubles(outage), outage.answers], [{}, { spare: 20 }]);
  await bal.logged('backend.down');
  await a.recover();
  await bal.statusWhen(
    'it is up again',
    ({ backends }) => backends[0]?.state === 'up' && backends[0].cooldown_ms === 0,
  );
  await bal.logged('backend.up');
  await until('the workers know', async () => (await visits(port, names('a', 'spare'), 4)).answers['a'] === 4);
});

forEitherEngine(
  'a backend without weight helps nobody: without the others the service has no backend',
  async (t, engine) => {
    const [a, idle] = [await backend(t, named('a')), await backend(t, named('idle'))];
    const port = await freePort();
    const bal = await startBal(t, { engine, config: sharing(port, [a, idle], [{}, { weight: 0 }]) });
    await bal.checked();
    await idle.refuse();
    await bal.logged('backend.down', ({ fields }) => String(fields['backend']).endsWith(`:${idle.port}`));
    const well = await bal.cli('why');
    assert.deepEqual([well.code, /is down, no weight/.test(well.stdout)], [0, true], well.stdout);
    await idle.recover();
    await bal.statusWhen('it is up again', ({ backends }) => backends[1]?.state === 'up');
    await a.refuse();
    await bal.statusWhen('nobody who takes clients is up', ({ protection_mode }) => protection_mode.enabled === true);
    assert.match((await bal.cli('why')).stdout, /default is failing/);
    assert.equal((await visits(port, names('a', 'idle'), 4)).answers['idle'], undefined);
  },
);

forEitherEngine('a reload changes weights, and says so', async (t, engine) => {
  const [a, b] = [await backend(t, named('a')), await backend(t, named('b'))];
  const port = await freePort();
  const bal = await startBal(t, { engine, config: sharing(port, [a, b], [], { workers: 1 }) });
  await bal.checked();
  assert.deepEqual((await visits(port, names('a', 'b'), 8)).answers, { a: 4, b: 4 });
  bal.configure(sharing(port, [a, b], [{ weight: 0 }, { weight: 2 }], { workers: 1 }));
  const { verdict } = await bal.graceful();
  assert.match(verdict.changed[0]?.to ?? '', /^127\.0\.0\.1:\d+ weight 0, 127\.0\.0\.1:\d+ weight 2$/);
  assert.deepEqual((await visits(port, names('a', 'b'), 8)).answers, { b: 8 });
});

forEitherEngine('no more backends are tried for one client than max_connect_attempts says', async (t, engine) => {
  const dead = [await backend(t, named('a')), await backend(t, named('b')), await backend(t, named('c'))];
  for (const each of dead) await each.refuse();
  const port = await freePort();
  const runtime = { max_connect_attempts: 2, health_check_interval_ms: 60_000, protection_trigger_threshold: 1000 };
  const config = { ...configFor(port, dead, { runtime, workers: 1 }), log_connections: 'failed' };
  const bal = await startBal(t, { engine, config });
  await bal.checked();
  await visits(port, names('a', 'b', 'c'), 1);
  const record = await bal.logged('connection.ended');
  assert.deepEqual([record.fields['reason'], record.fields['attempts']], ['connect_failed', 2]);
});
