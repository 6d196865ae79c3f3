import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { RUNTIME_KEYS } from './tune.ts';
import { closest, editDistance } from './suggest.ts';

const TOP = ['port', 'bind_address', 'method', 'backends', 'runtime', 'log_level', 'workers', 'engine', 'services'];

test('closest() finds the key behind a slip', () => {
  for (const [typed, meant] of [
    ['backend', 'backends'],
    ['prot', 'port'],
    ['bindAddress', 'bind_address'],
    ['bind-address', 'bind_address'],
    ['BIND_ADDRESS', 'bind_address'],
    ['loglevel', 'log_level'],
    ['worker', 'workers'],
    ['runtme', 'runtime'],
    ['sevrices', 'services'],
  ] as const) {
    assert.equal(closest(typed, TOP), meant, typed);
  }
});

test('closest() finds a runtime key by some of its words when only one has them all', () => {
  assert.equal(closest('idle_timeout_ms', RUNTIME_KEYS), 'connection_idle_timeout_ms');
  assert.equal(closest('max_connections', RUNTIME_KEYS), 'max_concurrent_connections');
  assert.equal(closest('timeout_ms', RUNTIME_KEYS), null);
});

test('closest() takes the beginnings of words for the words', () => {
  assert.equal(closest('bind_addr', TOP), 'bind_address');
  assert.equal(closest('least_conn', ['round_robin', 'least_connections']), 'least_connections');
  assert.equal(closest('max_connections', ['log_connections']), null);
});

test('closest() keeps quiet when nothing is near', () => {
  for (const word of ['', 'x', 'algorithm', 'frontend', '日本語']) assert.equal(closest(word, TOP), null, word);
});

test('one slip in any key is found: a letter left out, doubled, changed, or two swapped', () => {
  const keys = [...TOP, ...RUNTIME_KEYS];
  fc.assert(
    fc.property(
      fc.constantFrom(...keys),
      fc.nat(),
      fc.constantFrom('drop', 'double', 'swap', 'change'),
      (key, n, slip) => {
        const i = n % (key.length - 1);
        const [a = '', b = ''] = [key[i], key[i + 1]];
        const middle = { drop: b, double: a + a + b, swap: b + a, change: `0${b}` }[slip];
        const typed = key.slice(0, i) + middle + key.slice(i + 2);
        fc.pre(!keys.includes(typed));
        assert.equal(closest(typed, keys), key);
      },
    ),
  );
});

test('editDistance() is a distance: symmetric, zero only for equals, at most the longer length', () => {
  const word = fc.string({ maxLength: 12 });
  fc.assert(
    fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b);
      assert.equal(distance, editDistance(b, a));
      assert.equal(distance === 0, a === b);
      assert.ok(distance <= Math.max(a.length, b.length));
      assert.ok(distance >= Math.abs(a.length - b.length));
    }),
  );
});
