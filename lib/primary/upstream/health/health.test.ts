import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { ServicePlan } from '../../../../config/plan.ts';
import { runtimeWith } from '../../../testing/assignments.ts';
import { createHealthChecks } from './health.ts';
import type { Resolver } from '../discovery/resolver.ts';

const RUNTIME = runtimeWith({ healthIntervalMs: 20_000, healthUpIntervalMs: 20_000, healthTimeoutMs: 20_000 });

function service(name: string, ...ports: number[]): ServicePlan {
  return {
    name,
    bindAddress: '127.0.0.1',
    port: 1,
    bindUnix: null,
    method: 'round_robin',
    sendProxy: 'none',
    proxiesFrom: [],
    serverNames: [],
    protocols: [],
    discovers: false,
    access: null,
    backends: ports.map((port) => ({
      host: '127.0.0.1',
      port,
      address: `127.0.0.1:${port}`,
      weight: 1,
      backup: false,
      rank: 0,
      maxConnections: 0,
      sendProxy: null,
      sources: [],
      discover: 'address' as const,
      discoveredFrom: null,
      hostname: null,
    })),
    runtime: RUNTIME,
    healthCheck: { type: 'tcp', port: null },
    ownLimit: null,
  };
}

/** Checks whose connects all end in `code`; returns what was connected to and reported, in order. */
function setUp(t: TestContext, code: string) {
  const connected: number[] = [];
  const received: string[] = [];
  const short: string[] = [];
  let closed = 0;
  let wake: (() => void) | undefined;
  const resolve = (host: string) => Promise.resolve({ ok: true, ips: [host], ageMs: 0 } as const);
  const resolver: Resolver = {
    resolve,
    fresh: resolve,
    services: () => Promise.resolve({ records: [], ttlMs: Infinity }),
    known: () => null,
    use: () => undefined,
    lifeLeft: () => Promise.resolve(Infinity),
    close: () => closed++,
  };
  const checks = createHealthChecks(
    (name, address, result) => {
      if (result.kind === 'resolved') return;
      received.push(`${name} ${address} ${result.kind === 'failed' ? result.cause : 'passed'}`);
      wake?.();
    },
    {
      resolver,
      standing: () => 'not_up',
      isGuarded: () => false,
      connect({ port }) {
        connected.push(port);
        const socket = new Socket();
        process.nextTick(() => socket.destroy(Object.assign(new Error(code), { code })));
        return socket;
      },
      onShortage(name, address) {
        short.push(`${name} ${address}`);
        wake?.();
      },
    },
  );
  t.after(() => checks.close());
  async function until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise<void>((resolve) => (wake = resolve));
  }
  return { checks, connected, received, short, until, closed: () => closed };
}

test('every backend of every service is checked, and results name them', async (t) => {
  const { checks, received, until } = setUp(t, 'ECONNREFUSED');
  checks.apply({ services: [service('web', 1, 2), service('db', 1)], engine: 'auto' });
  await until(() => received.length === 3);
  assert.deepEqual(received.sort(), ['db 127.0.0.1:1 refused', 'web 127.0.0.1:1 refused', 'web 127.0.0.1:2 refused']);
});

test('after a reload only new backends are checked at once, and removed ones no more', async (t) => {
  const { checks, connected, received, until } = setUp(t, 'ECONNREFUSED');
  checks.apply({ services: [service('web', 1, 2)], engine: 'auto' });
  await until(() => received.length === 2);
  checks.apply({ services: [service('web', 2, 3)], engine: 'auto' });
  await until(() => received.length === 3);
  checks.checkNow('web', '127.0.0.1:1');
  checks.checkNow('gone', '127.0.0.1:1');
  checks.checkNow('web', '127.0.0.1:2');
  await until(() => received.length === 4);
  assert.deepEqual(connected, [1, 2, 3, 2]);
});

test('our own shortage is told apart from results', async (t) => {
  const { checks, received, short, until } = setUp(t, 'EMFILE');
  checks.apply({ services: [service('web', 1)], engine: 'auto' });
  await until(() => short.length === 1);
  assert.deepEqual([short, received], [['web 127.0.0.1:1'], []]);
});

test('nothing is heard after close(), and the resolver is closed too', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { checks, connected, received, closed } = setUp(t, 'ECONNREFUSED');
  checks.apply({ services: [service('web', 1)], engine: 'auto' });
  checks.close();
  t.mock.timers.tick(60_000);
  assert.deepEqual([connected, received], [[], []]);
  assert.equal(closed(), 1);
});
