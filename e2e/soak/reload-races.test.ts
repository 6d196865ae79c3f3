// Reloads that coincide with something else: a dying worker, another reload, a stop, a half-closed connection.
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { startBal } from '../harness.ts';
import { backend } from '../harness/backend.ts';
import { echo, endsFirst, named } from '../harness/behaviours.ts';
import { connectTo } from '../harness/client.ts';
import { configFor } from '../harness/config.ts';
import { forEitherEngine } from '../harness/engines.ts';
import { echoes, names } from '../harness/exchange.ts';
import { startLoad, troubles, visits } from '../harness/load.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { signal } from '../harness/processes.ts';
import { until } from '../../lib/testing/until.ts';
import { askReload } from './control.ts';
import { openStream } from './streams.ts';

forEitherEngine(
  'a new worker dies while the others are still replaced: none of the old generation comes back',
  async (t, engine) => {
    const [a, b] = [await backend(t, named('a')), await backend(t, named('b'))];
    const port = await freePort();
    const bal = await startBal(t, { engine, config: configFor(port, [a], { workers: 3 }) });
    bal.configure(configFor(port, [b], { workers: 3 }));
    const reloading = askReload(bal.home.socket);
    const { workers } = await bal.statusWhen('the first new worker serves', (status) =>
      status.workers.some(({ generation, state }) => generation === 2 && state === 'ready'),
    );
    const victim = workers.find(({ generation, state }) => generation === 2 && state === 'ready');
    assert.ok(victim !== undefined);
    signal(victim.pid, 'SIGKILL');
    assert.equal((await reloading).ok, true);
    await bal.logged('worker.exited', ({ fields }) => fields['pid'] === victim.pid);
    const after = await bal.statusWhen(
      'three workers serve',
      (status) => status.workers.length === 3 && status.workers.every(({ state }) => state === 'ready'),
    );
    assert.deepEqual(
      after.workers.map(({ generation }) => generation),
      [2, 2, 2],
    );
    assert.deepEqual((await visits(port, names('a', 'b'), 12)).answers, { b: 12 });
  },
);

forEitherEngine('a worker dies and a reload begins before it is replaced', async (t, engine) => {
  const [a, b] = [await backend(t, named('a')), await backend(t, named('b'))];
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a]) });
  bal.configure(configFor(port, [b]));
  for (const pid of await bal.workerPids()) signal(pid, 'SIGKILL');
  const verdict = await askReload(bal.home.socket);
  assert.equal(verdict.ok, true, JSON.stringify(verdict));
  const { workers } = await bal.statusWhen(
    'two workers serve',
    (status) => status.workers.length === 2 && status.workers.every(({ state }) => state === 'ready'),
  );
  assert.deepEqual(
    workers.map(({ generation }) => generation),
    [2, 2],
  );
  assert.deepEqual((await visits(port, names('a', 'b'), 10)).answers, { b: 10 });
});

forEitherEngine('forty wishes to reload at once are met by a few reloads, and nobody is cut', async (t, engine) => {
  const [a, b] = [await backend(t, named('a')), await backend(t, named('b'))];
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a]) });
  const load = startLoad(t, port, names('a', 'b'), { clients: 4 });
  await load.succeeds(10);
  bal.configure(configFor(port, [b]));
  for (let i = 0; i < 20; i++) bal.signal('SIGHUP');
  const verdicts = await Promise.all(Array.from({ length: 20 }, () => askReload(bal.home.socket)));
  assert.ok(verdicts.every(({ ok }) => ok));
  const { generation, state } = await bal.status();
  assert.equal(state, 'running');
  assert.ok(generation !== null && generation <= 5, `generation ${generation}: wishes that wait share one reload`);
  await load.succeeds(10);
  assert.deepEqual(troubles(await load.stop()), {});
  assert.deepEqual((await visits(port, names('a', 'b'), 10)).answers, { b: 10 });
});

forEitherEngine(
  'stop during a reload stops; a reload during a stop is refused and the stop goes on',
  async (t, engine) => {
    const a = await backend(t, echo);
    const port = await freePort();
    const config = configFor(port, [a], { runtime: { drain_timeout_ms: 60_000 } });
    const bal = await startBal(t, { engine, config });
    const stream = await openStream(t, port, 5);
    const reloading = askReload(bal.home.socket);
    await bal.statusWhen('the reload is under way', ({ state }) => state === 'reloading');
    bal.signal('SIGTERM');
    await reloading; // refused or done: both are right
    await until('nobody listens any more', async () => (await visits(port, echoes(), 1)).refused === 1);
    const late = await askReload(bal.home.socket);
    assert.equal(late.ok, false);
    assert.ok(late.problem !== null);
    assert.equal(await stream.finish(), 'ok');
    assert.equal(await bal.exited, 0);
  },
);

forEitherEngine('stop while the listening address is switched leaves nothing behind', async (t, engine) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a]) });
  bal.configure(configFor(port, [a], { bind_address: '0.0.0.0' }));
  const reloading = askReload(bal.home.socket);
  await bal.logged('listener.switch');
  bal.signal('SIGTERM');
  await reloading;
  assert.equal(await bal.exited, 0);
});

forEitherEngine('connections that are half closed survive a reload in both directions', async (t, engine) => {
  const held: Socket[] = [];
  const late = await backend(t, (socket) => {
    held.push(socket);
    socket.resume();
  });
  const early = await backend(t, endsFirst('hello'));
  const [latePort, earlyPort] = [await freePort(), await freePort()];
  const base = configFor(latePort, [late], { runtime: { drain_timeout_ms: 60_000 } });
  const { backends, port, ...common } = base;
  const services = {
    late: { port, backends },
    early: { port: earlyPort, backends: [{ host: early.host, port: early.port }] },
  };
  const bal = await startBal(t, { engine, config: { ...common, services } });
  await bal.checked();
  const asked = await connectTo(t, latePort);
  await asked.send('question');
  asked.end();
  await until('the question and its end have arrived', () =>
    held.some((socket) => socket.bytesRead === 8 && socket.readableEnded),
  );
  const reported = await connectTo(t, earlyPort);
  assert.equal((await reported.over).data.toString(), 'hello');

  // The service of one of them leaves the configuration at the same time.
  bal.configure({ ...common, services: { late: services.late } });
  assert.equal((await bal.graceful()).code, 0);
  assert.equal((await visits(earlyPort, echoes(), 1)).refused, 1);
  for (const socket of held) socket.end('answer');
  assert.deepEqual(await asked.over, { how: 'fin', data: Buffer.from('answer') });
  await reported.send('more');
  await until('what came after the reload has arrived', () => early.received === 4);
  reported.end();
  await bal.statusWhen('the old workers are gone', ({ workers }) => workers.length === 2);
});
