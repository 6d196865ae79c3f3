import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONNECT_FAILURES, ENDS } from '../engine.ts';
import { END, FAILURE } from './codes.ts';

test('every code is the place of its name in engine.ts', () => {
  assert.deepEqual(
    Object.entries(END),
    ENDS.map((name, code) => [name, code]),
  );
  assert.deepEqual(
    Object.entries(FAILURE),
    CONNECT_FAILURES.map((name, code) => [name, code]),
  );
});
