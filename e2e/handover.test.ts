// A reload hands connections over to the new workers: they continue whatever their state, and no old worker is left.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Status } from '../lib/control/protocol.ts';
import { type Bal, startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { answersAtTheEnd, echo, endsFirst, source } from './harness/behaviours.ts';
import { connectTo } from './harness/client.ts';
import { configFor, QUICK } from './harness/config.ts';
import { forEngine } from './harness/engines.ts';
import { LONGEST_SLICE, PatternCheck } from './harness/pattern.ts';
import { gone, signal } from './harness/processes.ts';
import { lives, session, talk } from './harness/session.ts';
import { openLateEcho } from '../lib/testing/black-hole.ts';
import { atEnd } from '../lib/testing/owner.ts';
import { freePort } from '../lib/testing/ports.ts';
import { workFolder } from '../lib/testing/program.ts';

const NONE = { connections: 0, workers: 0, generations: 0, until: null };

/** Connections of all workers. */
const activeOf = ({ workers }: Status): number => workers.reduce((sum, { active_connections: its }) => sum + its, 0);

/** Reloads and checks that no connection is left in old workers. */
async function reloads(bal: Bal): Promise<void> {
  const { code, verdict } = await bal.graceful();
  assert.deepEqual([code, verdict.draining], [0, NONE], JSON.stringify(verdict));
}

interface Service {
  readonly port: number;
  readonly backend: { readonly host: string; readonly port: number };
}

function configWith(services: Readonly<Record<string, Service>>, more: Readonly<Record<string, unknown>> = {}) {
  return {
    bind_address: '127.0.0.1',
    workers: 2,
    log_connections: 'all',
    runtime: QUICK,
    services: Object.fromEntries(
      Object.entries(services).map(
        ([
          name,
          {
            port,
            backend: { host, port: at },
          },
        ]) => [name, { port, backends: [{ host, port: at }] }],
      ),
    ),
    ...more,
  };
}

/** Creates a stale socket file. */
async function leaveSocket(path: string): Promise<void> {
  const server = createServer().listen(`${path}.first`);
  await once(server, 'listening');
  rmSync(path, { force: true });
  linkSync(`${path}.first`, path);
  server.close();
  await once(server, 'close');
}

const MB = 1024 * 1024;
const SIX = { ...QUICK, max_concurrent_connections: 6 };

forEngine('native', 'connections of every kind go on in the new workers through five reloads', async (t, engine) => {
  const services = {
    echo: { port: await freePort(), backend: await backend(t, echo) },
    pours: { port: await freePort(), backend: await backend(t, source(3, 24 * MB)) },
    late: { port: await freePort(), backend: await backend(t, answersAtTheEnd) },
    early: { port: await freePort(), backend: await backend(t, endsFirst('bye')) },
  };
  const bal = await startBal(t, { engine, config: configWith(services) });
  const storm = { over: false };
  const talks = await Promise.all(
    [64, 64, 64, 64, 20_000, 200_000].map(async (size) => ({
      size,
      sent: talk(storm, await connectTo(t, services.echo.port), size),
    })),
  );
  const idle = await Promise.all(Array.from({ length: 20 }, () => session(t, services.echo.port)));
  // Full pipes and buffers: the client does not read before the last reload.
  const slow = await connectTo(t, services.pours.port);
  slow.socket.pause();
  const asking = await connectTo(t, services.late.port);
  await asking.send('question');
  const ended = await connectTo(t, services.late.port);
  await ended.send('all I say');
  ended.end();
  const reported = await connectTo(t, services.early.port);
  assert.equal((await reported.reads(3)).toString(), 'bye');
  const before = await bal.workerPids();
  for (let i = 0; i < 5; i++) await reloads(bal);
  const after = await bal.workerPids();
  assert.deepEqual([after.length, after.filter((pid) => before.includes(pid))], [2, []]);
  assert.equal((await ended.over).data.toString(), 'all I say');

  const { services: shown, totals } = await bal.statusWhen('what has ended is counted', (status) =>
    status.services.every(({ active_connections: active }, i) => active === [26, 1, 1, 1][i]),
  );
  assert.deepEqual(
    shown.map(({ backends: [its] }) => its?.connections_total),
    [26, 1, 2, 1],
  );
  assert.equal(totals?.rejected_total, 0);
  storm.over = true;
  const sent = await Promise.all(talks.map(async (talk) => talk.sent));
  for (const client of idle) await lives(client);
  const check = new PatternCheck(3);
  slow.socket.on('data', (chunk: Buffer) => check.take(chunk));
  slow.socket.resume();
  await once(slow.socket, 'end');
  assert.deepEqual([check.received, check.wrongAt], [24 * MB, null]);
  asking.end();
  assert.equal((await asking.over).data.toString(), 'question');
  for (const client of [...idle, slow, reported]) client.end();
  await bal.statusWhen('all are over', (status) => activeOf(status) === 0);
  await bal.stop();
  const records = bal.logs().filter(({ event }) => event === 'connection.ended');
  assert.equal(records.length, 30, 'each has one record');
  // A record covers the connection's whole life, whichever worker wrote it.
  const bytes = records.filter(({ fields }) => fields['service'] === 'echo').map(({ fields }) => fields['bytes_in']);
  const sorted = (numbers: readonly unknown[]): number[] => numbers.map(Number).toSorted((x, y) => x - y);
  assert.deepEqual(sorted(bytes), sorted([...sent, ...idle.map(() => 2)]));
  assert.ok(LONGEST_SLICE >= 200_000);
});

forEngine(
  'native',
  'what was handed over counts once: for limits, for backends, and where backend or service left the file',
  async (t, engine) => {
    const [a, b] = [await backend(t, echo), await backend(t, echo)];
    const services = { stays: { port: await freePort(), backend: a }, goes: { port: await freePort(), backend: b } };
    const first = configWith(services, { runtime: SIX });
    const bal = await startBal(t, { engine, config: first });
    const clients = [];
    for (const { port } of Object.values(services)) {
      for (let i = 0; i < 3; i++) clients.push(await session(t, port));
    }
    // A different number of workers, a different backend, and one service less.
    const { stays } = services;
    bal.configure(configWith({ stays: { port: stays.port, backend: b } }, { runtime: SIX, workers: 3 }));
    await reloads(bal);
    for (const client of clients) await lives(client);
    const refused = await connectTo(t, stays.port);
    assert.equal((await refused.over).how, 'reset', 'the limit is reached');
    const [service] = (await bal.status()).services;
    const shares = new Map(service?.backends.map(({ address, active_connections: active }) => [address, active]));
    assert.deepEqual([shares.get(a.address), shares.get(b.address)], [3, 0]);
    bal.configure(first);
    await reloads(bal);
    bal.configure(configWith(services, { runtime: SIX, workers: 1 }));
    await reloads(bal);
    for (const client of clients) await lives(client);
    clients.pop()?.end();
    clients.pop()?.end();
    await bal.statusWhen('two are over', (status) => activeOf(status) === 4);
    for (let i = 0; i < 2; i++) clients.push(await session(t, stays.port));
    const more = await connectTo(t, stays.port);
    assert.equal((await more.over).how, 'reset');
    const { services: shown } = await bal.status();
    assert.deepEqual(
      shown.map(({ name, active_connections: active }) => [name, active]),
      [
        ['stays', 5],
        ['goes', 1],
      ],
    );
  },
);

forEngine('native', 'a client whose backend is still being connected is handed over when it is', async (t, engine) => {
  const [port, at] = [await freePort(), await freePort()];
  const { accept } = await openLateEcho(t, at);
  const config = configFor(port, [{ host: '127.0.0.1', port: at }], {
    workers: 1,
    health_check: { type: 'none' },
    runtime: { backend_connect_timeout_ms: 60_000 },
  });
  const bal = await startBal(t, { engine, config });
  const client = await connectTo(t, port);
  await bal.statusWhen('it is there', (status) => activeOf(status) === 1);
  const [old] = await bal.workerPids();
  const { code, verdict } = await bal.graceful();
  assert.deepEqual([code, verdict.draining?.connections], [0, 1], 'it cannot go yet');
  accept();
  await bal.statusWhen('its old worker is gone', ({ workers }) => workers.every(({ pid }) => pid !== old));
  await lives(client);
});

forEngine('native', 'a client that waits for a permit during a reload is served', async (t, engine) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const config = configFor(port, [a], {
    workers: 1,
    runtime: { max_concurrent_connections: 1, overload_policy: 'queue', queue_timeout_ms: 60_000 },
  });
  const bal = await startBal(t, { engine, config });
  const first = await session(t, port);
  const waits = await connectTo(t, port);
  await waits.send('x');
  await bal.statusWhen('it waits', ({ services: [service] }) => service?.waiting === 1);
  const { code } = await bal.graceful();
  assert.equal(code, 0);
  await lives(first);
  first.end();
  await first.over;
  assert.equal((await waits.reads(1)).toString(), 'x');
  await bal.statusWhen('its old worker is gone', ({ workers }) => workers.length === 1);
  await lives(waits);
});

