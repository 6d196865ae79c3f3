import assert from 'node:assert/strict';
import { test } from 'node:test';
import { behaviourWords, describe, parseBehaviour } from './behaviour.ts';

test('every word that the help offers is understood and described in the same words', () => {
  for (const offered of behaviourWords.split(' | ')) {
    const words = offered.replace('MS', '250');
    const behaviour = parseBehaviour(words);
    assert.ok(behaviour, words);
    assert.equal(describe(behaviour), words);
  }
});

test('parseBehaviour() takes a slash for a space, as in the path of a control request', () => {
  assert.deepEqual(parseBehaviour('/slow/200'), { kind: 'slow', ms: 200 });
});

for (const words of [
  '',
  'explode',
  'slow',
  'slow fast',
  'slow 0',
  'slow 99999999',
  'stall 5',
  'flap 10 10',
  'slow -1',
]) {
  test(`parseBehaviour() refuses ${JSON.stringify(words)}`, () => {
    assert.equal(parseBehaviour(words), null);
  });
}
