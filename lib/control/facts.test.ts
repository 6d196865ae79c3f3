import assert from 'node:assert/strict';
import { test } from 'node:test';
import { factsOf } from './facts.ts';

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
