// Limits that all workers count together hold over processes: during an upgrade two serve for a moment, and after the death of a
// primary its workers still have connections. With the js engine each worker counts for itself, and knows of the others by reports.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Owner } from '../lib/testing/owner.ts';
import { freePort } from '../lib/testing/ports.ts';
import { until } from '../lib/testing/until.ts';
import { type Bal, startBal } from './harness.ts';
import { backend, type Backend, type Behaviour } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { type Client, connectTo } from './harness/client.ts';
import { configFor, QUICK } from './harness/config.ts';
import { type EngineName, forEngine } from './harness/engines.ts';
import { echoes } from './harness/exchange.ts';
import { visits } from './harness/load.ts';
import { diesAt, programOf } from './harness/next-program.ts';
import { signal } from './harness/processes.ts';
import { lives, session } from './harness/session.ts';

/** Longer than a busy machine may need: what still waits then is let go. */
const PATIENT = { drain_timeout_ms: 60_000 };
const QUEUE = { ...PATIENT, overload_policy: 'queue', queue_timeout_ms: 60_000 };
const NO_CHECKS = { health_check: { type: 'none' } };

/** An echo that notes how many connections it had at most. */
function counting(): { readonly behaviour: Behaviour; readonly most: () => number } {
  let [now, most] = [0, 0];
  return {
    behaviour(socket) {
      most = Math.max(most, ++now);
      let isCounted = true;
      const over = (): void => {
        if (isCounted) now--;
        isCounted = false;
      };
      // bal has not used its place again by then: it waits for this side's end.
      socket.once('end', over);
      socket.once('close', over);
      echo(socket);
    },
    most: () => most,
  };
}

interface Scene {
  readonly bal: Bal;
  readonly port: number;
  readonly server: Backend;
  /** The most connections that the server has had. */
  readonly most: () => number;
}

/** A bal in front of a server, which may have three connections if it is `capped`. */
async function scene(t: Owner, engine: EngineName, isCapped: boolean, runtime: object): Promise<Scene> {
  const { behaviour, most } = counting();
  const server = await backend(t, behaviour);
  const port = await freePort();
  const { host, port: at } = server;
  const backends = [{ host, port: at, ...(isCapped && { max_connections: 3 }) }];
  const config = configFor(port, [], { ...NO_CHECKS, backends, workers: 2, runtime: { ...runtime } });
  return { bal: await startBal(t, { engine, daemon: true, config }), port, server, most };
}

/** Clients that come one after the other until `end()`. Resolves to how many were served. */
function comeAndGo(port: number, t: Owner): { readonly end: () => Promise<number> } {
  let isOver = false;
  const served = (async () => {
    let count = 0;
    for (; !isOver;) {
      const client = await connectTo(t, port);
      await client.send('y').catch(() => undefined);
      count += await client.reads(1).then(
        () => 1,
        () => 0,
      );
      client.end();
      await client.over;
    }
    return count;
  })();
  return {
    end() {
      isOver = true;
      return served;
    },
  };
}

async function upgraded(bal: Bal, ...args: string[]): Promise<number | null> {
  return (await bal.cli('upgrade', ...args)).code;
}

forEngine(
  'native',
  'a backend never has more than max_connections, and those who wait come in turn',
  async (t, engine) => {
    const { bal, port, server, most } = await scene(t, engine, true, QUEUE);
    const open = [await session(t, port), await session(t, port), await session(t, port)];
    const line: Client[] = [];
    async function queueUp(): Promise<void> {
      line.push(await connectTo(t, port));
      await line.at(-1)?.send('w');
    }
    for (let i = 1; i <= 4; i++) {
      await queueUp();
      await bal.statusWhen(`${i} wait`, ({ services }) => services[0]?.waiting === i);
    }
    // The second leaves while clients still wait in the workers of the first.
    for (const round of ['one', 'two']) assert.equal(await upgraded(bal), 0, round);
    assert.equal(server.accepted, 3, 'nobody who waited has a backend');
    assert.equal(await upgraded(bal, '--to', programOf(t, '9.9.9', diesAt('offered'))), 1);
    for (const client of open) await lives(client);
    assert.equal(server.accepted, 3, 'nor after an upgrade that failed');
    await queueUp();
    for (const [i, client] of line.entries()) {
      // Whoever came first is served, not one who waits in a newer process.
      [...open, ...line][i]?.end();
      assert.equal((await client.reads(1)).toString(), 'w');
      assert.equal(server.accepted, 4 + i);
    }
    for (const client of line) client.end();
    await bal.statusWhen('all are over', ({ active_connections: active }) => active === 0);
    assert.equal(most(), 3);
  },
);

