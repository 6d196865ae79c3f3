import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assignedService, assignmentOf } from '../../testing/assignments.ts';
import { createAdmission } from './admission.ts';
import { createWaiting } from './waiting.ts';

test('a client that is refused at once, because too many are held, has not waited', (t) => {
  const services = [assignedService(0, {}, { overloadPolicy: 'queue', queueMax: 100_000 })];
  const waiting = createWaiting(services, null);
  const admission = createAdmission(
    assignmentOf(...services),
    waiting,
    () => undefined,
    () => undefined,
  );
  t.after(() => admission.close());
  const answers = Array.from({ length: 4100 }, (_, connection) => admission.admit(connection, 0, 0));
  const held = answers.filter((answer) => answer === 'wait').length;
  assert.deepEqual([held, answers.filter((answer) => answer === 'no').length], [4096, 4]);
  assert.deepEqual(waiting.counts(), [{ service: 0, total: held, now: held }]);
});

test('a client that has to wait when nobody new comes any more is let go, too, where the primary does not answer', (t) => {
  // The mock timers of node:test keep an interval running that is cleared in its own callback.
  const timers = new Set<{ look(): void; unref(): unknown }>();
  t.mock.method(globalThis, 'setInterval', (look: () => void) => {
    const timer = { look, unref: () => timer };
    timers.add(timer);
    return timer;
  });
  t.mock.method(globalThis, 'clearInterval', (timer: { look(): void; unref(): unknown }) => timers.delete(timer));
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const services = [assignedService(0, { pool: 1 })];
  const settled: [number, boolean][] = [];
  const admission = createAdmission(
    assignmentOf(...services),
    createWaiting(services, null),
    (connection, admitted) => void settled.push([connection, admitted]),
    () => undefined,
  );
  t.after(() => admission.close());
  const pass = (ms: number): void => {
    now += ms;
    for (const timer of timers) timer.look();
  };
  for (const pool of [0, 1]) admission.permits({ kind: 'permits', pool, granted: 1, thrifty: true });
  assert.equal(admission.admit(1, 5, now), 'yes');
  assert.equal(admission.admit(2, 0, now), 'wait');
  admission.release(2, 0);
  admission.drain();
  admission.rest();
  pass(5000);
  assert.equal(timers.size, 0);
  assert.equal(admission.complete(1, 0, now), 'wait');
  pass(3000);
  assert.deepEqual(settled, [[1, false]]);
  admission.release(1, 0);
  pass(500);
  assert.equal(timers.size, 0);
});
