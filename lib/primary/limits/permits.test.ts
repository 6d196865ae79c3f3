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
