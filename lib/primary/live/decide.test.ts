import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../config/load.ts';
import { ANY_MACHINE } from '../../../config/machine.ts';
import type { BackendPlan, Plan } from '../../../config/plan.ts';
import { plainBackend } from '../../../config/plan.ts';
import type { BackendRequest } from '../../control/backends.ts';
import { backendRequest } from '../../control/backends.ts';
import type { Situation } from './decide.ts';
import { decide } from './decide.ts';
import type { Overrides } from './overrides.ts';
import { MAX_OVERRIDES, settle } from './overrides.ts';

function planOf(text: string): Plan {
  const { plan, errors } = parseConfig(text, '/c.yaml');
  assert.ok(plan !== null, JSON.stringify(errors));
  return plan;
}

const ONE = planOf('port: 9295\nbackends:\n  - {host: a, port: 1}\n  - {host: b, port: 2, weight: 3}\n');
const TWO = planOf(
  'services:\n  web: {port: 80, backends: [{host: a, port: 1}]}\n  db: {port: 81, backends: [{host: a, port: 1}, {host: c, port: 3}]}\n',
);

function situation(file: Plan, its: Partial<Situation> = {}): Situation {
  return { file, overrides: [], leaving: [], machine: ANY_MACHINE, isReachable: () => true, now: 5000, ...its };
}

function asking(action: BackendRequest['action'], address: string, its: Partial<BackendRequest> = {}): BackendRequest {
  return { action, address, service: null, weight: null, timeout_ms: null, save: false, ...its };
}

/** The overrides after these requests, which come 1000 ms apart. */
function after(file: Plan, ...requests: BackendRequest[]): Overrides {
  let overrides: Overrides = [];
  for (const [i, request] of requests.entries()) {
    const decision = decide(request, situation(file, { overrides, now: (i + 1) * 1000 }));
    assert.ok(decision.ok, JSON.stringify(decision));
    overrides = decision.overrides;
  }
  return overrides;
}

function refusal(file: Plan, request: BackendRequest, its: Partial<Situation> = {}): string {
  const decision = decide(request, situation(file, its));
  assert.ok(!decision.ok, JSON.stringify(decision));
  const { what_happened, do_this_now } = decision.problem;
  return `${what_happened}; ${do_this_now}`;
}

test('drain and ready, and a second drain is about its time only', () => {
  const drained = after(ONE, asking('drain', 'a:1'));
  assert.deepEqual(drained[0]?.drained, { since: 1000, cutAt: null });
  const timed = after(ONE, asking('drain', 'a:1'), asking('drain', 'a:1', { timeout_ms: 500 }));
  assert.deepEqual(timed[0]?.drained, { since: 1000, cutAt: 2500 });
  assert.deepEqual(after(ONE, asking('drain', 'a:1'), asking('ready', 'a:1')), []);
});

test('what is so already changes nothing, and keeps its time', () => {
  for (const request of [asking('drain', 'a:1'), asking('weight', 'a:1', { weight: 4 })]) {
    const overrides = after(ONE, request);
    const again = decide(request, situation(ONE, { overrides }));
    assert.ok(again.ok && !again.changed);
    assert.deepEqual(again.overrides, overrides);
  }
  const idle = decide(asking('ready', 'a:1'), situation(ONE));
  assert.ok(idle.ok && !idle.changed);
});

test('ready says when it helps nobody', () => {
  const idle = planOf('backends:\n  - {host: a, port: 1, weight: 0}\n  - {host: b, port: 2}\n');
  const decision = decide(asking('ready', 'a:1'), situation(idle));
  assert.ok(decision.ok);
  assert.match(decision.warnings[0] ?? '', /its weight is 0: 'bal backend weight a:1 N' gives it one/);
});

test('a weight as in the file is no override', () => {
  assert.deepEqual(after(ONE, asking('weight', 'b:2', { weight: 9 }))[0]?.weight, { value: 9, since: 1000 });
  assert.deepEqual(after(ONE, asking('weight', 'b:2', { weight: 9 }), asking('weight', 'b:2', { weight: 3 })), []);
});

test('what was added and is removed leaves no trace, and what was removed comes back as it was', () => {
  const [added] = after(ONE, asking('add', '[::7]:7'));
  assert.deepEqual(added?.presence, { kind: 'added', host: '::7', port: 7, since: 1000 });
  assert.deepEqual(
    after(ONE, asking('add', 'c:3'), asking('weight', 'c:3', { weight: 2 }), asking('remove', 'c:3')),
    [],
  );
  const removed = after(ONE, asking('drain', 'a:1'), asking('remove', 'a:1'));
  assert.deepEqual([removed[0]?.drained, removed[0]?.presence], [null, { kind: 'removed', since: 2000 }]);
  assert.deepEqual(after(ONE, asking('remove', 'a:1'), asking('add', 'a:1')), []);
});

