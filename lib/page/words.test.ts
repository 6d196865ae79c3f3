import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { BackendStateName, BackendStatus } from '../control/protocol.ts';
import { downSentence } from './words.ts';

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
  };
}

test('downSentence() names the backends that are down, and says nothing while none is', () => {
  assert.equal(downSentence({ backends: [backend('a:1', 'up'), backend('b:1', 'unknown')] }), null);
  assert.equal(downSentence({ backends: [backend('a:1', 'up'), backend('b:1', 'down')] }), 'Down: b:1');
});
