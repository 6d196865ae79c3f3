import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fields, Log } from '../log/log.ts';
import { createRegistry } from '../registry.ts';
import { createRefusals } from './refusals.ts';
import { createTotals, serviceSum } from './totals.ts';

const NONE = serviceSum(createTotals(createRegistry()), 'web').clients;

function scene() {
  const reported: unknown[] = [];
  const silence = (): void => undefined;
  const warn = (event: string, _message: string, fields: Fields = {}): void =>
    void reported.push([event, fields['count']]);
  const log: Log = { debug: silence, info: silence, warn, error: silence, for: () => log };
  const refusals = createRefusals(log);
  return {
    reported,
    refusals,
    at: (ms: number, count: number) => refusals.observe('web', { ...NONE, ended_overload_total: count }, ms),
  };
}

test('the first refusal is told at once, those of the next ten seconds together', () => {
  const { reported, at } = scene();
  at(0, 1);
  at(500, 20);
  at(9999, 30);
  at(10_000, 40);
  at(30_000, 40);
  assert.deepEqual(reported, [
    ['client.overload', 1],
    ['client.overload', 39],
  ]);
});

test('each service and each kind is told by itself', () => {
  const { reported, refusals } = scene();
  refusals.observe('web', { ...NONE, ended_overload_total: 1 }, 0);
  refusals.observe('db', { ...NONE, ended_overload_total: 2 }, 1);
  refusals.observe('web', { ...NONE, ended_overload_total: 1, ended_no_backend_total: 3 }, 2);
  assert.deepEqual(reported, [
    ['client.overload', 1],
    ['client.overload', 2],
    ['client.no_backend', 3],
  ]);
});

test('a service that is no longer counted is forgotten, and the others are not', () => {
  const { reported, refusals, at } = scene();
  at(0, 1);
  refusals.observe('db', { ...NONE, ended_overload_total: 1 }, 0);
  refusals.retain(new Set(['db']));
  at(1, 1);
  refusals.observe('db', { ...NONE, ended_overload_total: 1 }, 1);
  assert.equal(reported.length, 3);
});

test('a service that was removed and is back counts from zero, and its refusals are told', () => {
  const { reported, at } = scene();
  at(0, 5000);
  at(20_000, 0);
  at(30_000, 3);
  assert.deepEqual(reported, [
    ['client.overload', 5000],
    ['client.overload', 3],
  ]);
});
