import assert from 'node:assert/strict';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo, named } from './harness/behaviours.ts';
import { type Client, connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine, forEitherEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { startLoad, troubles, visits } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';
import { isAlive, signal } from './harness/processes.ts';
import { until } from '../lib/testing/until.ts';

forEachEngine('a worker that is killed takes only its own connections with it and is replaced', async (t, engine) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a], { workers: 2 }) });
  const clients: Client[] = [];
  // Repeat until both workers have some: the kernel chooses who accepts.
  const shared = await until('both workers have connections', async () => {
    const client = await connectTo(t, port);
    await client.send('x');
    await client.reads(1);
    clients.push(client);
    const { workers } = await bal.status();
    return workers.length === 2 && workers.every((worker) => worker.active_connections > 0) ? workers : null;
  });
  const [victim, survivor] = shared;
  assert.ok(victim !== undefined && survivor !== undefined);
  signal(victim.pid, 'SIGKILL');

  const replaced = await bal.statusWhen(
    'a replacement is ready',
    ({ workers }) =>
      workers.length === 2 &&
      workers.every(({ state }) => state === 'ready') &&
      workers.every(({ pid }) => pid !== victim.pid),
  );
  assert.ok(replaced.workers.some(({ pid }) => pid === survivor.pid));
  assert.equal(replaced.totals?.workers_respawned_total, 1);
  let alive = 0;
  for (const client of clients) {
    const answer = client
      .send('y')
      .then(() => client.reads(1))
      .catch(() => null);
    if ((await answer) !== null) alive++;
  }
  assert.equal(alive, survivor.active_connections);
  assert.equal(clients.length - alive, victim.active_connections);
  await bal.logged('worker.exited', ({ fields }) => JSON.stringify(fields).includes(String(victim.pid)));
});

forEachEngine('all workers are killed: clients that come meanwhile wait, and are served', async (t, engine) => {
  const a = await backend(t, named('a'));
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a], { workers: 2 }) });
  for (let round = 0; round < 2; round++) {
    const pids = await bal.workerPids();
    for (const pid of pids) signal(pid, 'SIGKILL');
    await until('no worker is left', () => pids.every((pid) => !isAlive(pid)));
    const counts = await visits(port, names('a'), 10, { clients: 10 });
    // Connections a worker had accepted at that instant died with it; these clients came later.
    assert.deepEqual(troubles(counts), {}, 'nobody is refused or reset');
    await bal.statusWhen(
      'both workers are back',
      ({ workers }) =>
        workers.length === 2 && workers.every(({ state, pid }) => state === 'ready' && !pids.includes(pid)),
    );
  }
});

forEachEngine('a worker is killed under load: only what it had accepted is lost', async (t, engine) => {
  const a = await backend(t, named('a'));
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a], { workers: 2 }) });
  const CLIENTS = 8;
  const load = startLoad(t, port, names('a'), { clients: CLIENTS });
  for (let round = 0; round < 3; round++) {
    await load.succeeds(30);
    const [victim] = await bal.workerPids();
    assert.ok(victim !== undefined);
    signal(victim, 'SIGKILL');
    await bal.statusWhen(
      'the replacement is ready',
      ({ workers }) => workers.length === 2 && workers.every(({ state, pid }) => state === 'ready' && pid !== victim),
    );
  }
  await load.succeeds(30);
  const { refused, wrong, short, late, reset } = await load.stop();
  assert.deepEqual({ refused, wrong, late }, { refused: 0, wrong: 0, late: 0 });
  assert.ok(reset + short <= 3 * CLIENTS, `at most what the killed workers held: ${reset} reset, ${short} cut short`);
});

forEitherEngine('a crash loop is slowed down and reported, and ends by itself', async (t, engine) => {
  const a = await backend(t, named('a'));
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a], { workers: 1 }) });
  const seen = new Set<number>();
  for (let i = 0; i < 4; i++) {
    const pid = await until('there is another worker', async () =>
      (await bal.workerPids()).find((one) => !seen.has(one)),
    );
    seen.add(pid);
    signal(pid, 'SIGKILL');
  }
  await until('every death is reported', () => bal.logs().filter(({ event }) => event === 'worker.exited').length >= 4);
  await bal.statusWhen('a worker is ready again', ({ workers }) =>
    workers.some(({ state, pid }) => state === 'ready' && !seen.has(pid)),
  );
  assert.deepEqual(troubles(await visits(port, names('a'), 5)), {});
});
