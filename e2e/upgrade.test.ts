// `bal upgrade`: another program replaces the running one, with its sockets, connections and state; if that fails, the running
// one continues undisturbed.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { once } from 'node:events';
import type { UpgradeVerdict } from '../lib/control/upgrade.ts';
import { freePort } from '../lib/testing/ports.ts';
import { workFolder } from '../lib/testing/program.ts';
import { BAL } from '../lib/testing/root.ts';
import { until } from '../lib/testing/until.ts';
import { version } from '../lib/version.ts';
import { type Bal, pidIn, startBal } from './harness.ts';
import { ask } from './harness/admin.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { connectTo } from './harness/client.ts';
import { QUICK } from './harness/config.ts';
import { forEachEngine, forEngine } from './harness/engines.ts';
import { dies, diesAt, programOf } from './harness/next-program.ts';
import { gone, isAlive, pidsOf } from './harness/processes.ts';
import { lives, session, talk } from './harness/session.ts';

const NEXT = '9.9.9';

async function upgrade(bal: Bal, ...args: string[]): Promise<{ code: number | null; verdict: UpgradeVerdict }> {
  const { code, stdout, stderr } = await bal.cli('upgrade', '--json', ...args);
  assert.equal(stderr, '');
  const verdict: UpgradeVerdict = JSON.parse(stdout);
  return { code, verdict };
}

async function eventsOf(bal: Bal): Promise<readonly unknown[]> {
  const { events }: { events: readonly unknown[] } = JSON.parse((await bal.cli('events', '--json')).stdout);
  return events;
}

/** Sends a byte through a Unix socket and waits for the echo. */
async function echoesAt(path: string): Promise<void> {
  const socket = connect({ path });
  socket.end('x');
  const [answer]: unknown[] = await once(socket, 'data');
  assert.equal(String(answer), 'x');
  socket.destroy();
}

forEngine('native', 'another version takes over all that there is, and goes back again', async (t, engine) => {
  const [a, b] = [await backend(t, echo), await backend(t, echo)];
  const path = join(workFolder(t), 'in.sock');
  const [port, admin] = [await freePort(), await freePort()];
  const backends = [a, b].map(({ host, port: at }) => ({ host, port: at }));
  const config = {
    bind_address: '127.0.0.1',
    admin: `127.0.0.1:${admin}`,
    workers: 2,
    log_connections: 'all',
    runtime: { ...QUICK, max_concurrent_connections: 8 },
    services: { db: { port, bind_unix: path, backends } },
  };
  const bal = await startBal(t, { engine, daemon: true, config });
  const idle = await Promise.all(Array.from({ length: 5 }, () => session(t, port)));
  const storm = { over: false };
  const talks = await Promise.all(
    [64, 200_000].map(async (size) => ({ sent: talk(storm, await connectTo(t, port), size) })),
  );
  assert.equal((await bal.cli('backend', 'drain', b.address)).code, 0);
  const before = await bal.status();
  const [happened] = await eventsOf(bal);
  const next = programOf(t, NEXT);
  for (const [program, from, to] of [
    [next, version, NEXT],
    [dirname(next), NEXT, NEXT],
    [BAL, NEXT, version],
  ] as const) {
    const [old, workers] = [pidIn(bal.home.pidFile), await bal.workerPids()];
    // A reload requested during the upgrade is done by whichever process serves then.
    const reload = bal.graceful();
    const { code, verdict } = await upgrade(bal, '--to', program);
    assert.deepEqual([code, verdict.problem], [0, null]);
    const reloaded = await reload;
    assert.deepEqual([reloaded.code, reloaded.verdict.problem], [0, null]);
    assert.deepEqual([verdict.from, verdict.to, verdict.draining], [from, to, null]);
    assert.equal(verdict.connections, 7);
    assert.equal(pidIn(bal.home.pidFile), verdict.pid);
    await Promise.all([old ?? 0, ...workers].map(gone));
    const status = await bal.statusWhen('all are counted', ({ active_connections: active }) => active === 7);
    assert.deepEqual([status.version, status.pid, status.workers.length], [to, verdict.pid, 2]);
    for (const client of idle) await lives(client);
    await echoesAt(path);
    await bal.statusWhen('that one is over', ({ active_connections: active }) => active === 7);
    const extra = await session(t, port);
    const refused = await connectTo(t, port);
    assert.equal((await refused.over).how, 'reset', 'the limit is reached');
    extra.end();
    await extra.over;
  }
  const after = await bal.status();
  assert.deepEqual(
    after.live_changes.map(({ address, kind }) => [address, kind]),
    [[b.address, 'drained']],
  );
  const totals = (status: typeof after): number => status.totals?.connections_total ?? 0;
  assert.equal(
    totals(after),
    totals(before) + 6,
    'two were served after each upgrade, the refused are counted elsewhere',
  );
  assert.equal(after.totals?.rejected_total, 3);
  assert.ok((after.totals?.bytes_in ?? 0) >= (before.totals?.bytes_in ?? 0));
  assert.ok((after.generation ?? 0) > (before.generation ?? 0));
  const [first] = await eventsOf(bal);
  assert.deepEqual(first, happened, 'what was before is known');
  assert.equal((await ask(admin, '/readyz')).status, 200);
  assert.equal((await bal.graceful()).code, 0);
  storm.over = true;
  const sent = await Promise.all(talks.map(async (its) => its.sent));
  for (const client of idle) client.end();
  await bal.statusWhen('all are over', ({ active_connections: active }) => active === 0);
  assert.equal((await bal.stop()).code, 0);
  assert.equal(existsSync(path), false, 'whoever has it last removes the socket');
  assert.deepEqual(
    readdirSync(bal.home.dir).filter((name) => name.startsWith('h.') || name.startsWith('.')),
    [],
  );
  const records = bal.logs().filter(({ event }) => event === 'connection.ended');
  const bytes = new Set(records.map(({ fields }) => Number(fields['bytes_in'])));
  for (const its of sent) assert.ok(bytes.has(its), `one record of ${its} bytes`);
});

