import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { assignedService } from '../testing/assignments.ts';
import { olderThan, watchAges } from './ages.ts';
import { createConnections } from './connections.ts';

const AGE = 10_000;

/** `count` connections, all made at the same time. */
function crowd(count: number, at: number, service = 0) {
  const connections = createConnections();
  connections.reserve(count - 1);
  for (let id = 0; id < count; id++) {
    connections.service[id] = service;
    connections.endpoint[id] = 3;
    connections.connectedAt[id] = at;
  }
  return connections;
}

test('those that came together go one by one, from nine tenths of the age to eleven, each at its own time', () => {
  const connections = crowd(10_000, 77.125);
  const at = (share: number): number[] => olderThan([AGE], connections, 77.125 + share * AGE);
  assert.deepEqual(at(0.8999), []);
  for (const tenth of [1, 2, 3, 4, 5, 6, 7, 8, 9]) {
    const gone = at(0.9 + 0.02 * tenth).length;
    assert.ok(Math.abs(gone - tenth * 1000) < 200, `${gone} after ${tenth} tenths of that time`);
  }
  assert.equal(at(1.1001).length, 10_000);
  const early = new Set(at(0.95));
  assert.ok(at(1).length > early.size && [...early].every((id) => at(1).includes(id)));
});

test('who is not connected, or whose service has no such age, does not become too old', () => {
  const connections = crowd(6, 5);
  connections.connectedAt[1] = 0;
  connections.endpoint[2] = -1;
  connections.service[3] = 1;
  connections.service[4] = 2;
  assert.deepEqual(olderThan([AGE, 0], connections, 1e9), [0, 5]);
});

test('a timer looks only where a service has an age', (t) => {
  const timers = mock.timers;
  timers.enable({ apis: ['setInterval'] });
  t.after(() => timers.reset());
  const connections = crowd(2, performance.now() - AGE * 2, 1);
  const reported: number[][] = [];
  const without = watchAges(
    [assignedService(0), assignedService(1)],
    connections,
    'native',
    (ids) => void reported.push([...ids]),
  );
  timers.tick(5000);
  assert.equal(reported.length, 0);
  without.close();
  const services = [assignedService(0), assignedService(1, {}, { maxAgeMs: AGE })];
  const ages = watchAges(services, connections, 'native', (ids) => void reported.push([...ids]));
  timers.tick(199);
  assert.equal(reported.length, 0);
  timers.tick(1);
  assert.deepEqual(reported, [[0, 1]]);
  ages.close();
  timers.tick(5000);
  assert.equal(reported.length, 1);
});
