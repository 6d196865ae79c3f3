import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo, named } from './harness/behaviours.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine, forEitherEngine } from './harness/engines.ts';
import { echoes, names } from './harness/exchange.ts';
import { startLoad, troubles, visits } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';
import { pidsOf, signal } from './harness/processes.ts';
import { until } from '../lib/testing/until.ts';

for (const name of ['SIGTERM', 'SIGINT'] as const) {
  forEachEngine(`${name} stops in order; a second one stops at once`, async (t, engine) => {
    const a = await backend(t, echo);
    const port = await freePort();
    const config = configFor(port, [a], { runtime: { drain_timeout_ms: 60_000 } });
    const bal = await startBal(t, { engine, config });
    const client = await connectTo(t, port);
    await client.send('1');
    await client.reads(1);
    bal.signal(name);
    await until('nobody listens any more', async () => (await visits(port, echoes(), 1)).refused === 1);
    await client.send('2');
    assert.equal((await client.reads(1)).toString(), '2');
    bal.signal(name);
    assert.equal((await client.over).how, 'fin');
    assert.equal(await bal.exited, 0);
    assert.equal(existsSync(bal.home.pidFile), false);
    assert.equal(existsSync(bal.home.socket), false);
  });
}

forEachEngine('Ctrl-C, which the whole process group gets, drains as well', async (t, engine) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a], { runtime: { drain_timeout_ms: 60_000 } }) });
  const client = await connectTo(t, port);
  await client.send('1');
  await client.reads(1);
  for (const pid of [bal.pid, ...(await bal.workerPids())]) signal(pid, 'SIGINT');
  await until('nobody listens any more', async () => (await visits(port, echoes(), 1)).refused === 1);
  await client.send('2');
  assert.equal((await client.reads(1)).toString(), '2');
  client.end();
  assert.equal((await client.over).how, 'fin');
  assert.equal(await bal.exited, 0);
});

forEitherEngine('SIGHUP reloads like graceful, and a bad config changes nothing', async (t, engine) => {
  const [a, b] = [await backend(t, named('a')), await backend(t, named('b'))];
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a]) });
  const load = startLoad(t, port, names('a', 'b'), { clients: 4 });
  await load.succeeds(10);
  bal.configure('port: nonsense\n');
  bal.signal('SIGHUP');
  const rejected = await bal.logged('config.rejected');
  assert.match(rejected.level, /WARN|ERROR/);
  bal.configure(configFor(port, [b]));
  bal.signal('SIGHUP');
  await bal.logged('config.reloaded');
  const { answers } = await visits(port, names('a', 'b'), 10);
  assert.deepEqual(answers, { b: 10 });
  await load.succeeds(10);
  assert.deepEqual(troubles(await load.stop()), {});
  assert.deepEqual(pidsOf(bal.home.dir).includes(bal.pid), true);
});
