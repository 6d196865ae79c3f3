// Failing clients are evidence: although health checks pass, `why` says how many of the last clients failed, how, because of
// whom, and since when. It says nothing if nothing is wrong.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ServiceStatus, Status } from '../lib/control/protocol.ts';
import type { ServiceWhy, Why } from '../lib/control/why.ts';
import type { FewPorts } from './few-ports-main.ts';
import { type Bal, startBal } from './harness.ts';
import { ask } from './harness/admin.ts';
import { backend, type Behaviour } from './harness/backend.ts';
import { echo, resets } from './harness/behaviours.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine, type EngineName } from './harness/engines.ts';
import { echoes } from './harness/exchange.ts';
import { seriesIn } from './harness/exposition.ts';
import { visits } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';
import { lacking } from '../lib/testing/program.ts';
import { until } from '../lib/testing/until.ts';
import { lackingNamespace, runInNamespace } from './soak/namespace.ts';

interface Scene {
  readonly bal: Bal;
  readonly port: number;
  readonly addresses: readonly string[];
  /** Waits until `count` clients have ended since the start. */
  readonly ended: (count: number) => Promise<Status>;
  readonly metric: (series: string) => Promise<number | undefined>;
}

/** `workers`: with one worker round_robin gives each backend exactly its turn. */
async function scene(
  t: TestContext,
  engine: EngineName,
  behaviours: readonly Behaviour[],
  workers: 1 | 2 = 2,
): Promise<Scene> {
  const backends = await Promise.all(behaviours.map((behaviour) => backend(t, behaviour)));
  const [port, admin] = [await freePort(), await freePort()];
  const bal = await startBal(t, {
    engine,
    config: configFor(port, backends, {
      workers,
      admin: `127.0.0.1:${admin}`,
      // A failing backend keeps its turns.
      runtime: { early_failure_threshold: 0 },
    }),
  });
  await bal.checked();
  return {
    bal,
    port,
    addresses: backends.map(({ address }) => address),
    ended: (count) => bal.statusWhen(`${count} clients have ended`, ({ services }) => endsOf(services[0]) === count),
    metric: async (series) => seriesIn((await ask(admin, '/metrics')).body).get(series),
  };
}

function endsOf(service: ServiceStatus | undefined): number {
  return Object.values(service?.ends ?? {}).reduce((sum, count) => sum + count, 0);
}

async function why(
  bal: Bal,
  ...args: readonly string[]
): Promise<{ code: number | null; service: ServiceWhy; all: Why }> {
  const { code, stdout } = await bal.cli('why', '--json', ...args);
  const all: Why = JSON.parse(stdout);
  const [service] = all.services;
  assert.ok(service !== undefined, stdout);
  return { code, service, all };
}

const resetsWhenAsked: Behaviour = (socket) => {
  socket.once('data', () => socket.resetAndDestroy());
  socket.resume();
};

/** Echoes the first bytes, then resets. */
const answersAndResets: Behaviour = (socket) => {
  socket.once('data', (chunk: Buffer) => socket.write(chunk, () => socket.resetAndDestroy()));
  socket.resume();
};

forEachEngine('one of three backends resets everybody, and checks are content with it', async (t, engine) => {
  const { bal, port, addresses, ended, metric } = await scene(t, engine, [echo, resetsWhenAsked, echo], 1);
  const [first = '', bad = ''] = addresses;
  await visits(port, echoes(), 30);
  const [seen] = (await ended(30)).services;
  assert.deepEqual(seen?.recent?.by_reason, { client_closed: 20, backend_reset: 10 });
  assert.deepEqual([seen?.recent?.ended, seen?.recent?.failed, seen?.recent?.reset_early], [30, 10, 10]);
  assert.deepEqual(
    seen?.backends.map(({ state, recent }) => [state, recent?.ended, recent?.failed, recent?.since === null]),
    [
      ['up', 10, 0, true],
      ['up', 10, 10, false],
      ['up', 10, 0, true],
    ],
  );
  const series = `bal_backend_connections_ended_total{listener="default",backend="${bad}",reason="backend_reset"}`;
  assert.equal(await metric(series), 10);
  assert.equal(await metric(series.replace(bad, first)), 0);

  let clients = 30;
  /** Runs `look` while clients fail: the failures must be recent, however slow the machine is. */
  const whileFailing = <T>(what: string, look: () => Promise<T>) =>
    until(
      what,
      async () => {
        await visits(port, echoes(), 30);
        await ended((clients += 30));
        return look();
      },
      { withinMs: 90_000 },
    );
  const { code, service } = await whileFailing('why tells that clients fail', async () => {
    const now = await why(bal);
    return now.service.recent.failing ? now : null;
  });
  assert.deepEqual([code, service.verdict], [1, 'degraded']);
  assert.match(
    service.problem?.what_happened ?? '',
    new RegExp(
      `^\\d+ of the last \\d+ clients of default were reset by ${bad}, \\d+ before a byte had come, since 20\\S+Z$`,
    ),
  );
  assert.ok(Date.parse(service.recent.since ?? '') < Date.parse(service.recent.last ?? ''));
  for (const { address, verdict, problem } of service.backends) {
    assert.equal(verdict, 'in_use');
    if (address !== bad) assert.equal(problem, null);
    else
      assert.match(
        problem?.what_happened ?? '',
        new RegExp(`^(\\d+) of the last \\1 clients of ${bad} were reset by it`),
      );
  }
  assert.equal((await bal.cli('why', first)).code, 0, 'the others are well');
  await whileFailing('why of that backend tells it', async () => {
    const { code: its, stdout } = await bal.cli('why', bad);
    return its === 1 && /(\d+) of the last \1 connections failed since \S+Z: backend_reset \1\n/.test(stdout);
  });
  await whileFailing('doctor warns', async () =>
    /^warn +clients +default: \d+ of the last \d+ clients failed/m.test((await bal.cli('doctor')).stdout),
  );
  await whileFailing('status has a line, and exits as it says in its table', async () => {
    const { code: its, stdout } = await bal.cli('status');
    return its === 0 && /3 of 3 backends up.*\n +\d+ of the last \d+ clients failed since \S+Z: backend_/.test(stdout);
  });
});

