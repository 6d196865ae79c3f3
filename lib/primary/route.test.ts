import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../config/load.ts';
import { endpointAt, serviceAt } from '../ipc/counters.ts';
import { toMachine } from '../machine-clock.ts';
import { processStandIn } from '../testing/process-stand-in.ts';
import type { Log, RootLog } from './log/log.ts';
import { createRegistry } from './registry.ts';
import type { Audience } from './route.ts';
import { createRoute } from './route.ts';
import { createStatistics } from './stats/statistics.ts';
import type { WorkerMessage } from './workers/worker-process.ts';

const { plan } = parseConfig('port: 9\nbackends: [{ host: 127.0.0.1, port: 1 }]\n', '/config.yaml');

/** All possible receivers, and what each received. */
function scene() {
  const received: unknown[][] = [];
  const deliver =
    (who: string) =>
    (...what: unknown[]): void =>
      void received.push([who, ...what]);
  const say = deliver('log');
  const log: Log = { debug: say, info: say, warn: say, error: say, for: () => log };
  const rootLog = { ...log, for: () => log, finished: deliver('finished') } as unknown as RootLog;
  const registry = createRegistry();
  const web = registry.service('default');
  const endpoint = registry.endpoint('default', '127.0.0.1:1');
  const statistics = createStatistics(registry);
  const audience: Audience = {
    generations: { planOf: (generation) => (generation === 1 ? (plan ?? undefined) : undefined) },
    registry,
    discovery: { askAgain: () => undefined },
    services: {
      connected: (counts) => counts.size > 0 && deliver('connected')([...counts]),
      used: deliver('used'),
      reached: deliver('reached'),
      connectFailed: deliver('failed'),
      earlyFailures: deliver('early'),
    },
    permits: { receive: deliver('permits'), leaving: deliver('leaving'), forget: deliver('permits forget') },
    statistics,
    publisher: {
      push: deliver('push'),
      changed: deliver('changed'),
      loadsChanged: deliver('loads'),
      retired: (_, endpoints) => endpoints.length > 0 && deliver('retired')(...endpoints),
      forget: deliver('publisher forgets'),
    },
    handovers: {
      receive: deliver('handovers'),
      ready: deliver('can take'),
      gone: deliver('handovers forget'),
      moved: () => undefined,
    },
    adopting: deliver('adopting'),
    forget: deliver('forget'),
    forgetBackends: deliver('forget backends'),
    resetDown: deliver('reset down'),
  };
  const route = createRoute(rootLog);
  const worker = processStandIn(1);
  const says = (message: WorkerMessage): void => route.emit({ kind: 'worker_message', worker, message });
  return { route, audience, worker, web, endpoint, statistics, says, take: () => received.splice(0) };
}

const NOTHING = {
  kind: 'counters',
  id: null,
  services: [],
  endpoints: [],
  short: {},
  rssBytes: 1,
  reached: [],
  retired: [],
} as const;

test('nobody hears anything before all are there', () => {
  const { route, says, take } = scene();
  route.emit({ kind: 'endpoints_changed' });
  says(NOTHING);
  assert.deepEqual(take(), []);
});

test('the life of a worker goes to those who keep books of it', () => {
  const { route, audience, worker, take } = scene();
  route.connect(audience);
  route.emit({ kind: 'worker_forked', worker });
  route.emit({ kind: 'worker_ready', worker });
  route.emit({ kind: 'worker_draining', worker });
  route.emit({ kind: 'worker_gone', worker });
  assert.deepEqual(take(), [
    ['push', worker],
    ['can take'],
    ['leaving', worker],
    ['permits forget', worker],
    ['publisher forgets', worker],
    ['handovers forget', worker],
    ['forget'],
  ]);
});

test('what backends and loads do goes to the publisher', () => {
  const { route, audience, worker, endpoint, says, take } = scene();
  route.connect(audience);
  route.emit({ kind: 'worker_forked', worker });
  route.emit({ kind: 'endpoints_changed' });
  says({ ...NOTHING, endpoints: [endpointAt(endpoint, 'active'), 1] });
  says({ ...NOTHING, retired: [endpoint] });
  const used = ['used', 'default', '127.0.0.1:1'];
  assert.deepEqual(take(), [['changed'], used, ['loads'], ['retired', endpoint], ['forget']]);
});

