import assert from 'node:assert/strict';
import { test } from 'node:test';

import { line } from './events.ts';

test('an event is one line without control characters, whatever its texts hold', () => {
  const io = { out: () => undefined, err: () => undefined, colour: false };
  const record = {
    seq: 1,
    timestamp: '2026-01-01T00:00:00.000Z',
    level: 'WARN' as const,
    module: 'health',
    event: 'backend.down',
    message: 'gone\u001b[2J',
    fields: { fact: 'a\nb\u009b8m', why_likely: 'c\u202ed', do_this_now: 'e\r' },
  };
  const shown = line(record, io);
  assert.doesNotMatch(shown, /[\p{Cc}\p{Cf}]/u);
  assert.match(shown, /^2026-01-01T00:00:00\.000Z {2}warn {3}backend\.down {2}gone\\u001b\[2J {2}fact=a\\u000ab/);
});
