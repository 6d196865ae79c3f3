import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Table } from '../../ipc/table.ts';
import { toMachine } from '../../machine-clock.ts';
import { createEvidence } from './evidence.ts';

const LATER = 1e9;

/** A table in which backend 0 was seen to work by an attempt that began then. */
function tableOf(provenAt: number): Table {
  const route = {
    backend: 0,
    name: 'a:1',
    ip: '127.0.0.1',
    port: 1,
    rank: 0,
    provenAt: toMachine(provenAt),
    elsewhere: 0,
  };
  return {
    generation: 1,
    version: 1,
    logLevel: 'info',
    logConnections: 'none',
    carries: null,
    services: [
      {
        name: 'web',
        method: 'round_robin',
        routes: [route],
        guarded: false,
        connectTimeoutMs: 1,
        idleMs: 1,
        keepaliveMs: 0,
        halfClosedMs: 1,
        backlog: 1,
        drainMs: 1,
        reloadDrainMs: 0,
        cooldownMs: 1,
        start: 0,
        pool: null,
      },
    ],
  };
}

test('a table that knows a backend to work is not undone by an older failure', () => {
  const evidence = createEvidence(1);
  evidence.learn(tableOf(500));
  evidence.failed(0, 499, LATER);
  assert.equal(evidence.skipUntil[0], 0);
  evidence.failed(0, 501, LATER);
  assert.equal(evidence.skipUntil[0], LATER);
});

test('a table ends what an older failure began, and not what a newer one did', () => {
  const evidence = createEvidence(1);
  evidence.failed(0, 600, LATER);
  evidence.learn(tableOf(500));
  assert.equal(evidence.skipUntil[0], LATER);
  evidence.learn(tableOf(601));
  assert.equal(evidence.skipUntil[0], 0);
});

test("of this worker's own attempts, too, the one that began later counts", () => {
  const evidence = createEvidence(2);
  evidence.failed(0, 10, LATER);
  evidence.connected(0, 9);
  assert.equal(evidence.skipUntil[0], LATER, 'it took its time, and the backend has gone since it began');
  evidence.connected(0, 11);
  assert.equal(evidence.skipUntil[0], 0);
  evidence.failed(0, 10.5, LATER);
  assert.deepEqual([...evidence.skipUntil], [0, 0]);
});

test('backends that were reached are told once, with the latest attempt', () => {
  const evidence = createEvidence(3);
  assert.deepEqual(evidence.takeReached(), []);
  evidence.connected(2, 7);
  evidence.connected(2, 5);
  evidence.connected(0, 6);
  assert.deepEqual(evidence.takeReached(), [0, toMachine(6), 2, toMachine(7)]);
  assert.deepEqual(evidence.takeReached(), []);
  evidence.connected(2, 8);
  evidence.learn(tableOf(9));
  assert.deepEqual(evidence.takeReached(), [2, toMachine(8)]);
});
