import assert from 'node:assert/strict';
import { test } from 'node:test';

import { backendWith, serviceWith, statusWith } from '../testing/statuses.ts';
import { backendShown, instanceShown, serviceShown, worstFirst } from './state.ts';

test('a service is degraded while one of its backends is out, and failing without any', () => {
  assert.deepEqual(serviceShown(serviceWith('web', ['up', 'up']), 'running'), { text: 'serving', tone: 'good' });
  assert.deepEqual(serviceShown(serviceWith('web', ['up', 'down']), 'running'), { text: 'degraded', tone: 'odd' });
  assert.deepEqual(serviceShown(serviceWith('web', ['down', 'down']), 'running'), { text: 'failing', tone: 'bad' });
  assert.equal(serviceShown(serviceWith('web', []), 'running').text, 'failing');
  assert.equal(serviceShown(serviceWith('web', ['up']), 'draining').text, 'stopping');
});

test('who gets no clients though nothing is wrong with it degrades nothing', () => {
  const service = serviceWith('web', ['up', 'draining']);
  assert.equal(serviceShown(service, 'running').text, 'serving');
  const drained = { ...backendWith('10.0.0.9:80', 'up'), administrative: 'drained' as const, weight: 0 };
  assert.equal(serviceShown({ ...service, backends: [...service.backends, drained] }, 'running').text, 'serving');
  assert.equal(serviceShown({ ...service, backends: [drained] }, 'running').text, 'failing', 'nobody is left');
  assert.deepEqual(backendShown(drained), { text: 'drained', tone: 'odd' });
});

test('clients that fail degrade a service whose backends are all up', () => {
  const recent = { window_ms: 60_000, ended: 50, failed: 46, failing: true, by_reason: {}, reset_early: 0, local: 0 };
  const service = { ...serviceWith('web', ['up']), recent: { ...recent, since: null, last: null } };
  assert.equal(serviceShown(service, 'running').text, 'degraded');
});

test('an instance is as the worst of its services, unless it starts or stops', () => {
  const [well, half, dark] = [serviceWith('a', ['up']), serviceWith('b', ['up', 'down']), serviceWith('c', ['down'])];
  assert.deepEqual(instanceShown(statusWith([well])), { text: 'running', tone: 'good' });
  assert.deepEqual(instanceShown(statusWith([well, half])), { text: 'degraded', tone: 'odd' });
  assert.deepEqual(instanceShown(statusWith([well, dark, half])), { text: 'failing', tone: 'bad' });
  assert.equal(instanceShown(statusWith([dark], { state: 'draining' })).text, 'stopping');
  assert.equal(instanceShown(statusWith([half], { state: 'reloading' })).text, 'degraded, reloading');
});

test('the worst comes first, and what is equally well stays in its order', () => {
  const { backends } = serviceWith('web', ['up', 'down', 'unknown', 'up', 'down']);
  const order = worstFirst(backends, backendShown).map(({ address }) => address.replace(/^10\.0\.0\.(.):80$/, '$1'));
  assert.deepEqual(order, ['2', '5', '3', '1', '4']);
});
