import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { REFUSE, WAIT } from '../../engine/engine.ts';
import type { Board } from '../../engine/scoreboard.ts';
import { HEADS_AT, partOf, SHARED_BYTES, TICKETS_AT, WAITING_ROWS } from '../../engine/scoreboard.ts';
import { assignedService } from '../../testing/assignments.ts';
import type { Queue } from './queue.ts';
import { createQueue } from './queue.ts';
import { createWaiting } from './waiting.ts';

const WEB = 3;
const TARGET = 40;

/** Each call to another worker takes a microtask. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 50; i++) await Promise.resolve();
};

/** Workers that share memory, and one service whose room the test sets. */
function scene(
  t: TestContext,
  { queueMax = 100, queueTimeoutMs = 1000, shared = true, cannot = new Set<number>() } = {},
) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const all = new Int32Array(SHARED_BYTES / 4);
  const services = [assignedService(WEB, {}, { overloadPolicy: 'queue', queueMax, queueTimeoutMs })];
  const served: string[] = [];
  const queues = new Map<number, Queue>();
  let room = 0;

  function worker(row: number, answers = true) {
    const board: Board = {
      row,
      all,
      own: new Int32Array(partOf(row).bytes / 4),
      call: (other) => {
        if (!stopped.has(other)) queues.get(other)?.called();
      },
    };
    const waiting = createWaiting(services, shared ? board : null);
    const queue = createQueue({
      waiting,
      board: shared ? board : null,
      place: (connection) => (room === 0 || cannot.has(connection) ? WAIT : (room--, TARGET + connection)),
      hasRoom: () => room > 0,
      late: () => REFUSE,
      settled: (connection, target) => served.push(`${row}:${connection}${target === REFUSE ? ' late' : ''}`),
    });
    queues.set(row, queue);
    if (!answers) stopped.add(row);
    return { queue, waiting };
  }
  const stopped = new Set<number>();
  return {
    all,
    served,
    worker,
    free: async (queue: Queue, count: number): Promise<void> => {
      room += count;
      queue.room(WEB);
      await settle();
    },
    pass: (ms: number): void => {
      for (let i = 0; i < ms; i += 50) {
        now += 50;
        t.mock.timers.tick(50);
      }
    },
  };
}

test('whoever came first is served first, whichever worker has it and whichever has the room', async (t) => {
  const { worker, served, free } = scene(t);
  const [a, b] = [worker(1), worker(2)];
  for (const [{ queue }, connection] of [
    [a, 1],
    [b, 1],
    [b, 2],
    [a, 2],
    [b, 3],
  ] as const) {
    assert.ok(queue.join(connection, WEB, 0, false, false));
  }
  await settle();
  assert.ok(a.queue.isWaitedFor(WEB));
  await free(b.queue, 1);
  assert.deepEqual(served, ['1:1']);
  await free(a.queue, 3);
  assert.deepEqual(served, ['1:1', '2:1', '2:2', '1:2']);
  assert.equal(a.queue.isWaitedFor(WEB), true);
  await free(a.queue, 1);
  assert.equal(served.at(-1), '2:3');
  assert.deepEqual([a.queue.isWaitedFor(WEB), b.queue.isWaitedFor(WEB)], [false, false]);
});

test('a worker that does not come for its client is passed over until it does', async (t) => {
  const { worker, served, free, pass } = scene(t);
  const [a, b] = [worker(1, false), worker(2)];
  a.queue.join(1, WEB, 0, false, false);
  b.queue.join(1, WEB, 0, false, false);
  await settle();
  pass(500);
  assert.deepEqual(served, [], 'there is no room: nobody is passed over');
  // From here on the first worker is stopped: its own timer does not run either.
  a.queue.close();
  await free(b.queue, 1);
  assert.deepEqual(served, []);
  pass(150);
  assert.deepEqual(served, ['2:1']);
  await free(a.queue, 1);
  assert.deepEqual(served, ['2:1', '1:1']);
});

test('a worker that does not come is passed over for all of its clients, for a while, and holds nobody up', async (t) => {
  const { worker, served, free, pass } = scene(t);
  const [a, b] = [worker(1, false), worker(2)];
  for (const connection of [1, 2, 3]) a.queue.join(connection, WEB, 0, false, false);
  b.queue.join(1, WEB, 0, false, false);
  await settle();
  a.queue.close();
  await free(b.queue, 1);
  pass(150);
  await settle();
  assert.deepEqual(served, ['2:1']);
  assert.equal(b.queue.isWaitedFor(WEB), false, 'who comes now takes the room that there is');
  // Its first client goes away: nobody waits for its next one either.
  a.queue.leave(1, WEB);
  b.queue.join(2, WEB, 0, false, false);
  await free(b.queue, 1);
  assert.deepEqual(served, ['2:1', '2:2']);
  pass(1000);
  assert.equal(b.queue.isWaitedFor(WEB), true);
  b.queue.join(3, WEB, 1000, false, false);
  await free(b.queue, 1);
  assert.deepEqual(served, ['2:1', '2:2'], 'it has another chance');
  await free(a.queue, 0);
  assert.deepEqual(served, ['2:1', '2:2', '1:2']);
});