test('a backend is found by its address, by its service where several have it', () => {
  assert.equal(after(TWO, asking('drain', 'c:3'))[0]?.service, 'db');
  assert.equal(after(TWO, asking('drain', 'a:1', { service: 'web' }))[0]?.service, 'web');
  assert.match(refusal(TWO, asking('drain', 'a:1')), /backend of 2 services: web, db; say which one with --service/);
  assert.match(refusal(TWO, asking('drain', 'c:3', { service: 'web' })), /service web has no backend c:3/);
  assert.match(refusal(TWO, asking('drain', 'c:3', { service: 'dbb' })), /no service dbb; did you mean db\?/);
});

test('what is not there is refused, with the nearest that is', () => {
  const file = planOf('backends:\n  - {host: 10.0.0.7, port: 5432}\n');
  assert.match(
    refusal(file, asking('ready', '10.0.0.7:5433')),
    /no service has a backend 10.0.0.7:5433; did you mean 10.0.0.7:5432\?/,
  );
  assert.match(refusal(file, asking('drain', 'x')), /name one of: 10.0.0.7:5432/);
});

test('of one that has left only a reset is to be had', () => {
  const leaving = [{ service: 'default', address: 'old:1' }];
  assert.match(refusal(ONE, asking('drain', 'old:1'), { leaving }), /has left the configuration/);
  const reset = decide(asking('reset', 'old:1'), situation(ONE, { leaving }));
  assert.ok(reset.ok && !reset.changed && reset.address === 'old:1');
});

test('additions that cannot be are refused', () => {
  assert.match(refusal(ONE, asking('add', 'nonsense')), /no address of a backend: host and port, or the path/);
  assert.match(refusal(ONE, asking('add', 'a:99999')), /host and port, or the path of a Unix socket/);
  assert.match(refusal(ONE, asking('add', '0.0.0.0:1')), /no address of a backend/);
  assert.match(refusal(ONE, asking('add', 'A.:1')), /has a:1 already/);
  assert.match(refusal(TWO, asking('add', 'x:1')), /there are 2 services; name one with --service: web, db/);
  assert.match(refusal(ONE, asking('add', '127.0.0.1:9295')), /a loop: 127.0.0.1:9295 is where bal itself listens/);
  const chain = planOf(
    'services:\n  web: {port: 80, backends: [{host: 127.0.0.1, port: 81}]}\n  db: {port: 81, backends: [{host: c, port: 3}]}\n',
  );
  assert.match(refusal(chain, asking('add', '127.0.0.1:80', { service: 'db' })), /a loop: db -> web -> db/);
  const backends = Array.from({ length: 1024 }, (_, i) => `{host: h${i}, port: 1}`).join(', ');
  assert.match(refusal(planOf(`backends: [${backends}]`), asking('add', 'x:1')), /1024 backends, which is the maximum/);
});

test('a weight out of bounds is refused', () => {
  for (const weight of [-1, 257, 1e9])
    assert.match(refusal(ONE, asking('weight', 'a:1', { weight })), /not possible; choose one from 0/);
});

test('taking the last usable backend is done, and said', () => {
  const warned = (request: BackendRequest, its: Partial<Situation> = {}): readonly string[] => {
    const decision = decide(request, situation(ONE, its));
    assert.ok(decision.ok);
    return decision.warnings;
  };
  assert.deepEqual(warned(asking('drain', 'a:1')), []);
  const overrides = after(ONE, asking('drain', 'a:1'));
  for (const request of [asking('drain', 'b:2'), asking('remove', 'b:2'), asking('weight', 'b:2', { weight: 0 })]) {
    assert.match(warned(request, { overrides })[0] ?? '', /no other backend that takes clients: new ones are refused/);
  }
  const onlyB = { isReachable: (_: string, address: string) => address === 'b:2' };
  assert.deepEqual(warned(asking('drain', 'b:2'), onlyB), ['no other backend of service default is up']);
  assert.deepEqual(warned(asking('drain', 'a:1'), onlyB), []);
});

