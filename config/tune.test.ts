import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Errors } from 'typebox/schema';
import { RUNTIME_FIELDS } from './names.ts';
import { RuntimeSchema, type RuntimeValues } from './runtime.ts';
import { overlay, profileFor, RUNTIME_KEYS, settle, toRuntime, type Block, type Where } from './tune.ts';

const where: Where = { origin: 'file:1', path: ['runtime'], mark: null, sound: true };

function block(values: Partial<RuntimeValues>, origin = 'file:1'): Block<Partial<RuntimeValues>> {
  return { values, where: () => ({ ...where, origin }) };
}

test('every key has a profile of three values within its own bounds', () => {
  assert.equal(RUNTIME_KEYS.length, Object.keys(RuntimeSchema.properties).length);
  for (const backends of [1, 3, 6]) {
    const profile = profileFor(backends);
    assert.equal(Object.keys(profile).length, RUNTIME_KEYS.length);
    assert.deepEqual(Errors(RuntimeSchema, profile), [true, []]);
  }
});

test('the profile changes above 2 and above 5 backends', () => {
  const limit = (backends: number) => profileFor(backends).max_concurrent_connections;
  assert.deepEqual([0, 1, 2, 3, 5, 6, 1000].map(limit), [4000, 4000, 4000, 8000, 8000, 12_000, 12_000]);
});

test('every field of the plan has exactly one key', () => {
  const fields = Object.values(RUNTIME_FIELDS);
  assert.equal(new Set(fields).size, fields.length);
  assert.deepEqual(Object.keys(RUNTIME_FIELDS).sort(), [...RUNTIME_KEYS].sort());
});

const numbers = RUNTIME_KEYS.filter((key) => key !== 'overload_policy' && key !== 'on_backend_down');
const values = fc.dictionary(fc.constantFrom(...numbers), fc.nat()).map((entries): Partial<RuntimeValues> => entries);

test('the overlay keeps the profile for every key that no block sets, and the last block wins for the others', () => {
  fc.assert(
    fc.property(fc.nat({ max: 20 }), fc.array(values, { maxLength: 3 }), (backends, blocks) => {
      const profile = profileFor(backends);
      const tuned = overlay(
        profile,
        blocks.map((set, i) => block(set, `file:${i + 1}`)),
      );
      for (const key of RUNTIME_KEYS) {
        const isSet = blocks.some((set) => set[key] !== undefined);
        // The interval that applies when only one is set has its own test.
        if (key === 'health_check_up_interval_ms' && !isSet) continue;
        const last = blocks.findLastIndex((set) => set[key] !== undefined);
        assert.equal(tuned[key].value, last === -1 ? profile[key] : blocks[last]?.[key]);
        assert.equal(tuned[key].origin, last === -1 ? 'auto-tuned' : `file:${last + 1}`);
      }
      const runtime: Readonly<Record<string, unknown>> = { ...toRuntime(tuned) };
      for (const key of RUNTIME_KEYS) assert.equal(runtime[RUNTIME_FIELDS[key]], tuned[key].value);
    }),
  );
});

test('health_check_interval_ms counts for backends that are up, too, unless they have an interval of their own', () => {
  const up = (...blocks: Block<Partial<RuntimeValues>>[]) => {
    const { value, origin } = overlay(profileFor(1), blocks).health_check_up_interval_ms;
    return [value, origin];
  };
  const old = block({ health_check_interval_ms: 300 }, 'file:1');
  const own = block({ health_check_up_interval_ms: 900 }, 'file:2');
  assert.deepEqual(up(), [2000, 'auto-tuned']);
  assert.deepEqual(up(old), [300, 'file:1']);
  assert.deepEqual(up(old, own), [900, 'file:2']);
  assert.deepEqual(up(own, old), [900, 'file:2']);
});

test('a wrong value hides those below it and is marked, with the profile as a stand-in', () => {
  const wrong: Block<Partial<RuntimeValues>> = { values: {}, where: () => ({ ...where, sound: false }) };
  const { tcp_backlog: backlog } = overlay(profileFor(1), [block({ tcp_backlog: 7 }), wrong]);
  assert.deepEqual(backlog, { ...where, value: 4096, sound: false });
});

test('settle() takes the default where no block has the key', () => {
  const blocks: Block<{ port?: number }>[] = [{ values: {}, where: () => where }];
  assert.deepEqual(settle('port', blocks, 9295, 'default'), {
    value: 9295,
    origin: 'default',
    path: null,
    mark: null,
    sound: true,
  });
});
