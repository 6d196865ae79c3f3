import assert from 'node:assert/strict';
import type { Buffer } from 'node:buffer';
import { test, type TestContext } from 'node:test';

import type { Reason } from '../../ipc/reasons.ts';
import type { Ended } from './record-buffer.ts';
import { createRecords, type Records } from './records.ts';

function ended(reason: Reason = 'client_closed'): Ended {
  return {
    client: '127.0.0.1:1',
    service: 'default',
    backend: '127.0.0.1:2',
    attempts: 1,
    tried: null,
    uniqueId: null,
    connectMs: 0.1,
    durationMs: 1,
    bytesIn: 1,
    bytesOut: 2,
    reason,
  };
}

interface Rig {
  readonly records: Records;
  /** Number of lines in each write that the pipe took. */
  readonly taken: number[];
  /** Counts of dropped records reported to the primary. */
  readonly reported: number[];
  pipeTakes: boolean;
  channelTakes: boolean;
  readonly isEnded: () => boolean;
}

/** Records over a pipe and a channel that can refuse; the test controls the clock. */
function rig(t: TestContext): Rig {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  let isEnded = false;
  const taken: number[] = [];
  const reported: number[] = [];
  const pipe = {
    write(lines: Buffer) {
      if (it.pipeTakes) taken.push(lines.toString().split('\n').length - 1);
      return it.pipeTakes;
    },
    end(done: () => void) {
      isEnded = true;
      done();
    },
  };
  const records = createRecords(pipe, (count) => {
    if (it.channelTakes) reported.push(count);
    return it.channelTakes;
  });
  const it: Rig = { records, taken, reported, pipeTakes: true, channelTakes: true, isEnded: () => isEnded };
  return it;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((all, count) => all + count, 0);
}

test('records wait for others, for a moment or until the batch is full', (t) => {
  const it = rig(t);
  for (let i = 0; i < 3; i++) it.records.add(ended());
  assert.deepEqual(it.taken, []);
  t.mock.timers.tick(250);
  assert.deepEqual(it.taken, [3]);
  t.mock.timers.tick(10_000);
  assert.deepEqual(it.taken, [3], 'nothing is sent when there is nothing');
  for (let i = 0; i < 2000; i++) it.records.add(ended());
  assert.ok(it.taken.length > 1, 'a full one goes at once');
  t.mock.timers.tick(250);
  assert.equal(sum(it.taken), 2003);
  assert.deepEqual(it.reported, []);
});

test('what the pipe does not take is counted exactly, and the primary is told each once', (t) => {
  const it = rig(t);
  it.pipeTakes = false;
  for (let i = 0; i < 7; i++) it.records.add(ended());
  t.mock.timers.tick(250);
  assert.deepEqual([it.taken, it.reported], [[], [7]]);
  for (let i = 0; i < 5000; i++) it.records.add(ended());
  it.pipeTakes = true;
  t.mock.timers.tick(1000);
  assert.equal(sum(it.taken) + sum(it.reported), 5007);
  assert.ok(it.taken.length > 0 && it.reported.length > 1);
});

test('a count that the channel does not take is told later, though nothing else ends', (t) => {
  const it = rig(t);
  it.pipeTakes = it.channelTakes = false;
  for (let i = 0; i < 4; i++) it.records.add(ended());
  t.mock.timers.tick(1000);
  assert.deepEqual(it.reported, []);
  it.channelTakes = true;
  t.mock.timers.tick(250);
  assert.deepEqual(it.reported, [4]);
  t.mock.timers.tick(10_000);
  assert.deepEqual(it.reported, [4]);
});

test('of refusals a hundred a second are kept, and the others are counted', (t) => {
  const it = rig(t);
  t.mock.timers.setTime(1_000_000);
  const reasons: Reason[] = ['overload', 'no_backend', 'connect_failed'];
  for (let i = 0; i < 450; i++) it.records.add(ended(reasons[i % 3]));
  for (let i = 0; i < 50; i++) it.records.add(ended());
  t.mock.timers.tick(250);
  assert.deepEqual([sum(it.taken), sum(it.reported)], [150, 350]);
  t.mock.timers.tick(750);
  for (let i = 0; i < 101; i++) it.records.add(ended('overload'));
  t.mock.timers.tick(250);
  assert.deepEqual([sum(it.taken), sum(it.reported)], [250, 351]);
});

test('at the end what waits is sent, and the pipe ended', (t) => {
  const it = rig(t);
  for (let i = 0; i < 3; i++) it.records.add(ended());
  let isDone = false;
  it.records.close(() => (isDone = true));
  assert.deepEqual([it.taken, it.isEnded(), isDone], [[3], true, true]);
  t.mock.timers.tick(10_000);
  assert.deepEqual(it.taken, [3], 'no timer is left');
});
