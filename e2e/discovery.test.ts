// Backends from a DNS name: they come and go with its answers, without a reload, and survive any wrong answer.
import assert from 'node:assert/strict';
import type { BackendVerdict } from '../lib/control/backends.ts';
import type { DiscoveryStatus } from '../lib/control/discovery.ts';
import type { ServiceStatus, Status } from '../lib/control/protocol.ts';
import type { Why } from '../lib/control/why.ts';
import { freePort } from '../lib/testing/ports.ts';
import { until } from '../lib/testing/until.ts';
import { type Bal, startBal } from './harness.ts';
import { type Backend, backend, type Behaviour } from './harness/backend.ts';
import type { Client } from './harness/client.ts';
import { QUICK } from './harness/config.ts';
import { forEachEngine, forEitherEngine, forEngine } from './harness/engines.ts';
import { greeted, served } from './harness/greeted.ts';
import { type Lie, nameServer, type NameRecord, type NameServer } from './harness/name-server.ts';

/** A backend that sends its letter, then echoes. */
const who =
  (letter: string): Behaviour =>
  (socket) => {
    socket.write(letter);
    socket.pipe(socket);
  };

async function goesOn(client: Client, text: string): Promise<void> {
  await client.send(text);
  assert.equal((await client.reads(text.length)).toString(), text);
}

function serviceIn({ services }: Status, name: string): ServiceStatus {
  const found = services.find((it) => it.name === name);
  assert.ok(found !== undefined, name);
  return found;
}

function nameIn(status: Status, service = 'srv'): DiscoveryStatus {
  const [it] = serviceIn(status, service).discovery;
  assert.ok(it !== undefined);
  return it;
}

function statesIn(status: Status, service = 'srv'): Record<string, string | null> {
  return Object.fromEntries(serviceIn(status, service).backends.map(({ address, state }) => [address, state]));
}

const readyPids = ({ workers }: Status): number[] =>
  workers.filter(({ state }) => state === 'ready').map(({ pid }) => pid);

/** Each worker is somewhere in its round: checks that exactly these backends get clients. */
async function shared(t: Parameters<typeof nameServer>[0], port: number, ...by: readonly string[]): Promise<void> {
  assert.deepEqual(Object.keys(await served(t, port, 8)).toSorted(), by.toSorted());
}

/** Answers with an SRV record for each backend, all at `host.test`, which is 127.0.0.1. */
function leadTo(dns: NameServer, backends: readonly Pick<Backend, 'port'>[], more: Partial<NameRecord> = {}): void {
  dns.says(
    '_x._tcp.test',
    backends.map(({ port }) => ({ type: 'SRV', target: 'host.test', ...more, port }) as NameRecord),
  );
}

async function scene(t: Parameters<typeof nameServer>[0]): Promise<{ dns: NameServer; port: number }> {
  const dns = await nameServer(t);
  dns.says('host.test', [{ type: 'A', ip: '127.0.0.1' }]);
  return { dns, port: await freePort() };
}

function configOf(
  dns: NameServer,
  port: number,
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    workers: 2,
    dns_servers: [dns.address],
    runtime: QUICK,
    services: {
      srv: { port, bind_address: '127.0.0.1', backends: [{ host: '_x._tcp.test', discover: 'srv' }] },
      ...more,
    },
  };
}

async function change(bal: Bal, ...args: string[]): Promise<BackendVerdict> {
  const { code, stdout } = await bal.cli('backend', ...args, '--json');
  const verdict: BackendVerdict = JSON.parse(stdout);
  assert.equal(code, verdict.ok ? 0 : 1, stdout);
  return verdict;
}

