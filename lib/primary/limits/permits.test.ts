import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../config/load.ts';
import type { ToWorker } from '../../ipc/messages.ts';
import { processStandIn } from '../../testing/process-stand-in.ts';
import { createPermitBook } from './permits.ts';

/** A plan with a service `a` that has a limit of its own, and optionally one more. */
function planOf(more: string) {
  const service = (port: number): string => `{ port: ${port}, backends: [{ host: 127.0.0.1, port: 1 }], ${LIMIT} }`;
  const { plan } = parseConfig(
    `services: { a: ${service(8001)}${more && `, ${more}: ${service(8002)}`} }\n`,
    '/c.yaml',
  );
  assert.ok(plan);
  return plan;
}

const LIMIT = 'runtime: { max_concurrent_connections: 2 }';

test('a worker that has clients of a service which is no longer in the plan is answered, reload after reload', (t) => {
  const book = createPermitBook();
  t.after(() => book.close());
  const received: ToWorker[] = [];
  const worker = processStandIn(7, (message) => void received.push(message));
  const before = planOf('gone');
  book.setPlan(before);
  const pool = before.services.flatMap((it) => (it.name === 'gone' ? (book.poolOf(it) ?? []) : []))[0];
  assert.ok(pool !== undefined);
  const ask = (): void => book.receive(worker, { kind: 'ask', pool, wanted: 1 });
  const granted = (): number[] =>
    received.splice(0).flatMap((message) => (message.kind === 'permits' ? [message.granted] : []));
  ask();
  const first = granted();
  assert.equal(first.length, 1);
  worker.state = 'draining';
  book.leaving(worker);
  book.setPlan(planOf(''));
  // The worker has returned all idle permits, so nobody holds one.
  book.receive(worker, { kind: 'returned', pool, permits: first[0] ?? 0, recalled: false });
  book.setPlan(planOf(''));
  assert.equal(book.held('gone'), 0);
  ask();
  assert.deepEqual(granted(), [1], 'one of its clients has said only now that it wants that service');
  worker.state = 'gone';
  book.forget(worker);
  assert.equal(book.held('gone'), 0);
});

test('services that come and go leave no pool behind', (t) => {
  const book = createPermitBook();
  t.after(() => book.close());
  const pools = Array.from({ length: 50 }, (_, i) => {
    const plan = planOf(`s${i}`);
    book.setPlan(plan);
    return plan.services.map((service) => book.poolOf(service) ?? 0);
  });
  assert.ok(
    pools.every(([a, other]) => a === 1 && other !== undefined && other > 1 && other <= 3),
    String(pools),
  );
});

test("two processes share a limit: what comes back to the old one is the new one's, which lends it to clients that wait", (t) => {
  const { plan } = parseConfig(
    'port: 9\nruntime: { max_concurrent_connections: 3 }\nbackends: [127.0.0.1:1]\n',
    '/c.yaml',
  );
  assert.ok(plan);
  const [old, next] = [createPermitBook(), createPermitBook()];
  t.after(() => [old, next].forEach((book) => book.close()));
  const got = { old: 0, next: 0 };
  const [worker, other] = (['old', 'next'] as const).map((who, i) =>
    processStandIn(7 + i, (message) => void (message.kind === 'permits' && (got[who] += message.granted))),
  );
  assert.ok(worker !== undefined && other !== undefined);
  const lends: number[] = [];
  const report = (): void => {
    const [{ wanted, lent }, held] = [old.loans(null), old.held(null)];
    const lend = (_service: unknown, permits: number): void => void lends.push(permits);
    next.occupied({ pid: 1, held: () => held, wanted: () => wanted, lent: () => lent, lend });
  };
  for (const book of [old, next]) book.setPlan(plan);
  old.receive(worker, { kind: 'ask', pool: 0, wanted: 2 });
  old.borrow();
  report();
  old.receive(worker, { kind: 'ask', pool: 0, wanted: 1 });
  next.receive(other, { kind: 'ask', pool: 0, wanted: 1 });
  assert.deepEqual(got, { old: 2, next: 1 });
  // A client moves. Its permit must not go to the one that waits in the old process.
  next.receive(other, { kind: 'took', pool: 0, permits: 1 });
  old.receive(worker, { kind: 'returned', pool: 0, permits: 1, recalled: false });
  report();
  assert.deepEqual([got.old, lends], [2, []]);
  next.receive(other, { kind: 'returned', pool: 0, permits: 1, recalled: false });
  assert.deepEqual(lends, [1]);
  // The old process reports before it gets it.
  report();
  next.receive(other, { kind: 'ask', pool: 0, wanted: 1 });
  assert.deepEqual([got.next, lends, next.held(null)], [1, [1], 3]);
  old.borrowed(null, 1);
  report();
  assert.deepEqual([got.old, lends, old.held(null), next.held(null)], [3, [1], 2, 3]);
  // Nobody waits any more: what is lent in vain comes back with the next report.
  old.borrowed(null, 0);
  old.forget(worker);
  report();
  assert.deepEqual([got.next, old.held(null), next.held(null)], [2, 0, 2]);
});

test('what was lent to a service is not counted for the next one, which gets its pool', (t) => {
  const next = createPermitBook();
  t.after(() => next.close());
  const other = processStandIn(8, () => undefined);
  const report = (held: number, wanted: number, lent: number): void =>
    next.occupied({
      pid: 1,
      held: (service) => (service === 'gone' ? held : 0),
      wanted: (service) => (service === 'gone' ? wanted : 0),
      lent: (service) => (service === 'gone' ? lent : 0),
      lend: () => undefined,
    });
  const [before, after] = [planOf('gone'), planOf('fresh')];
  next.setPlan(before);
  report(0, 2, 0);
  report(2, 0, 2);
  report(0, 0, 2);
  next.setPlan(planOf(''));
  next.setPlan(after);
  report(0, 0, 2);
  assert.equal(next.held('fresh'), 0);
  const pool = after.services.flatMap((it) => (it.name === 'fresh' ? (next.poolOf(it) ?? []) : []))[0];
  assert.ok(pool !== undefined);
  next.receive(other, { kind: 'ask', pool, wanted: 2 });
  report(0, 0, 2);
  assert.equal(next.held('fresh'), 2);
});

test('a worker with the pid of a process that has nothing any more gets its own permits', (t) => {
  const book = createPermitBook();
  t.after(() => book.close());
  const received: ToWorker[] = [];
  const worker = processStandIn(7, (message) => void received.push(message));
  book.setPlan(planOf(''));
  const lend = (): void => assert.fail('lent to a process that is gone');
  for (const held of [1, 0])
    book.occupied({ pid: worker.pid, held: () => held, wanted: () => 0, lent: () => null, lend });
  book.receive(worker, { kind: 'ask', pool: 0, wanted: 1 });
  assert.deepEqual(
    received.map(({ kind }) => kind),
    ['permits'],
  );
});

test('what another process holds counts from the first plan on, for the instance and for its services', (t) => {
  const book = createPermitBook();
  t.after(() => book.close());
  const report = (held: number): void =>
    book.occupied({ pid: 0, held: () => held, wanted: () => 0, lent: () => null, lend: () => undefined });
  report(2);
  book.setPlan(planOf('web'));
  assert.deepEqual([book.held(null), book.held('web')], [2, 2]);
  report(0);
  assert.deepEqual([book.held(null), book.held('web')], [0, 0]);
});