forEngine('native', 'whatever the new program does wrong, the running one goes on', async (t, engine) => {
  const a = await backend(t, echo);
  const [port, admin] = [await freePort(), await freePort()];
  const path = join(workFolder(t), 'in.sock');
  const config = {
    bind_address: '127.0.0.1',
    port,
    bind_unix: path,
    admin: `127.0.0.1:${admin}`,
    workers: 2,
    runtime: QUICK,
    backends: [{ host: a.host, port: a.port }],
  };
  const bal = await startBal(t, { engine, daemon: true, config });
  const clients = await Promise.all(Array.from({ length: 20 }, () => session(t, port)));
  const no = join(workFolder(t), 'no.mjs');
  writeFileSync(no, 'process.exitCode = 3;\n');
  const odd: readonly (readonly [string, string, RegExp])[] = [
    ['nothing is there', '/nowhere/bal.js', /there is no bal at \/nowhere\/bal.js/],
    ['no bal', no, /ended before it had taken over \(exit code 3\)/],
    ['dies before it says hello', programOf(t, NEXT, dies('hello')), /ended before .* \(SIGKILL\)/],
    ['dies prepared', programOf(t, NEXT, dies('prepared')), /ended before .* \(SIGKILL\)/],
    ['dies when it serves', programOf(t, NEXT, dies('serving')), /ended before .* \(SIGKILL\)/],
    ['dies while it takes', programOf(t, NEXT, diesAt('offered')), /ended before .* \(SIGKILL\)/],
  ];
  for (const [what, program, why] of odd) {
    const { code, verdict } = await upgrade(bal, '--to', program);
    assert.equal(code, 1, what);
    assert.match(verdict.problem?.what_happened ?? '', why, what);
    const status = await bal.statusWhen(
      `${what}: all are counted`,
      ({ active_connections: active, workers }) => active === 20 && workers.length === 2,
    );
    assert.deepEqual([status.pid, status.version, pidIn(bal.home.pidFile)], [bal.pid, version, bal.pid], what);
    for (const client of clients) await lives(client);
    assert.equal((await ask(admin, '/readyz')).status, 200, what);
    await echoesAt(path);
    await until(`${what}: nothing of it is left`, () => pidsOf(bal.home.dir).length === 3);
  }
  writeFileSync(bal.configFile, 'port: no\n');
  const { code, verdict } = await upgrade(bal);
  assert.equal(code, 1);
  assert.match(verdict.problem?.what_happened ?? '', /is not valid/);
  assert.ok(verdict.errors.length > 0);
  const refused = await bal.cli('upgrade');
  assert.match(refused.stderr, /config\.yaml:1:1 port: .*\n[^]*the upgrade is rejected, the running bal goes on\n/);
  for (const client of clients) await lives(client);
  bal.configure(config);
  assert.equal((await upgrade(bal)).code, 0);
  for (const client of clients) await lives(client);
});

forEachEngine('in the foreground the first process stays, and stands for the one that serves', async (t, engine) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const bal = await startBal(t, {
    engine,
    config: {
      bind_address: '127.0.0.1',
      port,
      workers: 1,
      runtime: { ...QUICK, drain_timeout_ms: 60_000 },
      backends: [{ host: a.host, port: a.port }],
    },
  });
  const client = await session(t, port);
  const { code, verdict } = await upgrade(bal);
  assert.deepEqual([code, verdict.problem], [0, null]);
  await lives(client);
  const stays = await session(t, port);
  if (engine === 'js') {
    // The connection cannot move: it stays in its old worker, which the first process manages, over another upgrade, too.
    assert.equal(verdict.draining?.connections, 1);
    await bal.statusWhen('it is told', ({ draining }) => draining?.connections === 1 && draining.workers === 1);
    const { code: again, verdict: next } = await upgrade(bal);
    assert.deepEqual([again, next.connections, next.draining?.connections], [0, 0, 2], 'none has moved');
    await bal.statusWhen(
      'both are counted, and told',
      ({ active_connections: active, draining }) =>
        active === 2 && draining?.connections === 2 && draining.workers === 2,
    );
  } else assert.equal(verdict.draining, null);
  const workers = await bal.workerPids();
  bal.signal('SIGHUP');
  await bal.statusWhen('it was reloaded', ({ totals }) => totals?.reloads_total === 1);
  await Promise.all(workers.map(gone));
  await lives(client);
  assert.ok(isAlive(bal.pid));
  client.end();
  await client.over;
  const left = engine === 'js' ? 1 : 0;
  await bal.statusWhen('what has ended is not told any more', ({ draining }) => draining?.connections === left);
  await lives(stays);
  bal.signal('SIGTERM');
  // Not `reloading`, as it may be here: two signals that arrive together are one. All that is left may be in the first process.
  await bal.statusWhen('no more clients are taken', ({ state }) => state === 'draining');
  bal.signal('SIGTERM');
  await stays.over;
  assert.equal(await bal.exited, 0);
  assert.equal(isAlive(verdict.pid), false);
  assert.equal(existsSync(bal.home.pidFile), false);
});
