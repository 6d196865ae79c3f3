// Totals that another process has counted: taken over once, whatever it sends.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { endpointAt, serviceAt } from '../../ipc/counters.ts';
import { createRegistry } from '../registry.ts';
import { inherit, NO_PAST, pastOf } from './past.ts';
import { report } from './report.ts';
import { backendSum, createTotals, instanceSum, join, serviceSum, type Totals } from './totals.ts';

function totals(): Totals {
  const registry = createRegistry();
  registry.service('db');
  registry.endpoint('db', 'a:1');
  const it = createTotals(registry);
  join(it, 1);
  return it;
}

function counting(clients: number, active: number): Totals {
  const it = totals();
  report(it, 1, {
    services: [serviceAt(0, 'accepted_total'), clients, serviceAt(0, 'active'), active],
    endpoints: [endpointAt(0, 'connections_total'), clients, endpointAt(0, 'active'), active],
  });
  return it;
}

test('what was counted is added by name, what goes on is not', () => {
  const heir = counting(5, 2);
  const past = JSON.parse(JSON.stringify(pastOf(counting(7, 3)))) as unknown;
  inherit(heir, NO_PAST, past);
  for (const sum of [instanceSum(heir).clients, serviceSum(heir, 'db').clients])
    assert.deepEqual([sum.accepted_total, sum.active], [12, 2]);
  const { connections_total: all, active } = backendSum(heir, 'db', 'a:1');
  assert.deepEqual([all, active], [12, 2]);
});

test('told again it adds what is new, and it goes along to the next one', () => {
  const heir = counting(0, 0);
  let last = inherit(heir, NO_PAST, pastOf(counting(7, 3)));
  last = inherit(heir, last, pastOf(counting(7, 3)));
  last = inherit(heir, last, pastOf(counting(6, 3)));
  last = inherit(heir, last, pastOf(counting(9, 0)));
  assert.equal(serviceSum(heir, 'db').clients.accepted_total, 9);
  const next = totals();
  inherit(next, NO_PAST, pastOf(heir));
  assert.equal(backendSum(next, 'db', 'a:1').connections_total, 9);
});

test('whatever is told, totals never fall, and are numbers', () => {
  const counts = fc.dictionary(
    fc.constantFrom('accepted_total', 'active', 'bytes_in', '__proto__', 'x'),
    fc.anything(),
  );
  const part = fc.record({ clients: fc.oneof(counts, fc.anything()), backends: fc.oneof(counts, fc.anything()) });
  const past = fc.oneof(
    fc.anything(),
    fc.record({
      instance: part,
      services: fc.dictionary(fc.constantFrom('db', '__proto__'), part),
      backends: fc.dictionary(fc.string(), counts),
    }),
  );
  fc.assert(
    fc.property(fc.array(past, { maxLength: 4 }), (reported) => {
      const heir = counting(3, 1);
      let last = NO_PAST;
      let before = 3;
      for (const it of reported) {
        last = inherit(heir, last, it);
        const { accepted_total: now, active } = instanceSum(heir).clients;
        assert.ok(Number.isFinite(now) && now >= before && active === 1);
        before = now;
      }
    }),
  );
});
