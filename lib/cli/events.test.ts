import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createNewness, line } from './events.ts';

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

test('an event is new by its number and time, though the clock goes back or another primary counts from 1', () => {
  const isNew = createNewness();
  const [late, early] = ['2026-01-01T00:10:00.000Z', '2026-01-01T00:00:00.000Z'];
  assert.ok(isNew({ seq: 1, timestamp: late }));
  assert.ok(isNew({ seq: 2, timestamp: early }), 'the clock was set back');
  assert.ok(!isNew({ seq: 1, timestamp: late }) && !isNew({ seq: 2, timestamp: early }), 'sent again');
  assert.ok(isNew({ seq: 1, timestamp: early }), 'of another primary');
});

test('no more events are remembered than a primary may send again', () => {
  const isNew = createNewness();
  const at = (seq: number) => ({ seq, timestamp: '' });
  for (let seq = 0; seq <= 5000; seq++) assert.ok(isNew(at(seq)));
  for (let seq = 4000; seq <= 5000; seq++) assert.ok(!isNew(at(seq)));
  assert.ok(isNew(at(0)));
});
