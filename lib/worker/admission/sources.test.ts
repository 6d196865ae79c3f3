import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import {
  COUNT_MASK,
  LOCK_AT,
  ownSources,
  RATED_SERVICES,
  SLOT_WORDS,
  SLOTS,
  SLOTS_AT,
  SOURCES_BYTES,
} from '../../engine/sources.ts';
import { createSources, NO_ROOM, TOO_FAST, TOO_MANY } from './sources.ts';

const NOW = 1_000_000;
const ONE = { connections: 1, rate: 0 };

function ip(number: number): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes[10] = bytes[11] = 0xff;
  new DataView(bytes.buffer).setUint32(12, number);
  return bytes;
}

test('each source of each service has its own number of clients', () => {
  const sources = createSources(ownSources());
  const limits = { connections: 2, rate: 0 };
  const slots = [1, 1, 2, 1].map((source) => sources.enter(ip(source), 0, limits, NOW));
  assert.ok(slots.slice(0, 3).every((slot) => slot >= 0));
  assert.equal(slots[3], TOO_MANY);
  assert.ok(sources.enter(ip(1), 1, limits, NOW) >= 0, 'another service');
  sources.leave(slots[0] ?? 0);
  assert.ok(sources.enter(ip(1), 0, limits, NOW) >= 0);
  assert.equal(sources.enter(ip(1), 0, limits, NOW), TOO_MANY);
});

test('who comes too fast is told so, also after having left', () => {
  const sources = createSources(ownSources());
  const limits = { connections: 0, rate: 3 };
  for (let i = 0; i < 3; i++) sources.leave(sources.enter(ip(7), 0, limits, NOW));
  assert.equal(sources.enter(ip(7), 0, limits, NOW + 900), TOO_FAST);
  assert.ok(sources.enter(ip(8), 0, limits, NOW + 900) >= 0);
  assert.ok(sources.enter(ip(7), 0, limits, NOW + 2100) >= 0);
});

test('two workers that see a source for the first time count it together, however slow one of them is', async (t) => {
  const other = ownSources();
  const slot = createSources(other).enter(ip(7), 0, ONE, NOW);
  const words = SLOTS_AT + slot * SLOT_WORDS;
  const all = new Int32Array(new SharedArrayBuffer(SOURCES_BYTES));
  // It holds the lock, is not run for a while, and then does its part.
  Atomics.store(all, LOCK_AT, 2);
  const thread = new Worker(
    `const { workerData: { all, words, its, lockAt } } = require('node:worker_threads');
     const until = performance.now() + 30;
     while (performance.now() < until);
     its.forEach((word, i) => Atomics.store(all, words + i, word));
     Atomics.store(all, lockAt, 0);`,
    {
      eval: true,
      workerData: { all, words, its: [...other.all.subarray(words, words + SLOT_WORDS)], lockAt: LOCK_AT },
    },
  );
  t.after(() => thread.terminate());
  await once(thread, 'online');
  const sources = createSources({ row: 1, all, own: new Int32Array(SLOTS) });
  assert.equal(sources.enter(ip(7), 0, ONE, NOW), TOO_MANY);
});

test('a worker that hangs while it enters a source does not stop the others for long', () => {
  const memory = ownSources();
  Atomics.store(memory.all, LOCK_AT, 2);
  const sources = createSources({ ...memory, row: 1 });
  const clients = Array.from({ length: 1000 }, (_, source) => sources.enter(ip(source), 0, ONE, NOW));
  assert.ok(clients.every((client) => client >= 0));
  assert.equal(memory.all[LOCK_AT], 2, 'it is still the lock of the other one');
});

test('all of a service come at its rate', () => {
  const sources = createSources(ownSources());
  const came = (service: number) => [1, 2, 3, 4].filter(() => sources.isWithinRate(service, 2, NOW)).length;
  assert.deepEqual([came(0), came(1), came(0)], [2, 2, 0]);
});

test('a service whose number is too high for the memory has its rate, too, and touches no slot', () => {
  const memory = ownSources();
  const sources = createSources(memory);
  const services = [RATED_SERVICES - 1, RATED_SERVICES, RATED_SERVICES + 2000];
  const came = services.map((service) => [1, 2, 3].filter(() => sources.isWithinRate(service, 2, NOW)).length);
  assert.deepEqual(came, [2, 2, 2]);
  assert.ok(memory.all.subarray(SLOTS_AT).every((word) => word === 0));
});

test('a hundred thousand sources are counted in less than 32 MiB, and their slots are others’ when they have left', () => {
  const memory = ownSources();
  const sources = createSources(memory);
  assert.ok(SOURCES_BYTES + SLOTS * 4 < 10 * 1024 * 1024);
  const limits = { connections: 1, rate: 1 };
  for (let round = 0; round < 3; round++) {
    const now = NOW + 5000 * round;
    const slots = Array.from({ length: 100_000 }, (_, i) => sources.enter(ip(round * 1_000_000 + i), 3, limits, now));
    assert.ok(slots.every((slot) => slot >= 0));
    assert.equal(new Set(slots).size, slots.length);
    assert.equal(sources.enter(ip(round * 1_000_000 + 5), 3, limits, now), TOO_MANY);
    for (const slot of slots) sources.leave(slot);
  }
  for (let slot = 0; slot < SLOTS; slot++) {
    assert.equal((memory.all[SLOTS_AT + slot * SLOT_WORDS] ?? 0) & COUNT_MASK, 0);
    assert.equal(memory.own[slot], 0);
  }
});

test('where there is no room left a source is not counted, and those that are known still are', () => {
  const sources = createSources(ownSources());
  const limits = { connections: 1, rate: 0 };
  let full = 0;
  for (let i = 0; i < SLOTS + 1000; i++) if (sources.enter(ip(i), 0, limits, NOW) === NO_ROOM) full++;
  assert.ok(full >= 1000);
  assert.equal(sources.enter(ip(0), 0, limits, NOW), TOO_MANY);
});

test('workers that share the memory count together', () => {
  const shared = ownSources();
  const workers = [1, 2].map((row) => createSources({ row, all: shared.all, own: new Int32Array(SLOTS) }));
  const limits = { connections: 3, rate: 0 };
  const came = Array.from({ length: 6 }, (_, i) => workers[i % 2]?.enter(ip(1), 0, limits, NOW) ?? 0);
  assert.deepEqual(came.slice(3), [TOO_MANY, TOO_MANY, TOO_MANY]);
  assert.equal(new Set(came.slice(0, 3)).size, 1);
});
