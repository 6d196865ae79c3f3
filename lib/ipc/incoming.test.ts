import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { toPrimary } from './incoming.ts';

const good = [
  { kind: 'hello', engine: 'js', note: null, shares: false },
  { kind: 'listening', listener: 0 },
  { kind: 'listen_failed', listener: 0, code: 'EADDRINUSE' },
  { kind: 'ask', pool: 0, wanted: 3 },
  { kind: 'returned', pool: 0, permits: 3, recalled: true },
  {
    kind: 'counters',
    id: null,
    services: [1, 2.5],
    endpoints: [],
    short: { 'connect EMFILE': 1 },
    rssBytes: 1,
    reached: [0, 5.5],
    retired: [3],
  },
  { kind: 'connect_failed', endpoint: 0, cause: 'refused', count: 1, began: 5.5 },
  { kind: 'log', lines: [{ level: 'info', module: 'm', event: 'e', message: '', fields: {} }], dropped: 0 },
  { kind: 'records_dropped', count: 1 },
  { kind: 'drained', cut: 0 },
];

test('every message of a sane worker is let through', () => {
  for (const message of good) assert.equal(toPrimary(message), message);
});

test('a message with one field of another kind is not', () => {
  const strange = [undefined, null, -1, 0.5, NaN, '', 'x', [], {}, true];
  for (const message of good) {
    for (const key of Object.keys(message)) {
      const original: unknown = Object.getOwnPropertyDescriptor(message, key)?.value;
      const wrong = strange.filter((value) => typeof value !== typeof original || original === null);
      for (const value of wrong) {
        // Some fields may also be null, a text or another list.
        if (key === 'id' && value === null) continue;
        if (key === 'note' && (value === null || typeof value === 'string')) continue;
        if (Array.isArray(value) && Array.isArray(original)) continue;
        assert.equal(toPrimary({ ...message, [key]: value }), null, `${message.kind}.${key} `);
      }
    }
  }
});

test('nothing that a mad worker sends makes the guard throw', () => {
  fc.assert(fc.property(fc.anything(), (message) => void toPrimary(message)));
  fc.assert(
    fc.property(fc.constantFrom(...good.map(({ kind }) => kind)), fc.object(), (kind, rest) => {
      toPrimary({ ...rest, kind });
    }),
  );
});