forEachEngine(
  'SRV records say which backends there are; no worker is replaced, no session is cut',
  async (t, engine) => {
    const [a, b, c] = [await backend(t, who('a')), await backend(t, who('b')), await backend(t, who('c'))];
    const { dns, port } = await scene(t);
    dns.says('_x._tcp.test', [
      { type: 'SRV', target: 'host.test', port: a.port, priority: 10, weight: 60_000 },
      { type: 'SRV', target: 'HOST.test', port: b.port, priority: 20 },
    ]);
    const bal = await startBal(t, { engine, config: configOf(dns, port) });
    await bal.checked();
    const before = await bal.status();
    assert.deepEqual(
      serviceIn(before, 'srv').backends.map(({ address, weight, backup, discovered_from }) => [
        [address, weight, backup],
        discovered_from,
      ]),
      [
        [[a.address, 256, false], '_x._tcp.test'],
        [[b.address, 1, true], '_x._tcp.test'],
      ],
    );
    assert.deepEqual(await served(t, port, 8), { a: 8 }, 'b has a lower priority');
    const { client: early } = await greeted(t, port);

    // a leaves; c and a dead one join.
    const dead = await freePort();
    leadTo(dns, [b, c, { port: dead }]);
    await bal.statusWhen('the new backends are there', (status) => {
      const states = statesIn(status);
      return states[c.address] === 'up' && states[`127.0.0.1:${dead}`] === 'down';
    });
    const now = await bal.status();
    assert.deepEqual(statesIn(now)[a.address], 'draining');
    await shared(t, port, 'b', 'c');
    await goesOn(early, 'still here');
    const after = await bal.status();
    assert.deepEqual(readyPids(after), readyPids(before));
    assert.equal(after.generation, before.generation);

    // c is drained, leaves and comes back: the operator's change still holds.
    const drained = await change(bal, 'drain', c.address);
    assert.deepEqual([drained.ok, drained.live_changes.length], [true, 1]);
    assert.deepEqual(await served(t, port, 4), { b: 4 });
    const unsaved = await change(bal, 'weight', c.address, '7', '--save');
    assert.match(unsaved.problem?.what_happened ?? '', /not in the file, _x\._tcp\.test leads to it/);
    leadTo(dns, [b]);
    await bal.statusWhen('c is gone', (status) => statesIn(status)[c.address] === undefined);
    assert.equal((await change(bal, 'weight', c.address, '3')).ok, true, 'what is changed of it can be changed');
    leadTo(dns, [b, c]);
    await bal.statusWhen('c is back', (status) => statesIn(status)[c.address] === 'up');
    assert.deepEqual(await served(t, port, 4), { b: 4 });
    assert.equal((await change(bal, 'ready', c.address)).live_changes[0]?.text, 'weight 3, in the file 1');
    await shared(t, port, 'b', 'c');
    await change(bal, 'remove', c.address);
    assert.deepEqual(await served(t, port, 4), { b: 4 });
    assert.equal((await change(bal, 'add', c.address)).live_changes.length, 0);

    // A reload keeps what is known, with sessions to current backends of the name and to one that has left.
    const { client: late } = await greeted(t, port);
    const reloaded = await bal.graceful();
    assert.equal(reloaded.code, 0, JSON.stringify(reloaded.verdict));
    assert.deepEqual(reloaded.verdict.changed, []);
    await goesOn(early, 'after the reload');
    await goesOn(late, 'after the reload');
    assert.equal(statesIn(await bal.status())[a.address], 'draining');
    early.end();
    await early.over;
    await bal.statusWhen('a is forgotten', (status) => statesIn(status)[a.address] === undefined);
    await goesOn(late, 'last');

    dns.says('_x._tcp.test', 'SERVFAIL');
    await bal.statusWhen('the failure is told', (status) => nameIn(status).failure !== null);
    const findings = (await bal.cli('doctor')).stdout;
    assert.match(findings, /warn +name:srv\/_x\._tcp\.test .*2 backends, answered .* ago; it cannot be looked up/);
    assert.deepEqual(Object.keys(statesIn(await bal.status())).length, 2);
  },
);