forEngine(
  'native',
  'workers that die while connections go from one to the other lose their own, and nobody else has lost one',
  async (t, engine) => {
    const a = await backend(t, echo);
    const port = await freePort();
    const bal = await startBal(t, { engine, config: configFor(port, [a], { workers: 2 }) });
    const clients = await Promise.all(Array.from({ length: 200 }, () => session(t, port)));
    let over = 0;
    for (const client of clients) void client.over.then(() => over++);
    const old = await bal.workerPids();
    const reload = bal.graceful();
    // Once stopped, it gives nothing and does not answer, until it is killed as hanging.
    const [stopped = 0] = old;
    signal(stopped, 'SIGSTOP');
    await reload;
    await bal.logged('worker.exited', ({ fields }) => fields['pid'] === stopped);
    await bal.statusWhen('only new workers are left', ({ workers }) => workers.length === 2);
    const { active_connections: left } = await bal.statusWhen(
      'those that were lost are counted',
      ({ active_connections: active }) => active === clients.length - over,
    );
    const alive = clients.filter(({ socket }) => !socket.destroyed && !socket.readableEnded);
    assert.equal(alive.length, left);
    for (const client of alive) await lives(client);
    assert.ok(over < clients.length, 'the other worker has handed its own over');
  },
);

forEngine(
  'native',
  'the primary is killed, twice: what goes on in its workers is taken over by the next start, and they end',
  async (t, engine) => {
    const [a, b] = [await backend(t, echo), await backend(t, echo)];
    const services = { stays: { port: await freePort(), backend: a }, goes: { port: await freePort(), backend: b } };
    const runtime = { ...SIX, drain_timeout_ms: 60_000, reload_drain_timeout_ms: 60_000 };
    const path = join(workFolder(t), 'echo.sock');
    const server = createServer((socket) => void socket.pipe(socket)).listen(path);
    await once(server, 'listening');
    atEnd(t, () => void server.close());
    const socket = { port: await freePort(), backends: [{ unix: path }] };
    const configWithout = (left: Readonly<Record<string, Service>>): Record<string, unknown> => {
      const { services: its, ...rest } = configWith(left, { runtime });
      return { ...rest, services: { ...its, socket } };
    };
    let bal = await startBal(t, { engine, daemon: true, config: configWithout(services) });
    const { home } = bal;
    const idle = await session(t, services.goes.port);
    const storm = { over: false };
    const talks = await Promise.all(
      [64, 64, 200_000].map(async (size) => [talk(storm, await connectTo(t, services.stays.port), size)]),
    );
    const clients = [await session(t, services.stays.port), await session(t, socket.port)];
    for (const left of [services, { stays: services.stays }]) {
      const workers = await bal.workerPids();
      await bal.killPrimary();
      // A file that is not a socket must stay; a stale socket must go.
      writeFileSync(join(home.dir, 'h.1'), 'mine');
      await leaveSocket(join(home.dir, 'h.2'));
      const config = configWithout(left);
      bal = await startBal(t, { engine, daemon: true, home: home.dir, config });
      await Promise.all(workers.map(gone));
      for (const client of [...clients, idle]) await lives(client);
      const status = await bal.statusWhen('all are counted', (now) => activeOf(now) === 6);
      assert.equal(status.workers.length, 2);
      const refused = await connectTo(t, services.stays.port);
      assert.equal((await refused.over).how, 'reset', 'the limit is reached');
    }
    storm.over = true;
    await Promise.all(talks.flat());
    for (const client of [...clients, idle]) client.end();
    await bal.statusWhen('all are over', (now) => activeOf(now) === 0);
    assert.equal((await bal.stop()).code, 0);
    assert.deepEqual(
      readdirSync(home.dir).filter((name) => name.startsWith('h.')),
      ['h.1'],
    );
    assert.equal(readFileSync(join(home.dir, 'h.1'), 'utf8'), 'mine');
  },
);