test('a request is read strictly', () => {
  const good = { action: 'drain', address: 'a:1' };
  assert.deepEqual(backendRequest(good), asking('drain', 'a:1'));
  assert.deepEqual(backendRequest({ ...good, timeout_ms: 5 })?.timeout_ms, 5);
  for (const bad of [
    null,
    [],
    'drain',
    {},
    { ...good, action: 'explode' },
    { ...good, address: 7 },
    { ...good, service: 7 },
    { ...good, sevrice: 'web' },
    { ...good, save: 'yes' },
    { ...good, action: 'reset', save: true },
    { ...good, timeout_ms: 5, save: true },
    { ...good, weight: 3 },
    { ...good, timeout_ms: -1 },
    ...['x', '500', '', [5], true, false, {}, 1.5].map((timeout_ms) => ({ ...good, timeout_ms })),
    { ...good, timeout_ms: 1e12 },
    { ...good, action: 'ready', timeout_ms: 5 },
    { ...good, action: 'weight' },
    { ...good, action: 'weight', weight: 1.5 },
    { ...good, action: 'weight', weight: '1' },
  ]) {
    assert.equal(backendRequest(bad), null, JSON.stringify(bad));
  }
});

test('when names have led to too many changed backends, the oldest that is gone is forgotten', () => {
  const [service] = planOf('port: 9295\nbackends:\n  - {host: web.test, port: 80, discover: all}\n').services;
  assert.ok(service !== undefined);
  const leadsTo = (n: number): Plan => {
    const [host, address] = [`10.0.${n >> 8}.${n & 255}`, `10.0.${n >> 8}.${n & 255}:80`];
    const found = { ...plainBackend(host, 80), address, discoveredFrom: 'web.test' };
    const stays = { ...plainBackend('10.9.9.9', 80), discoveredFrom: 'web.test' };
    return { ...ONE, services: [{ ...service, backends: [stays, found] }] };
  };
  let overrides = after(leadsTo(0), asking('drain', '10.9.9.9:80'));
  for (let n = 0; n < MAX_OVERRIDES + 2; n++) {
    const address = `10.0.${n >> 8}.${n & 255}:80`;
    const decision = decide(asking('drain', address), situation(leadsTo(n), { overrides, now: 5000 + n }));
    assert.ok(decision.ok);
    const forgotten = decision.forgotten.map((it) => it.address);
    assert.deepEqual(forgotten, n < MAX_OVERRIDES - 1 ? [] : [`10.0.0.${n - MAX_OVERRIDES + 1}:80`]);
    ({ overrides } = decision);
  }
  assert.equal(overrides.length, MAX_OVERRIDES);
  assert.equal(overrides[0]?.address, '10.9.9.9:80', 'it is the oldest, and there');
  assert.deepEqual(settle(leadsTo(0), overrides, ANY_MACHINE).dropped, []);
});

test('what was found by a name is changed by its address, also while it is gone, and not saved', () => {
  const named = planOf(
    'port: 9295\nbackends:\n  - {host: web.test, port: 80, discover: all}\n  - {host: b, port: 2}\n',
  );
  const [service] = named.services;
  const [entry, other] = service?.backends ?? [];
  assert.ok(service !== undefined && entry !== undefined && other !== undefined);
  const found = {
    ...entry,
    host: '10.0.0.1',
    address: '10.0.0.1:80',
    discover: 'address' as const,
    discoveredFrom: 'web.test',
  };
  const withAddresses = (...backends: BackendPlan[]): Plan => ({ ...named, services: [{ ...service, backends }] });
  const here = withAddresses(found, other);
  const gone = withAddresses(other);

  const overrides = after(here, asking('drain', '10.0.0.1:80'));
  const back = decide(asking('ready', '10.0.0.1:80'), situation(gone, { overrides }));
  assert.deepEqual([back.ok, back.ok && back.overrides], [true, []]);
  assert.match(refusal(gone, asking('ready', '10.0.0.2:80'), { overrides }), /no service has a backend 10\.0\.0\.2:80/);

  const leaving = [{ service: 'default', address: '10.0.0.1:80' }];
  const reset = decide(asking('reset', '10.0.0.1:80'), situation(gone, { overrides, leaving }));
  assert.deepEqual([reset.ok, reset.ok && reset.changed], [true, false], 'it still has connections');

  const save = { save: true, weight: 3 };
  assert.match(
    refusal(here, asking('weight', '10.0.0.1:80', save)),
    /10\.0\.0\.1:80 is not in the file, web\.test leads to it/,
  );
  assert.match(
    refusal(gone, asking('weight', '10.0.0.1:80', save), { overrides }),
    /10\.0\.0\.1:80 is not in the file;/,
  );
  assert.ok(decide(asking('weight', 'b:2', save), situation(here)).ok);
  assert.ok(decide(asking('add', '10.0.0.9:80', { save: true }), situation(here)).ok);
  const added = after(here, asking('add', '10.0.0.9:80'));
  assert.ok(decide(asking('weight', '10.0.0.9:80', save), situation(here, { overrides: added })).ok);
  assert.ok(decide(asking('remove', '10.0.0.9:80', { save: true }), situation(here, { overrides: added })).ok);
});
