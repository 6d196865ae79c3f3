// Messages between programs of different versions: those of version 1 are kept here as they were.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { heldOf, historyOf, NOBODY, countOf, PROTOCOL, toPredecessor, toSuccessor } from './protocol.ts';

/** As in version 1 of this protocol, with one extra field. They must be understood as long as version 1 is spoken. */
const FIRST_TO_OLD = [
  { kind: 'hello', protocol: 1, version: '3.1.0', more: true },
  { kind: 'prepared', more: true },
  { kind: 'serving', generation: 4, takes: true, more: true },
  { kind: 'stop', timeout_ms: null, now: false },
  { kind: 'failed', problem: { what_happened: 'a', why_likely: 'b', do_this_now: 'c' }, errors: [] },
];
const BEGIN = {
  kind: 'begin',
  protocol: 1,
  version: '3.1.0',
  pid: 7,
  foreground: false,
  stays: false,
  generation: 3,
  listeners: ['127.0.0.1:1'],
  services: [],
};
const FIRST_TO_NEW = [
  BEGIN,
  { kind: 'yield', history: {}, past: {}, held: {} },
  { kind: 'offered' },
  { kind: 'counted', past: {}, held: {} },
  { kind: 'through' },
  { kind: 'empty', cut: 2 },
];

test('the messages of version 1 are understood', () => {
  assert.equal(PROTOCOL, 1);
  for (const message of FIRST_TO_OLD) assert.equal(toPredecessor(message)?.kind, message.kind);
  for (const message of FIRST_TO_NEW) assert.equal(toSuccessor(message)?.kind, message.kind);
});

test('the messages that were added to version 1 are understood', () => {
  const reset = { kind: 'reset', id: 1, service: 'db', address: '127.0.0.1:1', why: 'operator' };
  assert.deepEqual(toPredecessor(reset), reset);
  for (const key of ['id', 'service', 'address', 'why'])
    assert.equal(toPredecessor({ ...reset, [key]: {} }), null, key);
  assert.deepEqual(toSuccessor({ kind: 'reset_done', id: 1 }), { kind: 'reset_done', id: 1 });
  assert.equal(toSuccessor({ kind: 'reset_done' }), null);
});

test('what is not understood is passed over', () => {
  for (const message of [null, 1, 'hello', {}, { kind: 'news' }, { kind: 'hello' }, { kind: 'serving' }]) {
    assert.equal(toPredecessor(message), null);
  }
  for (const key of ['protocol', 'version', 'pid', 'foreground', 'stays', 'generation', 'listeners']) {
    assert.equal(toSuccessor({ ...BEGIN, [key]: {} }), null, key);
  }
  fc.assert(
    fc.property(fc.anything(), (message) => {
      assert.equal(toPredecessor(message), null);
      assert.equal(toSuccessor(message), null);
      const { events, ...counts } = historyOf(message);
      assert.deepEqual([events, Object.values(counts)], [[], [0, 0, 0]]);
      assert.deepEqual(heldOf(message), { clients: NOBODY, permits: NOBODY, backends: {} });
    }),
  );
});

test('events are taken over one by one', () => {
  const event = { seq: 1, timestamp: 't', level: 'WARN', module: 'm', event: 'e', message: 'x', fields: {} };
  const { events, reloads } = historyOf({ reloads: 2, events: [event, { ...event, level: 'loud' }, null] });
  assert.deepEqual([events, reloads], [[event], 2]);
});

test('what is still there is told by service, and nonsense in it is passed over', () => {
  const reported = { clients: { all: 3, services: { db: 3, odd: -1, constructor: 'x' } }, permits: { all: 'x' } };
  const { clients, permits } = heldOf(reported);
  assert.deepEqual([clients, permits], [{ all: 3, services: { db: 3 } }, NOBODY]);
  assert.deepEqual(
    [null, 'db', 'odd', 'constructor'].map((service) => countOf(clients, service)),
    [3, 3, 0, 0],
  );
  const draining = { connections: 9, workers: 1, generations: 1, until: '2026-03-01T09:30:02.016Z' };
  assert.deepEqual(heldOf({ draining }).draining, draining);
  const nonsense = { connections: -1, workers: '1', until: 'soon' };
  assert.deepEqual(heldOf({ draining: nonsense }).draining, {
    connections: 0,
    workers: 0,
    generations: 0,
    until: null,
  });
});
