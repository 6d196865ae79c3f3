import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ToPrimary } from '../../ipc/messages.ts';
import { assignedService, assignmentOf } from '../../testing/assignments.ts';
import { createAdmission } from './admission.ts';
import { createWaiting } from './waiting.ts';

function admissionFor(carries: number | null) {
  const assignment = { ...assignmentOf(assignedService(0)), carries };
  const settled: [number, boolean][] = [];
  const sent: Extract<ToPrimary, { kind: 'ask' | 'returned' | 'took' }>[] = [];
  const admission = createAdmission(
    assignment,
    createWaiting(assignment.services, null),
    (connection, admitted) => void settled.push([connection, admitted]),
    (message) => void sent.push(message),
  );
  const grant = (count: number): void =>
    admission.permits({ kind: 'permits', pool: 0, granted: count, thrifty: false });
  return { admission, settled, sent, grant };
}

test('a burst of clients that comes faster than the primary answers is held, not refused', (t) => {
  const { admission, settled, sent, grant } = admissionFor(null);
  t.after(() => admission.close());
  sent.length = 0;
  grant(10);
  const answers = Array.from({ length: 2000 }, (_, connection) => admission.admit(connection, 0, 0));
  assert.equal(answers.filter((answer) => answer === 'yes').length, 10);
  assert.equal(answers.filter((answer) => answer === 'no').length, 0);
  for (let asked = sent.pop(); asked !== undefined; asked = sent.pop()) if (asked.kind === 'ask') grant(asked.wanted);
  assert.equal(settled.filter(([, admitted]) => admitted).length, 1990);
});

test('beyond what the descriptors carry clients are refused and counted although there are permits, until others have gone', (t) => {
  const { admission, grant } = admissionFor(3);
  t.after(() => admission.close());
  grant(2);
  assert.deepEqual([admission.admit(0, 0, 0), admission.admit(1, 0, 0)], ['yes', 'yes']);
  assert.equal(admission.admit(2, 0, 0), 'wait', 'who is held has a descriptor too');
  grant(100);
  assert.equal(admission.admit(3, 0, 0), 'no');
  assert.equal(admission.beyondDescriptors, 1);
  // The engine reports the end of every connection, also of a refused one.
  admission.release(3, 0);
  assert.equal(admission.admit(3, 0, 0), 'no');
  admission.release(3, 0);
  admission.release(2, 0);
  assert.equal(admission.admit(4, 0, 0), 'yes');
  assert.equal(admission.admit(5, 0, 0), 'no');
  assert.equal(admission.beyondDescriptors, 3);
});

test('a client that was held and got no permit leaves its place among those inside', (t) => {
  const { admission, settled } = admissionFor(1);
  t.after(() => admission.close());
  admission.permits({ kind: 'permits', pool: 0, granted: 0, thrifty: true });
  for (let connection = 0; connection < 5; connection++) {
    const answer = admission.admit(connection, 0, 0);
    if (answer === 'wait') {
      admission.permits({ kind: 'permits', pool: 0, granted: 0, thrifty: true });
      assert.deepEqual(settled.pop(), [connection, false]);
    }
    admission.release(connection, 0);
  }
  assert.equal(admission.beyondDescriptors, 0);
});

