import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createLeases,
  deadline,
  heldPermits,
  LOAN_MS,
  RECALL_MS,
  step,
  type LeaseEvent,
  type Leases,
  type Letter,
} from './leases.ts';

/** `limit` permits for workers 1 … n. */
function leasesFor(limit: number, workers: number): Leases {
  let leases = createLeases(0, limit);
  for (let worker = 1; worker <= workers; worker++) leases = step(leases, { kind: 'joined', worker }, 0).state;
  return leases;
}

/** `1+5`: worker 1 gets 5; `1+0`: gets none; `1?`: is recalled; `!`: thrifty. */
function brief({ worker, message }: Letter): string {
  return message.kind === 'recall'
    ? `${worker}?`
    : `${worker}+${message.granted}${message.thrifty && message.granted > 0 ? '!' : ''}`;
}

function play(leases: Leases, events: readonly LeaseEvent[], now = 0): { leases: Leases; letters: string[] } {
  const letters: string[] = [];
  for (const event of events) {
    const { state, send } = step(leases, event, now);
    leases = state;
    letters.push(...send.map(brief));
  }
  return { leases, letters };
}

const ask = (worker: number, wanted = 1): LeaseEvent => ({ kind: 'ask', worker, wanted });
const back = (worker: number, permits: number): LeaseEvent => ({ kind: 'returned', worker, permits, recalled: false });
const answer = (worker: number, permits: number): LeaseEvent => ({ kind: 'returned', worker, permits, recalled: true });

test('permits are dealt in batches, which shrink towards the limit', () => {
  const { letters, leases } = play(leasesFor(4000, 2), [ask(1, 0), ask(1, 0), ask(2, 900), ask(1, 2000), ask(2, 700)]);
  assert.deepEqual(letters, ['1+250', '1+250', '2+900', '1+2000', '2+600!']);
  assert.equal(heldPermits(leases), 4000);
});

test('when none is free the others are recalled, and what they give back is dealt', () => {
  const { letters } = play(leasesFor(10, 3), [ask(1, 8), ask(2, 2), ask(3, 1), answer(2, 0), answer(1, 5)]);
  assert.deepEqual(letters, ['1+8!', '2+2!', '1?', '2?', '3+1']);
});

test('a worker is told that there is none only when all recalled ones have answered', () => {
  const { letters, leases } = play(leasesFor(10, 3), [ask(1, 8), ask(2, 2), ask(3, 1), answer(2, 0)]);
  assert.deepEqual(letters, ['1+8!', '2+2!', '1?', '2?']);
  assert.deepEqual(play(leases, [answer(1, 0)]).letters, ['3+0']);
  assert.deepEqual(play(leases, [{ kind: 'left', worker: 1 }]).letters, ['3+1']);
});

test('a worker that hangs delays the answer only until the deadline, and later answers not at all', () => {
  const { leases } = play(leasesFor(2, 3), [ask(1, 1), ask(2, 1), ask(3, 1), answer(2, 0)]);
  assert.equal(deadline(leases, 0), RECALL_MS);
  assert.deepEqual(play(leases, [{ kind: 'tick' }], RECALL_MS - 1).letters, []);
  const reported = play(leases, [{ kind: 'tick' }], RECALL_MS);
  assert.deepEqual(reported.letters, ['3+0']);
  assert.equal(deadline(reported.leases, RECALL_MS), null);
  assert.deepEqual(play(reported.leases, [ask(3)], RECALL_MS + 50).letters, ['3+0']);
  assert.deepEqual(play(reported.leases, [answer(1, 1)], RECALL_MS + 60).letters, ['3+1!']);
});

test('workers that got none are served in turn when permits come back', () => {
  const full = play(leasesFor(1, 4), [ask(1), ask(2), ask(3), ask(4), answer(1, 0)]);
  assert.deepEqual(full.letters, ['1+1!', '1?', '2+0', '3+0', '4+0']);
  const { letters } = play(full.leases, [back(1, 1), ask(1), answer(2, 0), back(2, 1), back(3, 1), back(4, 1)]);
  assert.deepEqual(letters, ['2+1!', '2?', '1+0', '3+1!', '4+1!', '1+1!']);
});

