// When names are queried, and what becomes of the answers. The timers are node:test's mocks.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { parseConfig } from '../../../../config/load.ts';
import type { Plan } from '../../../../config/plan.ts';
import type { Log } from '../../log/log.ts';
import { createDiscovery, type Discovery } from './discovery.ts';
import type { Dns } from './dns.ts';
import type { ServiceAnswer } from './query/queries.ts';
import { createResolver } from './resolver.ts';

function planOf(...backends: readonly Readonly<Record<string, unknown>>[]): Plan {
  const runtime = { dns_max_age_ms: 5000 };
  const services = { a: { port: 1, backends, runtime }, b: { port: 2, backends, runtime } };
  const { plan, errors } = parseConfig(JSON.stringify({ services }), 'config.yaml');
  assert.deepEqual(errors, []);
  assert.ok(plan !== null);
  return plan;
}

const WEB = { host: 'web.test', port: 80, discover: 'all' };
const SRV = { host: '_x._tcp.test', discover: 'srv' };

interface Scene {
  readonly discovery: Discovery;
  /** What the name servers answer, or an error's code. */
  says: { ips: readonly string[] | string; ttl: number; records: ServiceAnswer | string };
  readonly asked: string[];
  readonly events: string[];
  changes: number;
  readonly dns: Dns;
  /** The name servers that the next plan names. */
  others(): Dns;
  pass(ms: number): Promise<void>;
}

const recordAt = (port: number) => ({ name: 'host.test', port, priority: 1, weight: 1 });

async function settle(): Promise<void> {
  for (let i = 0; i < 30; i++) await Promise.resolve();
}

function scene(t: TestContext): Scene {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let time = 0;
  const now = (): number => time;
  const events: string[] = [];
  const say = (event: string): void => void events.push(event);
  const log: Log = { debug: say, info: say, warn: say, error: say, for: () => log };
  const it: Omit<Scene, 'discovery' | 'dns'> = {
    says: { ips: ['10.1.1.1'], ttl: 3, records: 'ENODATA' },
    asked: [],
    events,
    changes: 0,
    others: () => dns,
    async pass(ms) {
      for (let left = ms; left > 0; left -= 10) {
        time += 10;
        t.mock.timers.tick(10);
        await settle();
      }
    },
  };
  const failing = (code: string): Promise<never> => Promise.reject(Object.assign(new Error(code), { code }));
  const dns: Dns = {
    lookup(name) {
      it.asked.push(name);
      return typeof it.says.ips === 'string' ? failing(it.says.ips) : Promise.resolve(it.says.ips);
    },
    ttlSeconds: () => Promise.resolve(it.says.ttl),
    services(name) {
      it.asked.push(name);
      return typeof it.says.records === 'string' ? failing(it.says.records) : Promise.resolve(it.says.records);
    },
    atOnce: 2,
    close: () => undefined,
  };
  const resolver = createResolver(dns, now);
  const parts = { ...resolver, use: (): void => resolver.use(whole.others()) };
  const discovery = createDiscovery({ log, resolver: parts, changed: () => void whole.changes++, now });
  const whole = Object.assign(it, { discovery, dns });
  t.after(() => {
    discovery.close();
    resolver.close();
  });
  return whole;
}

test('a name of several services is asked for once, when its time is over and not before', async (t) => {
  const it = scene(t);
  it.discovery.follow(planOf(WEB));
  await it.pass(2900);
  assert.deepEqual([it.asked, it.changes], [['web.test'], 1]);
  await it.pass(200);
  assert.deepEqual([it.asked.length, it.changes], [2, 1], 'the same answer is no change');
  it.says.ttl = 86_400;
  await it.pass(3100);
  assert.equal(it.asked.length, 3);
  await it.pass(4700);
  assert.equal(it.asked.length, 3);
  await it.pass(300);
  assert.equal(it.asked.length, 4, 'dns_max_age_ms');
  it.says.ttl = 0;
  await it.pass(5100);
  const before = it.asked.length;
  await it.pass(5000);
  assert.ok(it.asked.length - before >= 4 && it.asked.length - before <= 5, 'at most once a second');
});