test('with a queue a client for whom there is no permit waits on, and is let go when its time is over', (t) => {
  t.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const patience = { overloadPolicy: 'queue', queueTimeoutMs: 3000, queueMax: 3 } as const;
  const services = [assignedService(0, {}, patience), assignedService(1)];
  const settled: [number, boolean][] = [];
  const sent: string[] = [];
  const waiting = createWaiting(services, null);
  const admission = createAdmission(
    assignmentOf(...services),
    waiting,
    (connection, admitted) => void settled.push([connection, admitted]),
    (message) => void sent.push(message.kind === 'ask' ? `?${message.wanted}` : `-${message.permits}`),
  );
  t.after(() => admission.close());
  const grant = (granted: number): void => admission.permits({ kind: 'permits', pool: 0, granted, thrifty: true });
  const pass = (ms: number): void => {
    now += ms;
    t.mock.timers.tick(ms);
  };
  grant(0);
  assert.deepEqual(
    [admission.admit(1, 0, now), admission.admit(2, 1, now), admission.admit(3, 0, now)],
    ['wait', 'wait', 'wait'],
  );
  grant(0);
  assert.deepEqual(settled, [[2, false]], 'nobody waits for the other service');
  assert.deepEqual(waiting.counts(), [{ service: 0, total: 2, now: 2 }]);
  assert.equal(admission.admit(4, 1, now), 'no');
  assert.deepEqual([admission.admit(5, 0, now), admission.admit(6, 0, now)], ['wait', 'wait']);
  grant(0);
  assert.deepEqual(settled.splice(0), [
    [2, false],
    [6, false],
  ]);
  assert.equal(admission.admit(6, 0, now), 'no', 'three may wait');
  grant(1);
  assert.deepEqual(settled.splice(0), [[1, true]]);
  admission.release(3, 0);
  pass(2990);
  assert.deepEqual(settled, []);
  pass(10);
  assert.deepEqual(settled.splice(0), [[5, false]]);
  assert.deepEqual(waiting.counts(), [{ service: 0, total: 3, now: 0 }]);
  // No waiting client is left that a grant could go to by mistake.
  sent.length = 0;
  grant(1);
  assert.deepEqual([settled, sent], [[], ['-1']]);
});

test('a burst of clients with a short queue gets the permits that there are, and only then the queue is full', (t) => {
  const services = [assignedService(0, {}, { overloadPolicy: 'queue', queueTimeoutMs: 3000, queueMax: 2 })];
  const settled: [number, boolean][] = [];
  const waiting = createWaiting(services, null);
  const admission = createAdmission(
    assignmentOf(...services),
    waiting,
    (connection, admitted) => void settled.push([connection, admitted]),
    () => undefined,
  );
  t.after(() => admission.close());
  const grant = (granted: number): void => admission.permits({ kind: 'permits', pool: 0, granted, thrifty: true });
  grant(0);
  const burst = Array.from({ length: 8 }, (_, connection) => admission.admit(connection, 0, 1000));
  assert.deepEqual(new Set(burst), new Set(['wait']));
  grant(5);
  const admitted = [0, 1, 2, 3, 4].map((connection) => [connection, true]);
  assert.deepEqual(settled.splice(0), admitted);
  assert.deepEqual(waiting.counts(), [{ service: 0, total: 4, now: 2 }], 'two others have come to the queue');
  grant(0);
  assert.deepEqual(settled.splice(0), [[7, false]]);
  grant(2);
  assert.deepEqual(settled.splice(0), [
    [5, true],
    [6, true],
  ]);
  assert.deepEqual(waiting.counts(), [{ service: 0, total: 4, now: 0 }]);
});

test('a client that ends while those before it are settled does not take its permit with it', (t) => {
  const assignment = assignmentOf(assignedService(0));
  const returned: number[] = [];
  const settled: number[] = [];
  const admission = createAdmission(
    assignment,
    createWaiting(assignment.services, null),
    (connection) => {
      settled.push(connection);
      if (connection === 1) admission.release(2, 0);
    },
    (message) => void (message.kind === 'returned' && returned.push(message.permits)),
  );
  t.after(() => admission.close());
  assert.deepEqual(
    [admission.admit(1, 0, 0), admission.admit(2, 0, 0), admission.admit(3, 0, 0)],
    ['wait', 'wait', 'wait'],
  );
  admission.permits({ kind: 'permits', pool: 0, granted: 3, thrifty: true });
  assert.deepEqual([settled, returned], [[1, 3], [1]]);
});