forEitherEngine('what a name server does wrong changes nothing for clients', async (t, engine) => {
  const [a, b] = [await backend(t, who('a')), await backend(t, who('b'))];
  const { dns, port } = await scene(t);
  const elsewhere = await freePort();
  const byHash = await freePort();
  const fixed = { host: '127.0.0.1', port: b.port };
  const lies: readonly (Lie | readonly NameRecord[])[] = [
    'NXDOMAIN',
    'garbage',
    'other id',
    'other question',
    'cut off',
    'endless name',
    'silent',
    [],
    [{ type: 'SRV', target: '.', port: 1 }],
    [{ type: 'SRV', target: 'nowhere.test', port: 1 }],
  ];
  const lied = (i: number): string => `_lie${i}._tcp.test`;
  const ports = await Promise.all(lies.map(() => freePort()));
  leadTo(dns, [a]);
  for (const i of lies.keys()) dns.says(lied(i), [{ type: 'SRV', target: 'host.test', port: a.port }]);
  dns.says('all.test', [{ type: 'A', ip: '127.0.0.1', ttl: 86_400 }]);
  dns.says('empty.test', []);
  const config = configOf(dns, port, {
    all: {
      port: elsewhere,
      bind_address: '127.0.0.1',
      // A name next to a fixed backend of the file.
      backends: [{ host: 'all.test', port: a.port, discover: 'all' }, fixed],
      // A thousand backends get checked within a moment, then rarely.
      runtime: { dns_max_age_ms: 1000, health_check_interval_ms: 60_000 },
    },
    hash: {
      port: byHash,
      bind_address: '127.0.0.1',
      method: 'source_hash',
      backends: [{ host: 'empty.test', port: a.port, discover: 'all' }],
      runtime: { dns_max_age_ms: 1000 },
    },
    ...Object.fromEntries(
      ports.map((at, i) => [
        `lie${i}`,
        { port: at, bind_address: '127.0.0.1', backends: [{ host: lied(i), discover: 'srv' }] },
      ]),
    ),
  });
  const bal = await startBal(t, { engine, config });
  await bal.checked();
  assert.equal(nameIn(await bal.status(), 'hash').failure, 'ENODATA');
  assert.equal(nameIn(await bal.status(), 'hash').age_ms, null);
  const why: Why = JSON.parse((await bal.cli('why', '--json')).stdout);
  const hash = why.services.find(({ name }) => name === 'hash');
  assert.equal(hash?.verdict, 'degraded');
  assert.match(
    hash.problem?.what_happened ?? '',
    /empty\.test cannot be looked up \(ENODATA\): it leads to no backend/,
  );
  const { client: session } = await greeted(t, port);

  const before = lies.map((_, i) => dns.asked(lied(i)));
  lies.forEach((lie, i) => dns.says(lied(i), lie));
  dns.says('_x._tcp.test', 'SERVFAIL');
  await until('all have been lied to twice', () => lies.every((_, i) => dns.asked(lied(i)) >= (before[i] ?? 0) + 2));
  for (const at of ports) assert.deepEqual(await served(t, at, 1), { a: 1 });
  await goesOn(session, 'x');
  const failed = await bal.statusWhen('the failure is told', (status) => nameIn(status).failure !== null);
  assert.ok((nameIn(failed).age_ms ?? 0) > 1000, JSON.stringify(nameIn(failed)));
  assert.match((await bal.cli('status')).stdout, /_x\._tcp\.test \(srv\): 1 backend, answered .* cannot be looked up/);
  // A reload during the failure keeps what is known.
  assert.equal((await bal.graceful()).code, 0);
  assert.deepEqual(await served(t, port, 2), { a: 2 });
  await shared(t, elsewhere, 'a', 'b');

  // An unusable address, bal itself, and two backends.
  const own = { type: 'A', ip: '127.0.0.1' } as const;
  dns.says('zero.test', [{ type: 'A', ip: '0.0.0.0' }]);
  dns.says('_x._tcp.test', [
    ...[a, b].map(({ port: at }) => ({ type: 'SRV', target: 'host.test', port: at }) as const),
    { type: 'SRV', target: 'zero.test', port: a.port },
    { type: 'SRV', target: 'host.test', port },
  ]);
  dns.says('empty.test', [own]);
  const mixed = await bal.statusWhen('what can be used is used', (status) => nameIn(status).left_out === 2);
  assert.equal(nameIn(mixed).failure, null);
  assert.equal(nameIn(mixed).endpoints, 4);
  await bal.statusWhen('b is up', (status) => statesIn(status)[b.address] === 'up');
  await shared(t, port, 'a', 'b');
  await bal.statusWhen('the first answer has come', (status) => statesIn(status, 'hash')[a.address] === 'up');
  assert.deepEqual(await served(t, byHash, 2), { a: 2 });

  // Thousands of records arrive over TCP; bal uses only as many as its limit.
  const many = Array.from({ length: 3000 }, (_, i) => ({ type: 'A', ip: `127.9.${i >> 8}.${i & 255}` }) as const);
  dns.says('all.test', [own, ...many]);
  const crowd = await bal.statusWhen('there are too many', (status) => nameIn(status, 'all').left_out > 0);
  assert.ok(dns.overTcp > 0);
  // Removed backends are shown until they are gone for good.
  const inUse = crowd.services.flatMap(({ backends }) => backends.filter(({ state }) => state !== 'draining'));
  assert.equal(inUse.length, 1024);
  assert.equal(nameIn(crowd, 'all').endpoints, 3001);
  await shared(t, port, 'a', 'b');
  dns.says('all.test', [own]);
  await bal.statusWhen('they are gone', (status) => Object.keys(statesIn(status, 'all')).length === 2);
  await shared(t, elsewhere, 'a', 'b');
});

forEngine(
  'native',
  'a session to what a name led to outlives the primary, whatever the name says then',
  async (t, engine) => {
    const [a, b] = [await backend(t, who('a')), await backend(t, who('b'))];
    const { dns, port } = await scene(t);
    leadTo(dns, [a, b]);
    const config = configOf(dns, port);
    const bal = await startBal(t, { engine, daemon: true, config });
    await bal.checked();
    const sessions = new Map<string, Client>();
    while (sessions.size < 2) {
      const { client, by } = await greeted(t, port);
      sessions.set(by, client);
    }
    await bal.killPrimary();
    leadTo(dns, [b]);
    const again = await startBal(t, { engine, daemon: true, home: bal.home.dir, config });
    await again.checked();
    for (const client of sessions.values()) await goesOn(client, 'still here');
    assert.deepEqual(await served(t, port, 4), { b: 4 });
    await again.statusWhen('they have been taken over', (status) => serviceIn(status, 'srv').active_connections === 2);
    await again.statusWhen('a has left', (status) => statesIn(status)[a.address] === 'draining');

    // An upgrade keeps what is known, although the name server fails.
    dns.says('_x._tcp.test', 'SERVFAIL');
    dns.says('host.test', 'SERVFAIL');
    const upgraded = await again.cli('upgrade', '--json');
    assert.equal(upgraded.code, 0, upgraded.stdout);
    for (const client of sessions.values()) await goesOn(client, 'still here');
    assert.deepEqual(await served(t, port, 4), { b: 4 });
    await again.statusWhen('it is known there, too', (status) => statesIn(status)[a.address] === 'draining');
    assert.equal((await change(again, 'reset', a.address)).cut, 1);
    assert.equal((await again.stop()).code, 0);
  },
);