test('a doubt has it asked for at once, and not more than once a second', async (t) => {
  const it = scene(t);
  it.discovery.follow(planOf(WEB));
  await it.pass(2000);
  for (let i = 0; i < 20; i++) {
    it.discovery.askAgain('web.test');
    it.discovery.askAgain('other.test');
  }
  await it.pass(50);
  assert.equal(it.asked.length, 2);
  for (let i = 0; i < 20; i++) it.discovery.askAgain('web.test');
  await it.pass(900);
  assert.equal(it.asked.length, 2);
  await it.pass(200);
  assert.equal(it.asked.length, 3);
});

test('a doubt counts also while a name server does not tell the lifetime', async (t) => {
  const it = scene(t);
  const waiting: ((seconds: number) => void)[] = [];
  it.dns.ttlSeconds = () => new Promise((resolve) => waiting.push(resolve));
  it.discovery.follow(planOf(WEB));
  await it.pass(1500);
  assert.equal(it.asked.length, 1);
  it.discovery.askAgain('web.test');
  await it.pass(50);
  assert.equal(it.asked.length, 2);
  waiting.pop()?.(3);
  await it.pass(2900);
  assert.equal(it.asked.length, 2, 'there is one plan to ask again');
  await it.pass(200);
  assert.equal(it.asked.length, 3);
});

test('an answer of name servers that are none any more is not taken', async (t) => {
  const it = scene(t);
  const answers: ((answer: ServiceAnswer) => void)[] = [];
  it.dns.services = () => new Promise((resolve) => answers.push(resolve));
  const plan = planOf(SRV);
  it.discovery.follow(plan);
  await it.pass(100);
  assert.equal(answers.length, 1);
  it.others = () => ({ ...it.dns, services: () => Promise.resolve({ records: [recordAt(2)], ttlMs: Infinity }) });
  it.discovery.follow({ ...plan, dnsServers: ['10.0.0.1'] });
  answers[0]?.({ records: [recordAt(1)], ttlMs: Infinity });
  await it.pass(100);
  const [a] = it.discovery.expand(plan, 0).services;
  assert.deepEqual([a?.backends.map(({ port }) => port), it.changes], [[2], 1]);
});

test('the last good answer is kept while there is none, and its age told', async (t) => {
  const it = scene(t);
  const plan = planOf(WEB);
  it.discovery.follow(plan);
  await it.discovery.asked();
  it.says.ips = 'ESERVFAIL';
  await it.pass(10_000);
  const [a] = plan.services;
  assert.ok(a !== undefined);
  const [reported] = it.discovery.statusOf(a);
  assert.equal(reported?.failure, 'ESERVFAIL');
  assert.ok((reported?.age_ms ?? 0) >= 9900, String(reported?.age_ms));
  assert.equal(it.discovery.expand(plan, 0).services[0]?.backends.length, 1);
  assert.deepEqual(it.events, ['discovery.changed', 'discovery.failed']);
  it.says.ips = ['10.1.1.2'];
  await it.pass(2000);
  assert.deepEqual(it.events.slice(2), ['discovery.recovered', 'discovery.changed']);
  assert.equal(it.discovery.statusOf(a)[0]?.failure, null);
});

test('a plan that is not taken does not cost what the other one knows', async (t) => {
  const it = scene(t);
  const [old, next] = [planOf(WEB), planOf({ ...WEB, host: 'next.test' })];
  it.discovery.follow(old);
  await it.discovery.asked();
  it.says.ips = 'ETIMEOUT';
  it.discovery.follow(next, old);
  await it.discovery.asked();
  it.discovery.follow(old);
  assert.equal(it.discovery.expand(old, 0).services[0]?.backends.length, 1);
  assert.deepEqual(
    it.discovery.known().map(({ key }) => key),
    ['all web.test'],
  );
  it.discovery.follow(next);
  assert.deepEqual(it.discovery.known(), []);
});

test('who takes the place of another process goes on with what that one knew', async (t) => {
  const it = scene(t);
  it.discovery.follow(planOf(WEB, SRV));
  await it.discovery.asked();
  const known: unknown = JSON.parse(JSON.stringify(it.discovery.known()));
  it.discovery.follow(planOf({ ...WEB, host: 'other.test' }));
  it.says.ips = 'ETIMEOUT';
  it.discovery.inherit(known);
  it.discovery.follow(planOf(WEB));
  assert.equal(it.discovery.expand(planOf(WEB), 0).services[0]?.backends.length, 1);
});