test('who may not wait because too many do asks for no permit', (t) => {
  const services = [assignedService(0, {}, { overloadPolicy: 'queue', queueMax: 1 })];
  const waiting = createWaiting(services, null);
  const asked: number[] = [];
  const admission = createAdmission(
    assignmentOf(...services),
    waiting,
    () => undefined,
    (message) => void (message.kind === 'ask' && asked.push(message.wanted)),
  );
  t.after(() => admission.close());
  admission.permits({ kind: 'permits', pool: 0, granted: 0, thrifty: true });
  asked.length = 0;
  assert.equal(admission.admit(1, 0, 0), 'wait');
  admission.permits({ kind: 'permits', pool: 0, granted: 0, thrifty: true });
  asked.length = 0;
  assert.deepEqual([admission.admit(2, 0, 0), asked], ['no', []]);
  admission.release(2, 0);
  assert.deepEqual(waiting.counts(), [{ service: 0, total: 1, now: 1 }]);
  admission.release(1, 0);
  assert.deepEqual([admission.admit(3, 0, 0), waiting.counts()], ['wait', [{ service: 0, total: 2, now: 1 }]]);
});

test('a client of nobody yet has the permit of all; when its service is known it needs that of the service, too', (t) => {
  const [LISTENER, ALL, OWN] = [5, 0, 1];
  const services = [assignedService(0, { pool: OWN }), assignedService(1)];
  const settled: [number, boolean][] = [];
  const returned: number[] = [];
  const admission = createAdmission(
    assignmentOf(...services),
    createWaiting(services, null),
    (connection, admitted) => void settled.push([connection, admitted]),
    (message) => message.kind === 'returned' && returned.push(message.pool),
  );
  t.after(() => admission.close());
  const grant = (pool: number, granted: number): void =>
    admission.permits({ kind: 'permits', pool, granted, thrifty: true });
  grant(ALL, 2);
  assert.deepEqual([admission.admit(0, LISTENER, 0), admission.admit(1, LISTENER, 0)], ['yes', 'yes']);
  assert.equal(admission.complete(1, 1, 0), 'yes', 'this one has no limit of its own');
  assert.equal(admission.complete(0, 0, 0), 'wait');
  // A client that waits for the service's permit returns the instance's, and needs a new one later.
  assert.deepEqual(returned, [ALL]);
  grant(OWN, 1);
  assert.deepEqual(settled, []);
  grant(ALL, 1);
  assert.deepEqual(settled.splice(0), [[0, true]]);
  admission.release(0, 0);
  admission.release(1, 1);
  assert.deepEqual(
    returned.slice(1).toSorted((a, b) => a - b),
    [ALL, ALL, OWN],
  );
  // A client that gets no permit of the service is refused, and everything is given back.
  returned.length = 0;
  grant(ALL, 1);
  assert.equal(admission.admit(2, LISTENER, 0), 'yes');
  assert.equal(admission.complete(2, 0, 0), 'wait');
  grant(OWN, 0);
  assert.deepEqual(settled, [[2, false]]);
  admission.release(2, 0);
  assert.deepEqual(returned, [ALL]);
});

test('where services share a listener, their clients wait as those of the least patient', () => {
  const queue = { overloadPolicy: 'queue', queueMax: 2 } as const;
  const services = [3000, 1000].map((queueTimeoutMs, id) => assignedService(id, {}, { ...queue, queueTimeoutMs }));
  const waiting = createWaiting([...services, assignedService(2)], null);
  const route = (service: number) => ({ service, names: [], protocols: [] });
  waiting.add({ service: 5, routes: [route(0), route(1)] });
  waiting.add({ service: 6, routes: [route(0), route(2)] });
  waiting.add({ service: 0, routes: [] });
  assert.deepEqual(
    [5, 6, 0].map((id) => waiting.patience(id)),
    [1000, 0, 3000],
  );
  assert.deepEqual(
    [waiting.enter(5), waiting.enter(5), waiting.enter(5), waiting.enter(6)],
    [true, true, false, false],
  );
});
