import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceOf, drainingText, factsOf } from './facts.ts';

test('plain values are shown by name, changes in words, and nothing else', () => {
  const changed = [
    { what: 'log_level', from: 'info', to: 'debug' },
    { what: 'admin', from: null, to: '127.0.0.1:9296' },
    { what: 'web.backends', from: '10.0.0.7:80', to: null },
  ];
  assert.deepEqual(factsOf({ fields: { generation: 2, ok: true, why: null, services: [{ name: 'x' }], changed } }), [
    'generation=2',
    'ok=true',
    'log_level: info → debug',
    'admin: added, 127.0.0.1:9296',
    'web.backends: removed, was 10.0.0.7:80',
  ]);
});

test('advice is no fact, and what its message says is not said again', () => {
  const fields = { count: 1, what_happened: 'it broke', why_likely: 'age', do_this_now: 'mend it' };
  assert.deepEqual(factsOf({ fields }), ['count=1']);
  assert.deepEqual(adviceOf({ message: 'it broke', fields }), { what: null, why: 'age', act: 'mend it' });
  assert.equal(adviceOf({ message: 'other', fields })?.what, 'it broke');
  assert.equal(adviceOf({ message: 'other', fields: { why_likely: 3 } }), null);
});

test('what goes on in old workers is told where something does', () => {
  const some = { connections: 3, workers: 2, generations: 1, until: null };
  assert.equal(drainingText(some), '3 connections go on in 2 old workers, until they end');
  const limited = { connections: 1, workers: 1, generations: 1, until: '2026-03-01T09:30:00.125Z' };
  assert.equal(
    drainingText(limited),
    '1 connection goes on in 1 old worker, until it ends, and no longer than 2026-03-01T09:30:00.125Z',
  );
  assert.match(drainingText({ ...some, generations: 2 }) ?? '', / in 2 old workers of 2 generations, /);
  assert.equal(drainingText({ connections: 0, workers: 0, generations: 0, until: null }), null);
  assert.deepEqual([drainingText(null), drainingText(undefined)], [null, null]);
});