forEachEngine(
  'a backend that resets after it has answered is told, too, and not as one that says nothing',
  async (t, engine) => {
    const { port, ended } = await scene(t, engine, [answersAndResets]);
    for (let i = 0; i < 6; i++) {
      const client = await connectTo(t, port);
      await client.send('x');
      await client.over;
    }
    const [service] = (await ended(6)).services;
    assert.deepEqual(service?.recent?.by_reason, { backend_reset: 6 });
    assert.equal(service?.recent?.reset_early, service?.backends[0]?.recent?.reset_early);
    assert.equal(service?.recent?.failing, true);
  },
);

forEachEngine('a backend that accepts and resets at once', async (t, engine) => {
  const { port, ended } = await scene(t, engine, [resets]);
  await visits(port, echoes(), 40);
  const [service] = (await ended(40)).services;
  // Some are reset during the connect and count as failed connects.
  assert.deepEqual([service?.recent?.failed, service?.recent?.failing], [40, true]);
});

forEachEngine('clients that reset speak against nobody, and clients that are served no news', async (t, engine) => {
  const { bal, port, addresses, ended, metric } = await scene(t, engine, [echo, echo]);
  await visits(port, echoes(), 10);
  for (let i = 0; i < 20; i++) {
    const client = await connectTo(t, port);
    await client.send('x');
    await client.reads(1);
    client.reset();
  }
  const [status] = (await ended(30)).services;
  assert.equal(status?.recent?.by_reason['client_reset'], 20);
  const { code, service } = await why(bal);
  assert.deepEqual([code, service.verdict, service.problem], [0, 'serving', null]);
  assert.deepEqual([service.recent.failed, service.recent.failing, service.recent.since], [0, false, null]);
  for (const { problem, recent } of service.backends) assert.deepEqual([problem, recent.failed], [null, 0]);
  const text = await bal.cli('why');
  assert.match(text.stdout, /^ {2}\d+ clients in the last .*, none failed\n/m);
  assert.doesNotMatch((await bal.cli('status')).stdout, /failed since/);
  assert.match((await bal.cli('doctor')).stdout, /^ok +clients +served in 1 service$/m);
  const resetsOf = (address: string): Promise<number | undefined> =>
    metric(`bal_backend_connections_ended_total{listener="default",backend="${address}",reason="client_reset"}`);
  const [a = 0, b = 0] = await Promise.all(addresses.map(resetsOf));
  assert.equal(a + b, 20);
});

forEachEngine(
  'all backends refuse: the clients are counted, and none is said to have been reset',
  async (t, engine) => {
    const [port, closed] = [await freePort(), await freePort()];
    const bal = await startBal(t, { engine, config: configFor(port, [{ host: '127.0.0.1', port: closed }]) });
    await bal.checked();
    await visits(port, echoes(), 12);
    await bal.statusWhen('12 clients have ended', ({ services }) => services[0]?.recent?.ended === 12);
    const { code, service } = await why(bal);
    assert.deepEqual([code, service.verdict], [1, 'failing_open']);
    assert.deepEqual(service.recent.by_reason, { connect_failed: 12 });
    assert.match(service.problem?.what_happened ?? '', /^no backend is up/, 'that is worse, and says it all');
    assert.equal(service.backends[0]?.recent.by_reason['refused'], 12);
    assert.equal(service.backends[0]?.recent.failing, false, 'health tells of it');
    assert.match((await bal.cli('status')).stdout, /12 of the last 12 clients failed since \S+Z: connect_failed 12\n/);
  },
);

forEachEngine(
  'source ports are used up: the machine is named with the errno, not the backend',
  async (_t, engine) => {
    const main = fileURLToPath(new URL('./few-ports-main.js', import.meta.url));
    const said: FewPorts = JSON.parse(await runInNamespace('/etc/resolv.conf', main, [engine]));
    const [service] = said.why.services;
    assert.ok(service !== undefined);
    const [its] = service.backends;
    assert.deepEqual([said.code, service.verdict, its?.state, its?.verdict], [1, 'degraded', 'up', 'in_use']);
    assert.ok(service.recent.failed > 0 && service.recent.failed <= said.refused);
    assert.deepEqual(service.recent.by_reason, { connect_failed: service.recent.local });
    assert.match(
      service.problem?.what_happened ?? '',
      new RegExp(
        `^\\d+ of the last \\d+ clients of default were refused because this machine ran short \\(.*EADDRNOTAVAIL`,
      ),
    );
    assert.match(service.problem?.do_this_now ?? '', /ip_local_port_range/);
    assert.deepEqual(its?.recent.by_reason, { local: service.recent.local });
    assert.match(its?.problem?.what_happened ?? '', /connects to \S+ failed because this machine ran short/);
    assert.ok(Object.keys(said.why.shortages).some((what) => what.endsWith('EADDRNOTAVAIL')));
    assert.deepEqual(said.tried, [{ backend: its?.address, cause: 'local' }]);
  },
  lackingNamespace() ?? lacking('ip', 'sysctl', 'unshare'),
);
