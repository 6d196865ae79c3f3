import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../config/load.ts';
import { isPlan } from './plan.ts';

const TEXT = `
admin: 127.0.0.1:9296
admin_hosts: [bal.test]
dns_servers: [10.0.0.2]
services:
  web:
    port: 80
    bind_unix: /run/web.sock
    server_name: a.test
    alpn: h2
    accept_proxy_protocol: {from: [10.0.0.0/8]}
    access: {allow: [10.0.0.0/8], deny: [10.0.0.1]}
    backends: [{host: a, port: 1, source: 10.0.0.3, send_proxy_protocol: v2, max_connections: 5}, {host: b, port: 2}]
    health_check: {type: http, path: /, tls: true, expect_status: [200-299]}
  db:
    port: 81
    backends: ["c:1"]
    health_check: {type: expect, send: "x", expect: "y"}
  tcp:
    port: 82
    backends: ["c:1"]
  off:
    port: 83
    backends: ["c:1"]
    health_check: {type: none}
`;

/** As it arrives over the socket. */
function answer(): unknown {
  const { plan, errors } = parseConfig(TEXT, '/c.yaml');
  assert.deepEqual(errors, []);
  return JSON.parse(JSON.stringify(plan));
}

/** The places of all fields in the value. */
function fieldsIn(value: unknown, at: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    ...(Array.isArray(value) ? [] : [[...at, key]]),
    ...fieldsIn(inner, [...at, key]),
  ]);
}

/** The answer with this field changed, or without it. */
function changed(path: readonly string[], ...change: readonly unknown[]): unknown {
  const body = answer();
  let owner = Object(body);
  for (const key of path.slice(0, -1)) owner = owner[key];
  const last = path.at(-1) ?? '';
  if (change.length === 0) delete owner[last];
  else owner[last] = change[0];
  return body;
}

test('isPlan() takes a plan of this version, with fields of a later one', () => {
  assert.equal(isPlan(answer()), true);
  assert.equal(isPlan(changed(['services', '0', 'later'], 1)), true);
  for (const body of [null, 7, 'plan', [], {}, { services: [], workers: 1, configPath: '/c' }]) {
    assert.equal(isPlan(body), false, JSON.stringify(body));
  }
});

test('isPlan() refuses a plan without a field, or with one of another type, but for those that readers do without', () => {
  const optional = /^(controlGroup|adminHosts|services\.\d\.(bindUnix|backends\.\d\.rank))$/;
  const fields = fieldsIn(answer());
  assert.ok(fields.length > 200, String(fields.length));
  for (const path of fields) {
    const name = path.join('.');
    assert.equal(isPlan(changed(path)), optional.test(name), `without ${name}`);
    assert.equal(isPlan(changed(path, { kind: 'other' })), false, `with another ${name}`);
  }
});
