import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainBackend } from '../../../config/plan.ts';
import type { BackendWhy } from '../../control/why.ts';
import type { Pool } from '../upstream/pool.ts';
import { newBackend } from '../upstream/backend.ts';
import { judgedByShare } from './shares.ts';

type Verdict = BackendWhy['verdict'];

/** Each backend with its verdict by health, whether it is a backup, and its rank. */
function judged(...all: readonly (readonly [Verdict, boolean, number])[]): Verdict[] {
  const backends = all.map(([, backup, rank], i) => newBackend({ ...plainBackend('10.0.0.1', 1 + i), backup, rank }));
  const verdicts = all.map(([verdict]) => ({ verdict }) as BackendWhy);
  return judgedByShare(verdicts, { backends } as unknown as Pool).map(({ verdict }) => verdict);
}

test('a backup is spare while one before it is in use', () => {
  assert.deepEqual(judged(['in_use', false, 0], ['in_use', true, 0]), ['in_use', 'spare']);
  assert.deepEqual(judged(['out', false, 0], ['in_use', true, 0]), ['out', 'in_use']);
  assert.deepEqual(judged(['out', false, 0], ['in_use', true, 1], ['in_use', true, 0]), ['out', 'spare', 'in_use']);
  assert.deepEqual(judged(['out', false, 0], ['in_use', true, 1], ['out', true, 0]), ['out', 'in_use', 'out']);
});
