import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ToPrimary } from '../../ipc/messages.ts';
import { assignedService, assignmentOf } from '../../testing/assignments.ts';
import { createAdmission } from './admission.ts';

function admissionFor(carries: number | null) {
  const assignment = { ...assignmentOf(assignedService(0)), carries };
  const settled: [number, boolean][] = [];
  const sent: Extract<ToPrimary, { kind: 'ask' | 'returned' }>[] = [];
  const admission = createAdmission(
    assignment,
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
  // The engine tells the end of each connection, also of the one that was refused.
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
