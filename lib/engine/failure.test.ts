import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureOf } from './failure.ts';

test('an errno is held against the backend only when it is the backend that is at fault', () => {
  const cause = (code: string): string => failureOf(Object.assign(new Error(code), { code }));
  assert.equal(cause('ECONNREFUSED'), 'refused');
  assert.equal(cause('ETIMEDOUT'), 'timeout');
  assert.deepEqual(['EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN'].map(cause), Array(3).fill('unreachable'));
  assert.equal(cause('ECONNRESET'), 'reset');
  const ours = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL', 'EAGAIN'];
  assert.deepEqual(ours.map(cause), Array(6).fill('local'));
  assert.equal(cause('EACCES'), 'other');
  assert.equal(failureOf(Object.assign(new Error('no code'), { code: undefined })), 'other');
});
