import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSnapshot } from '../../ipc/snapshot.ts';
import { toMachine } from '../../machine-clock.ts';
import { endpoint } from '../../testing/assignments.ts';
import type { Evidence } from './evidence.ts';
import { createEvidence } from './evidence.ts';

const LATER = 1e9;

/** A successful attempt to endpoint 0 that began then. */
function proof(provenAt: number): EndpointSnapshot[] {
  return [endpoint(0, { provenAt: toMachine(provenAt) })];
}

function evidenceOf(endpoints: number): Evidence {
  const evidence = createEvidence();
  for (let id = 0; id < endpoints; id++) evidence.reserve(id);
  return evidence;
}

test('a snapshot that knows an endpoint to work is not undone by an older failure', () => {
  const evidence = evidenceOf(1);
  evidence.learn(proof(500));
  evidence.failed(0, 499, LATER);
  assert.equal(evidence.skipUntil[0], 0);
  evidence.failed(0, 501, LATER);
  assert.equal(evidence.skipUntil[0], LATER);
});

test('a snapshot ends what an older failure began, and not what a newer one did', () => {
  const evidence = evidenceOf(1);
  evidence.failed(0, 600, LATER);
  evidence.learn(proof(500));
  assert.equal(evidence.skipUntil[0], LATER);
  evidence.learn(proof(601));
  assert.equal(evidence.skipUntil[0], 0);
});

test("of this worker's own attempts, too, the one that began later counts", () => {
  const evidence = evidenceOf(2);
  evidence.failed(0, 10, LATER);
  evidence.connected(0, 9);
  assert.equal(evidence.skipUntil[0], LATER, 'it took its time, and the backend has gone since it began');
  evidence.connected(0, 11);
  assert.equal(evidence.skipUntil[0], 0);
  evidence.failed(0, 10.5, LATER);
  assert.deepEqual([...evidence.skipUntil].slice(0, 2), [0, 0]);
});

test('endpoints that were reached are told until they are reported, with the latest attempt', () => {
  const evidence = evidenceOf(3);
  assert.deepEqual(evidence.reached(), []);
  evidence.connected(2, 7);
  evidence.connected(2, 5);
  evidence.connected(0, 6);
  for (let i = 0; i < 2; i++) assert.deepEqual(evidence.reached(), [0, toMachine(6), 2, toMachine(7)]);
  evidence.reported();
  assert.deepEqual(evidence.reached(), []);
  evidence.connected(2, 8);
  evidence.learn(proof(9));
  assert.deepEqual(evidence.reached(), [2, toMachine(8)]);
});

test("what was known of an endpoint goes with it: its id may be the next one's", () => {
  const evidence = evidenceOf(1);
  evidence.connected(0, 500);
  evidence.forget(0);
  evidence.failed(0, 499, LATER);
  assert.deepEqual([evidence.skipUntil[0], evidence.reached()], [LATER, []]);
});

test('a trial in the middle of a cool-down does not shorten it', () => {
  const evidence = evidenceOf(1);
  evidence.leaveAlone(0, 5000);
  evidence.leaveAlone(0, 1300);
  evidence.connected(0, 1000);
  assert.deepEqual([evidence.skipUntil[0], evidence.isLeftAlone(0, 4999)], [5000, true]);
});

test('who is left alone for early failures stays so, however often it can be connected to', () => {
  const evidence = createEvidence();
  evidence.reserve(3);
  evidence.leaveAlone(3, 500);
  evidence.connected(3, 100);
  assert.deepEqual(
    [evidence.skipUntil[3], evidence.isLeftAlone(3, 499), evidence.isLeftAlone(3, 500)],
    [500, true, false],
  );
  evidence.failed(3, 200, 900);
  evidence.leaveAlone(3, 700);
  assert.equal(evidence.skipUntil[3], 900);
  evidence.connected(3, 300);
  assert.equal(evidence.skipUntil[3], 700);
  evidence.forget(3);
  assert.deepEqual([evidence.skipUntil[3], evidence.isLeftAlone(3, 1)], [0, false]);
});