test('the same answer is no change for who takes the place of another process', async (t) => {
  const it = scene(t);
  it.says.records = { records: [recordAt(1), { ...recordAt(2), priority: 2 }], ttlMs: 2000 };
  it.discovery.follow(planOf(WEB, SRV));
  await it.discovery.asked();
  const known: unknown = JSON.parse(JSON.stringify(it.discovery.known()));
  it.discovery.follow(planOf({ ...WEB, host: 'other.test' }));
  await it.pass(100);
  it.events.length = 0;
  const before = it.changes;
  it.discovery.inherit(known);
  it.discovery.follow(planOf(WEB, SRV));
  await it.pass(3000);
  assert.deepEqual([it.events, it.changes], [[], before]);
});

test('SRV records live as long as they say, and no longer than what they lead to', async (t) => {
  const it = scene(t);
  it.says.records = { records: [{ name: 'web.test', port: 1, priority: 1, weight: 1 }], ttlMs: 2000 };
  it.discovery.follow(planOf(SRV));
  await it.pass(2100);
  assert.deepEqual(it.asked, ['_x._tcp.test', 'web.test', '_x._tcp.test']);
  it.says.records = { ...it.says.records, ttlMs: Infinity };
  await it.pass(1000);
  const before = it.asked.filter((name) => name.startsWith('_')).length;
  await it.pass(6000);
  const after = it.asked.filter((name) => name.startsWith('_')).length;
  assert.ok(after - before >= 1 && after - before <= 3, `${after - before}`);
});

test('addresses that come along with SRV records prolong what is known if they are the same, and never replace it', async (t) => {
  const it = scene(t);
  const along = (...ips: string[]): ServiceAnswer => ({
    records: [{ ...recordAt(1), name: 'HOST.test' }],
    ttlMs: 1000,
    along: new Map([['host.test', { ips, ttlSeconds: 1 }]]),
  });
  const lookups = async (ms: number): Promise<number> => {
    const before = it.asked.length;
    await it.pass(ms);
    const now = it.asked.slice(before);
    assert.ok(
      now.filter((name) => name.startsWith('_')).length >= ms / 1100 - 1,
      'SRV records are asked for each second',
    );
    return now.filter((name) => name === 'HOST.test').length;
  };
  const backends = (): string[] | undefined =>
    it.discovery.expand(planOf(SRV), 0).services[0]?.backends.map(({ host }) => host);
  it.says = { ips: ['10.1.1.1', 'fd00::1'], ttl: 1, records: along('fd00::1', '10.1.1.1') };
  it.discovery.follow(planOf(SRV));
  assert.equal(await lookups(9900), 1, 'not by the name itself');
  assert.equal(await lookups(2000), 1, 'for there may be more than comes along');
  it.says.ips = ['10.1.1.1', 'fd00::1', '10.1.1.2'];
  assert.ok((await lookups(10_500)) >= 1);
  assert.deepEqual(backends(), ['10.1.1.1', '10.1.1.2', 'fd00::1']);
  assert.ok((await lookups(5000)) >= 4, 'only some come along');
  it.says = { ...it.says, ips: ['10.1.1.1'], records: along('10.1.1.1') };
  await it.pass(2200);
  assert.equal(await lookups(3000), 0);
  it.says.records = along('10.6.6.6');
  assert.ok((await lookups(3000)) >= 2);
  assert.deepEqual(backends(), ['10.1.1.1'], 'what nobody was asked for counts not');
  it.says.ips = ['10.6.6.6'];
  await it.pass(1100);
  assert.deepEqual(backends(), ['10.6.6.6']);
});

test('addresses that come along do not hide that a name fails', async (t) => {
  const it = scene(t);
  const records: ServiceAnswer = {
    records: [recordAt(1)],
    ttlMs: 1000,
    along: new Map([['host.test', { ips: ['10.1.1.1'], ttlSeconds: 1 }]]),
  };
  it.says = { ips: 'ENOTFOUND', ttl: 1, records };
  it.discovery.follow(planOf(SRV));
  await it.pass(3500);
  assert.deepEqual(it.events, ['discovery.failed']);
  it.says.ips = ['10.1.1.1'];
  await it.pass(1100);
  assert.deepEqual(it.events, ['discovery.failed', 'discovery.recovered', 'discovery.changed']);
});
