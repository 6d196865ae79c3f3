import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { planDifference } from './diff.ts';
import { parseConfig } from './load.ts';
import { RUNTIME_FIELDS } from './names.ts';
import type { Plan } from './plan.ts';
import { ANY_MACHINE } from './machine.ts';

function planOf(text: string, path = '/c.yaml'): Plan {
  const { plan, errors } = parseConfig(text, path, ANY_MACHINE);
  assert.deepEqual(errors, []);
  assert.ok(plan !== null);
  return plan;
}

const BASE = 'backends: [{host: a, port: 1}]\n';

test('a plan does not differ from itself', () => {
  assert.deepEqual(planDifference(planOf(BASE), planOf(BASE)), { changed: [], unchangeable: [] });
});

test('a weight and a backup are told with their backend, what is as usual is not', () => {
  const next = 'backends: [{host: a, port: 1, weight: 3}, {host: b, port: 1, backup: true, send_proxy_protocol: v1}]\n';
  assert.deepEqual(planDifference(planOf(BASE), planOf(next)).changed, [
    { what: 'default.backends', from: 'a:1', to: 'a:1 weight 3, b:1 backup send_proxy_protocol v1' },
  ]);
});

test('every key that a file can change is told by its name', () => {
  for (const [line, what, from, to] of [
    ['log_level: warn', 'log_level', 'info', 'warn'],
    ['log_connections: all', 'log_connections', 'failed', 'all'],
    ['workers: 3', 'workers', '1', '3'],
    ['engine: js', 'engine', 'auto', 'js'],
    ['port: 1234', 'default.port', '9295', '1234'],
    ['bind_address: "::1"', 'default.bind_address', '0.0.0.0', '::1'],
    ['health_check: {type: none}', 'default.health_check.type', 'tcp', 'none'],
    ['method: least_connections', 'default.method', 'round_robin', 'least_connections'],
    ['send_proxy_protocol: v2', 'default.send_proxy_protocol', 'none', 'v2'],
    ['accept_proxy_protocol: {from: [::1, 10.0.0.0/8]}', 'default.accept_proxy_protocol.from', null, '::1, 10.0.0.0/8'],
    ['runtime: {tcp_backlog: 7}', 'default.runtime.tcp_backlog', '4096', '7'],
    ['runtime: {max_concurrent_connections: 7}', 'max_concurrent_connections', '4000', '7'],
  ] as const) {
    assert.deepEqual(planDifference(planOf(BASE), planOf(`${BASE}${line}\n`)).changed, [{ what, from, to }]);
  }
});

test('names and protocols are told, of many those that are new and gone', () => {
  const service = (its: string): Plan => planOf(`${BASE}services:\n  x: {port: 1${its}}\n`);
  const names = (count: number): string =>
    `, server_name: [${Array.from({ length: count }, (_, i) => `s${i}.test`).join()}]`;
  assert.deepEqual(planDifference(service(''), service(`${names(2)}, alpn: h2`)).changed, [
    { what: 'x.server_name', from: null, to: 's0.test s1.test' },
    { what: 'x.alpn', from: null, to: 'h2' },
  ]);
  assert.deepEqual(planDifference(service(names(5)), service(names(6))).changed, [
    { what: 'x.server_name', from: '5 names', to: '6 names (+s5.test)' },
  ]);
});

test('every field of a runtime block is compared', () => {
  const plan = planOf(BASE);
  const [service] = plan.services;
  assert.ok(service !== undefined);
  for (const [key, field] of Object.entries(RUNTIME_FIELDS)) {
    if (field === 'maxConnections' || field === 'overloadPolicy' || field === 'onBackendDown') continue; // an instance-wide limit; words
    const other = { ...plan, services: [{ ...service, runtime: { ...service.runtime, [field]: 12_345 } }] };
    const { changed } = planDifference(plan, other);
    assert.deepEqual(changed, [{ what: `default.runtime.${key}`, from: String(service.runtime[field]), to: '12345' }]);
  }
});

test('backends that come and go are one change, in their order', () => {
  const other = planOf('backends: [{host: b, port: 2}, {host: a, port: 1}]\n');
  assert.deepEqual(planDifference(planOf(BASE), other).changed, [
    { what: 'default.backends', from: 'a:1', to: 'b:2, a:1' },
  ]);
});

test('services are told apart by name', () => {
  const services = (names: string) => planOf(`${BASE}services: {${names}}\n`);
  assert.deepEqual(planDifference(services('x: {}'), services('y: {port: 80, bind_address: "::1"}')).changed, [
    { what: 'x', from: '0.0.0.0:9295 to a:1', to: null },
    { what: 'y', from: null, to: '[::1]:80 to a:1' },
  ]);
  const limited = services('x: {runtime: {max_concurrent_connections: 9}}');
  assert.deepEqual(planDifference(services('x: {}'), limited).changed, [
    { what: 'x.runtime.max_concurrent_connections', from: null, to: '9' },
  ]);
});

test('another file needs a restart', () => {
  assert.deepEqual(planDifference(planOf(BASE, '/a.yaml'), planOf(BASE, '/b.yaml')), {
    changed: [],
    unchangeable: [{ what: 'config_path', from: '/a.yaml', to: '/b.yaml' }],
  });
});

test('a difference read backwards has `from` and `to` exchanged', () => {
  const text = fc.record({ port: fc.integer({ min: 1, max: 65_535 }), workers: fc.integer({ min: 1, max: 256 }) });
  fc.assert(
    fc.property(text, text, (a, b) => {
      const [from, to] = [a, b].map(({ port, workers }) => planOf(`${BASE}port: ${port}\nworkers: ${workers}\n`));
      assert.ok(from !== undefined && to !== undefined);
      const back = planDifference(to, from).changed.map((change) => ({ ...change, from: change.to, to: change.from }));
      assert.deepEqual(planDifference(from, to).changed, back);
    }),
    { numRuns: 30 },
  );
});

test('a plan of an older version has no Unix sockets', () => {
  const plan = planOf(BASE);
  const older = { ...plan, services: plan.services.map((its) => Object.assign({ ...its }, { bindUnix: undefined })) };
  assert.deepEqual(planDifference(older, plan), { changed: [], unchangeable: [] });
  assert.deepEqual(planDifference(older, { ...plan, services: [] }).changed, [
    { what: 'default', from: '0.0.0.0:9295 to a:1', to: null },
  ]);
});
