import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Status } from './protocol.ts';
import { unknownStatus } from '../cli/status.ts';
import { backendKey, observe } from './rates.ts';

function status(connections: number, bytes: number): Status {
  const backend = {
    address: '127.0.0.1:1',
    reachable: true,
    state: 'up' as const,
    active_connections: 0,
    last_check_time: null,
    counters: null,
    connections_total: connections,
    bytes_in: bytes,
    bytes_out: 0,
    cooldown_ms: 0,
    weight: 1,
    slow_start: null,
    max_connections: 0,
    send_proxy_protocol: 'none' as const,
    source: [],
    discovered_from: null,
    backup: false,
    administrative: 'ready' as const,
    administrative_since: null,
    recent: null,
  };
  const none = unknownStatus(true, 1);
  const service = {
    name: 'default',
    bind_address: '127.0.0.1',
    bind_unix: null,
    port: 1,
    method: 'round_robin',
    health_check: 'tcp',
    accept_proxy_protocol: [],
    server_name: [],
    alpn: [],
    discovery: [],
    backend_total: 1,
    backend_reachable: 1,
    backends: [backend],
    active_connections: 0,
    last_check_time: null,
    protection_mode: none.protection_mode,
    waiting: 0,
    waited_total: 0,
    ends: null,
    recent: null,
  };
  return { ...none, services: [service] };
}

const KEY = backendKey('default', '127.0.0.1:1');

test('a rate is the growth since the last look, per second', () => {
  const first = observe(null, status(100, 0), 1000);
  assert.equal(first.backends.get(KEY)?.connections, 0);
  const second = observe(first, status(150, 2000), 3000);
  assert.equal(second.backends.get(KEY)?.connections, 25);
  assert.equal(second.backends.get(KEY)?.bytesIn, 1000);
  assert.deepEqual(second.trend.get(KEY), [0, 25]);
});

test('a restarted process has no rate until its second status, and the trend goes on', () => {
  const first = observe(null, status(100, 5), 0);
  const restarted = observe(first, { ...status(400, 9), pid: 2 }, 1000);
  assert.equal(restarted.backends.get(KEY)?.connections, 0);
  const next = observe(restarted, { ...status(407, 9), pid: 2 }, 2000);
  assert.equal(next.backends.get(KEY)?.connections, 7);
  assert.deepEqual(next.trend.get(KEY), [0, 0, 7]);
});

test('a process that was started again under the same PID has no rate either', () => {
  const first = observe(null, { ...status(100, 5), uptime_ms: 9000 }, 0);
  const restarted = observe(first, { ...status(400, 9), uptime_ms: 200 }, 1000);
  assert.equal(restarted.backends.get(KEY)?.connections, 0);
});
