import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitting, takeTurns } from './source.ts';

test('sources take turns among those of the family that is asked for', () => {
  const next = takeTurns(['127.0.0.2', '::2', '127.0.0.3']);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => next('127.0.0.1')),
    ['127.0.0.2', '127.0.0.3', '127.0.0.2', '127.0.0.3'],
  );
  assert.deepEqual([next('::1'), next('::1')], ['::2', '::2']);
});

test('each family has turns of its own', () => {
  const next = takeTurns(['127.0.0.2', '127.0.0.3', '::2', '::3']);
  const asked = ['127.0.0.1', '::1', '127.0.0.1', '::1'].map((ip) => next(ip));
  assert.deepEqual(asked, ['127.0.0.2', '::2', '127.0.0.3', '::3']);
});

test('addresses fit where a source is of their family; all do if none does', () => {
  const ips = ['127.0.0.1', '::1'];
  assert.deepEqual(fitting(ips, ['::2']), ['::1']);
  assert.deepEqual(fitting(ips, []), ips);
  assert.deepEqual(fitting(['127.0.0.1'], ['::2']), ['127.0.0.1']);
});

test('without sources the system chooses; where none fits there is none', () => {
  assert.equal(takeTurns([])('127.0.0.1'), undefined);
  assert.equal(takeTurns(['::2'])('127.0.0.1'), null);
});
