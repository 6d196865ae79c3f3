import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { BackendStateName, BackendStatus } from '../control/protocol.ts';
import { downSentence, failuresSentence } from './words.ts';

function backend(address: string, state: BackendStateName): BackendStatus {
  return {
    address,
    state,
    reachable: state === 'up',
    active_connections: 0,
    last_check_time: null,
    counters: null,
    connections_total: 0,
    bytes_in: 0,
    bytes_out: 0,
    cooldown_ms: null,
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
}

test('downSentence() names the backends that are down, and says nothing while none is', () => {
  assert.equal(downSentence({ backends: [backend('a:1', 'up'), backend('b:1', 'unknown')] }), null);
  assert.equal(downSentence({ backends: [backend('a:1', 'up'), backend('b:1', 'down')] }), 'Down: b:1');
});

test('failuresSentence() says what the last clients met, while it is a problem', () => {
  const recent = {
    window_ms: 60_000,
    ended: 50,
    failed: 46,
    failing: true,
    by_reason: { backend_reset: 46, client_closed: 4 },
    reset_early: 46,
    local: 0,
    since: '2026-03-01T10:02:11.000Z',
    last: '2026-03-01T10:03:00.000Z',
  };
  assert.match(failuresSentence(recent) ?? '', /^46 of the last 50 clients failed since \S.*: backend_reset 46$/);
  assert.equal(failuresSentence({ ...recent, failing: false }), null);
  assert.equal(failuresSentence(null), null);
});