forEngine('native', 'clients that come during upgrades take no place that is taken', async (t, engine) => {
  const { bal, port, most } = await scene(t, engine, true, {});
  const open = [await session(t, port), await session(t, port)];
  const crowd = Array.from({ length: 4 }, () => comeAndGo(port, t));
  for (let round = 0; round < 3; round++) assert.equal(await upgraded(bal), 0);
  const served = await Promise.all(crowd.map(({ end }) => end()));
  assert.ok(served.reduce((sum, count) => sum + count) > 0, 'one place was free');
  for (const client of open) await lives(client);
  assert.equal(most(), 3);
});

forEngine('native', 'a source never has more than its connections', async (t, engine) => {
  const { bal, port, most } = await scene(t, engine, false, { max_connections_per_source: 3 });
  const open = [await session(t, port), await session(t, port), await session(t, port)];
  const crowd = Array.from({ length: 4 }, () => comeAndGo(port, t));
  assert.equal(await upgraded(bal), 0);
  const served = await Promise.all(crowd.map(({ end }) => end()));
  assert.deepEqual(served, [0, 0, 0, 0]);
  for (const client of open) await lives(client);
  assert.equal(most(), 3);
});

forEngine(
  'native',
  'a bal that is started after its primary was killed knows what the workers count',
  async (t, engine) => {
    const { behaviour, most } = counting();
    const [a, b] = [await backend(t, behaviour), await backend(t, echo)];
    const [port, other] = [await freePort(), await freePort()];
    const db = { port, backends: [{ host: a.host, port: a.port, max_connections: 3 }] };
    const another = { port: other, backends: [{ host: b.host, port: b.port }] };
    const config = (services: Readonly<Record<string, unknown>>): Record<string, unknown> => ({
      engine,
      bind_address: '127.0.0.1',
      workers: 2,
      ...NO_CHECKS,
      runtime: { ...QUICK, ...QUEUE },
      services,
    });
    const before = await startBal(t, { engine, daemon: true, config: config({ another, db }) });
    const open = [await session(t, port), await session(t, port), await session(t, port)];
    const waiting = [await connectTo(t, port), await connectTo(t, port)];
    for (const client of waiting) await client.send('w');
    await before.statusWhen('two wait', ({ services }) => services.some((it) => it.waiting === 2));
    await before.killPrimary();
    // From the names alone the ids would be others.
    const services = { new: another, db };
    const bal = await startBal(t, { engine, daemon: true, home: before.home.dir, config: config(services) });
    const latest = await connectTo(t, port);
    await latest.send('w');
    await bal.statusWhen('what can move has moved', ({ services: [, now] }) => now?.active_connections === 4);
    // Those who wait look for room every 50 ms.
    await sleep(500);
    for (const client of open) await lives(client);
    assert.equal(a.accepted, 3, 'nobody who waited has a backend');
    for (const client of open) client.end();
    for (const client of [...waiting, latest]) {
      assert.equal((await client.reads(1)).toString(), 'w');
      client.end();
    }
    await bal.statusWhen('all are over', ({ active_connections: active }) => active === 0);
    assert.equal(most(), 3);
  },
);

for (const [what, limits] of [
  ['the instance', [4]],
  ['a service', [100, 4]],
] as const) {
  forEngine(
    'native',
    `after the death of a primary, what its workers have not yet given away counts for the limit of ${what}`,
    async (t, engine) => {
      const a = await backend(t, echo);
      const port = await freePort();
      const [most, own] = limits.map((limit) => ({ max_concurrent_connections: limit }));
      const web = { port, backends: [{ host: a.host, port: a.port }], runtime: own ?? {} };
      const basics = {
        bind_address: '127.0.0.1',
        workers: 2,
        ...NO_CHECKS,
        runtime: { ...QUICK, ...PATIENT, ...most },
      };
      const config = { ...basics, services: { web } };
      const before = await startBal(t, { engine, daemon: true, config });
      const open = [await session(t, port), await session(t, port), await session(t, port)];
      const workers = await before.workerPids();
      await before.killPrimary();
      await until('the workers have noticed', async () => (await visits(port, echoes(), 1)).refused === 1);
      // Of these only those with connections still live.
      for (const pid of workers) signal(pid, 'SIGSTOP');
      const bal = await startBal(t, { engine, daemon: true, home: before.home.dir, config });
      open.push(await session(t, port));
      const late = await connectTo(t, port);
      assert.equal((await late.over).how, 'reset');
      for (const pid of workers) signal(pid, 'SIGCONT');
      await bal.statusWhen('all have moved', (now) => now.active_connections === 4);
      for (const client of open) await lives(client);
      open.pop()?.end();
      await bal.statusWhen('one is over', (now) => now.active_connections === 3);
      await lives(await session(t, port));
    },
  );
}