test('who has waited long enough is let go, and who has gone by itself is forgotten', async (t) => {
  const { worker, served, free, pass, all } = scene(t, { queueTimeoutMs: 200 });
  const { queue, waiting } = worker(1);
  queue.join(1, WEB, 0, false, false);
  queue.join(2, WEB, 0, false, false);
  queue.join(3, WEB, 100, false, false);
  queue.leave(2, WEB);
  queue.leave(7, WEB);
  await settle();
  pass(200);
  assert.deepEqual(served, ['1:1 late']);
  assert.deepEqual(waiting.counts(), [{ service: WEB, total: 3, now: 1 }]);
  await free(queue, 1);
  assert.deepEqual(served, ['1:1 late', '1:3']);
  assert.deepEqual(waiting.counts(), [{ service: WEB, total: 3, now: 0 }]);
  assert.equal(all[HEADS_AT + WEB * WAITING_ROWS + 1], 0);
});

test('no more may wait than queue_max says, over all workers', (t) => {
  const { worker } = scene(t, { queueMax: 2 });
  const [a, b] = [worker(1), worker(2)];
  assert.deepEqual(
    [
      a.queue.join(1, WEB, 0, false, false),
      b.queue.join(1, WEB, 0, false, false),
      b.queue.join(2, WEB, 0, false, false),
    ],
    [true, true, false],
  );
  a.queue.leave(1, WEB);
  assert.ok(b.queue.join(2, WEB, 0, false, false));
  assert.equal(a.queue.join(1, WEB + 1, 0, false, false), false, 'a service without a queue');
});

test('who has waited for a permit is not counted again, and has the place that it had', (t) => {
  const { worker } = scene(t, { queueMax: 1 });
  const { queue, waiting } = worker(1);
  assert.ok(waiting.enter(WEB));
  waiting.leave(WEB);
  assert.ok(queue.join(1, WEB, 0, false, false), 'another one took it meanwhile');
  assert.ok(queue.join(2, WEB, 0, true, false));
  assert.equal(queue.join(3, WEB, 0, false, false), false);
  assert.deepEqual(waiting.counts(), [{ service: WEB, total: 2, now: 2 }]);
});

test('one that cannot take the room that there is holds nobody up, and has its turn when it can', async (t) => {
  const cannot = new Set([1]);
  const { worker, served, free, all, pass } = scene(t, { cannot });
  const [a, b] = [worker(1), worker(2)];
  a.queue.join(1, WEB, 0, false, true);
  assert.equal(all[HEADS_AT + WEB * WAITING_ROWS + 1], 0, 'the others need not wait for it');
  a.queue.join(2, WEB, 0, false, false);
  b.queue.join(3, WEB, 0, false, false);
  await free(b.queue, 1);
  assert.deepEqual(served, ['1:2']);
  await free(a.queue, 1);
  assert.deepEqual(served, ['1:2', '2:3']);
  b.queue.join(4, WEB, 0, false, false);
  await settle();
  cannot.clear();
  await free(a.queue, 1);
  assert.deepEqual(served, ['1:2', '2:3', '1:1']);
  await free(b.queue, 0);
  pass(100);
  await free(b.queue, 1);
  assert.equal(served.at(-1), '2:4');
});

test('the numbers begin again where they end', async (t) => {
  const { worker, served, free, all } = scene(t);
  all[TICKETS_AT + WEB] = 0x7fff_fffe;
  const [a, b] = [worker(1), worker(2)];
  for (let connection = 1; connection <= 3; connection++) {
    a.queue.join(connection, WEB, 0, false, false);
    b.queue.join(connection, WEB, 0, false, false);
  }
  await free(b.queue, 6);
  assert.deepEqual(served, ['1:1', '2:1', '1:2', '2:2', '1:3', '2:3']);
  all[TICKETS_AT + WEB] = -2;
  for (let connection = 1; connection <= 2; connection++) {
    b.queue.join(connection, WEB, 0, false, false);
    a.queue.join(connection, WEB, 0, false, false);
  }
  await free(a.queue, 4);
  assert.deepEqual(served.slice(6), ['2:1', '1:1', '2:2', '1:2']);
});

test('without shared memory each worker has a line of its own', async (t) => {
  const { worker, served, free, pass } = scene(t, { shared: false });
  const [a, b] = [worker(1), worker(2)];
  a.queue.join(1, WEB, 0, false, false);
  b.queue.join(1, WEB, 0, false, false);
  await settle();
  await free(b.queue, 1);
  assert.deepEqual(served, ['2:1']);
  await free(b.queue, 1);
  pass(50);
  assert.deepEqual(served, ['2:1', '1:1'], 'it looks by itself');
});
