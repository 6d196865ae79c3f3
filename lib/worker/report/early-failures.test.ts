import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEarlyFailures } from './early-failures.ts';

const [BAD, GOOD] = [0, 1];
const BOTH = [{ id: BAD }, { id: GOOD }];

function scene() {
  const early = createEarlyFailures();
  early.reserve(BAD);
  early.reserve(GOOD);
  let now = 1000;
  return {
    early,
    /** Which of `count` consecutive failures, 100 ms apart, are reported. */
    fails: (count: number, threshold = 3, others = BOTH) =>
      Array.from({ length: count }, () => early.failed(BAD, threshold, others, (now += 100))),
    answers: (endpoint: number) => early.answered(endpoint, now),
    pass: (ms: number) => (now += ms),
  };
}

test('from the threshold on each failure is told, until the endpoint answers', () => {
  const { fails, answers } = scene();
  answers(GOOD);
  assert.deepEqual(fails(5), [false, false, true, true, true]);
  answers(BAD);
  assert.deepEqual(fails(3), [false, false, true]);
});

test('nothing is told while nobody else answers, or where it is off', () => {
  const { fails, answers, pass } = scene();
  assert.deepEqual(fails(4), [false, false, false, false], 'clients only send');
  answers(GOOD);
  assert.deepEqual(fails(1), [true]);
  assert.deepEqual(fails(1, 0), [false]);
  assert.deepEqual(fails(1, 3, [{ id: BAD }]), [false], 'the other one is of another service');
  pass(60_000);
  assert.deepEqual(fails(1), [false], 'that was long ago');
});

test('a flood is told now and then', () => {
  const { early, answers } = scene();
  answers(GOOD);
  const reported = Array.from({ length: 200 }, (_, ms) => early.failed(BAD, 3, BOTH, 1000 + ms));
  assert.deepEqual(
    [...reported.entries()].flatMap(([ms, isReported]) => (isReported ? [ms] : [])),
    [2, 52, 102, 152],
  );
});

test('who gets the id next begins anew', () => {
  const { early, fails, answers } = scene();
  answers(GOOD);
  fails(2);
  early.forget(BAD);
  assert.deepEqual(fails(3), [false, false, true]);
  early.forget(GOOD);
  assert.deepEqual(fails(1), [false]);
});

test('a suspect gets one client at a time, until one was not let go of', () => {
  const { early, fails, answers } = scene();
  answers(GOOD);
  assert.equal(early.trial(BAD, 1000), 0, 'it is none');
  early.onProbation(BAD);
  const ms = early.trial(BAD, 2000);
  assert.ok(ms > 0);
  assert.deepEqual(fails(1), [true], 'one that fails is enough');
  assert.equal(early.trial(BAD, 2000 + 10 * ms), ms, 'the next one is a trial again');
  assert.equal(early.trial(BAD, 2000 + 11 * ms), 0, 'that one was not let go of');
  assert.deepEqual(fails(1), [false]);
  early.onProbation(BAD);
  early.trial(BAD, 9000);
  answers(BAD);
  assert.equal(early.trial(BAD, 9001), 0, 'it has answered');
});
