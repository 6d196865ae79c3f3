import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messageOf } from './demo-view.ts';

test('messageOf() shortens a log line and leaves anything else as it is', () => {
  const line =
    '{"timestamp":"2026-02-26T10:20:30.123Z","level":"WARN","message":"backend is down","module":"health","event":"backend.down","fields":{"backend":"127.0.0.1:1"}}';
  assert.equal(messageOf(line), '10:20:30 WARN backend is down');
  for (const other of ['', 'no JSON', '{"half":', '[1]', 'null', '{"no":"message"}'])
    assert.equal(messageOf(other), other);
});