test('a recalled worker is not recalled again before it was granted more', () => {
  const { letters } = play(leasesFor(1, 2), [ask(1), ask(2), answer(1, 0), ask(2), ask(2)]);
  assert.deepEqual(letters, ['1+1!', '1?', '2+0', '2+0', '2+0']);
});

test('asking ahead of need takes nothing from others', () => {
  const { letters } = play(leasesFor(1, 2), [ask(1), ask(2, 0)]);
  assert.deepEqual(letters, ['1+1!', '2+0']);
});

test('a lowered limit recalls what is idle and grants nothing until it fits', () => {
  const full = play(leasesFor(10, 2), [ask(1, 6), ask(2, 4), { kind: 'limit', limit: 5 }]);
  assert.deepEqual(full.letters, ['1+6', '2+4!', '1?', '2?']);
  const later = play(full.leases, [answer(1, 2), answer(2, 2), ask(2), back(1, 1), back(1, 1)]);
  assert.deepEqual(later.letters, ['2+0', '2+1!']);
  assert.equal(heldPermits(later.leases), 5);
});

test('a raised limit serves those who were told that there is none', () => {
  const full = play(leasesFor(1, 2), [ask(1), ask(2), answer(1, 0), { kind: 'limit', limit: 3 }]);
  assert.deepEqual(full.letters, ['1+1!', '1?', '2+0', '2+1!']);
});

test('while another process may lend some, the answer that there is none waits for a loan', () => {
  const leases = { ...leasesFor(0, 2), answerMs: LOAN_MS };
  const asked = play(leases, [ask(1), ask(2)]);
  assert.deepEqual([asked.letters, deadline(asked.leases, 0)], [[], LOAN_MS]);
  const lent = play(asked.leases, [{ kind: 'limit', limit: 1 }], LOAN_MS - 1);
  assert.deepEqual(lent.letters, ['1+1!', '1?']);
  assert.deepEqual(play(lent.leases, [{ kind: 'tick' }], LOAN_MS).letters, ['2+0']);
});

test('a dead worker gives its permits back and leaves the queue', () => {
  const full = play(leasesFor(2, 3), [ask(1, 2), ask(2), ask(3), answer(1, 0)]);
  const { leases, letters } = play(full.leases, [
    { kind: 'left', worker: 2 },
    { kind: 'left', worker: 1 },
  ]);
  assert.deepEqual(letters, ['3+1']);
  assert.equal(heldPermits(leases), 1);
});

test('a mad worker cannot change what others hold', () => {
  const { leases } = play(leasesFor(10, 2), [
    ask(1, 5),
    ask(2, Number.NaN),
    ask(2, -3),
    back(1, -100),
    back(1, Number.NaN),
    back(2, 1000),
    answer(1, 1e300),
    ask(2, Infinity),
    ask(9, 4),
    back(9, 4),
  ]);
  assert.equal(leases.workers.get(1)?.granted, 0);
  assert.equal(leases.workers.get(2)?.granted, 10);
  assert.equal(leases.workers.size, 2);
});

test('workers that leave hold what they use and make nobody else ask more often', () => {
  const shares = [false, true].map((theyLeave) => {
    let leases = leasesFor(4000, 66);
    for (let worker = 3; worker <= 66; worker++) {
      leases = play(leases, [ask(worker), ...(theyLeave ? [{ kind: 'leaving', worker } as const] : [])]).leases;
      leases = play(leases, [back(worker, (leases.workers.get(worker)?.granted ?? 0) - 1)]).leases;
    }
    assert.equal(heldPermits(leases), 64);
    return play(leases, [ask(1)]).letters;
  });
  assert.deepEqual(shares, [['1+7'], ['1+250']]);
});