test('early failures go, by name, to health, and those of nobody nowhere', () => {
  const { route, audience, worker, endpoint, says, take } = scene();
  route.connect(audience);
  route.emit({ kind: 'worker_forked', worker });
  const began = toMachine(5);
  says({ kind: 'early_failures', endpoint, began });
  says({ kind: 'early_failures', endpoint: 77, began });
  const [received, ...more] = take();
  assert.deepEqual([received?.slice(0, 3), more], [['early', 'default', '127.0.0.1:1'], []]);
  assert.ok(Math.abs(Number(received?.[3]) - 5) < 0.01);
});

test('reports go to the totals and, by name, to health and protection', () => {
  const { route, audience, worker, web, endpoint, statistics, says, take } = scene();
  route.connect(audience);
  route.emit({ kind: 'worker_forked', worker });
  const began = toMachine(5);
  says({
    ...NOTHING,
    services: [serviceAt(web, 'accepted_total'), 2],
    endpoints: [endpointAt(endpoint, 'connections_total'), 2],
    reached: [endpoint, began, 77, began],
  });
  says({ kind: 'connect_failed', endpoint, cause: 'refused', count: 3, began });
  says({ kind: 'connect_failed', endpoint: 77, cause: 'refused', count: 3, began });
  assert.equal(statistics.totals.instance.clients[1], 2);
  const [connected, reached, failed, ...more] = take();
  assert.deepEqual(connected, ['connected', [['default', 2]]]);
  assert.deepEqual(reached?.slice(0, 3), ['reached', 'default', '127.0.0.1:1']);
  assert.deepEqual(failed?.slice(0, 5), ['failed', 'default', '127.0.0.1:1', 'refused', 3]);
  assert.deepEqual(more, [], "an id that is nobody's is passed over");
});

test('a draining worker whose connections end may be the last that used something', () => {
  const { route, audience, worker, endpoint, says, take } = scene();
  route.connect(audience);
  route.emit({ kind: 'worker_forked', worker });
  worker.state = 'draining';
  says({ ...NOTHING, endpoints: [endpointAt(endpoint, 'active'), 1] });
  const used = ['used', 'default', '127.0.0.1:1'];
  assert.deepEqual(take(), [used, ['loads'], ['push', worker], ['forget backends']]);
});

test('a worker of a generation that nobody knows is not listened to', () => {
  const { route, audience, worker, take } = scene();
  route.connect(audience);
  route.emit({
    kind: 'worker_message',
    worker: { ...worker, generation: 7 },
    message: { kind: 'records_dropped', count: 1 },
  });
  assert.deepEqual([take(), route.linesDropped], [[], 0]);
});

test('lines go to the log, permits to their book, and what was lost is counted', () => {
  const { route, audience, worker, says, take } = scene();
  route.connect(audience);
  const line = { level: 'warn', module: 'm', event: 'e', message: 'text', fields: {} } as const;
  says({ kind: 'log', lines: [line], dropped: 2 });
  says({ kind: 'records', lines: Buffer.from('x\n') });
  says({ kind: 'records_dropped', count: 3 });
  const ask = { kind: 'ask', pool: 0, wanted: 1 } as const;
  says(ask);
  assert.deepEqual(take(), [
    ['log', 'e', 'text', {}],
    ['finished', Buffer.from('x\n')],
    ['permits', worker, ask],
  ]);
  assert.equal(route.linesDropped, 5);
});

test('a worker that drains may be told more with each of its reports, one that serves is told by changes', () => {
  const { route, audience, worker, says, take } = scene();
  route.connect(audience);
  route.emit({ kind: 'worker_forked', worker });
  take();
  says(NOTHING);
  assert.deepEqual(take(), []);
  worker.state = 'draining';
  says(NOTHING);
  assert.deepEqual(take(), [['push', worker]]);
});
