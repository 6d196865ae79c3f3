import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpoint } from '../../../testing/assignments.ts';
import { hashOf, hashOfClient } from './hash.ts';
import type { Ask, Candidate, Picker } from './picker.ts';
import { createSourceHash } from './source-hash.ts';

const CLIENTS = Array.from(
  { length: 100_000 },
  (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}:${1024 + (i % 60_000)}`,
);

/** Backends with these last octets, all of weight 1. */
function backends(...numbers: number[]): Candidate[] {
  return numbers.map((n, id) => endpoint(id, { name: `10.1.0.${n}:5432` }));
}

const GOLDEN_HASHES: readonly number[] = [1224405162, 4218939946, 709522049, 784611527];
const GOLDEN_CHOICES: readonly string[] = ['10.1.0.3:5432', '10.1.0.2:5432', '10.1.0.1:5432', '10.1.0.3:5432'];

function upTo(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i + 1);
}

function pickerOf(list: readonly Candidate[]): Picker {
  const picker = createSourceHash();
  picker.use(list, Math.min(...list.map(({ tier }) => tier)));
  return picker;
}

/** Returns the names of the backends that pick() gives these clients; null: it has no answer. */
function chosen(picker: Picker, list: readonly Candidate[], clients: readonly string[], loads: readonly number[] = []) {
  return clients.map((client) => {
    const ask: Ask = {
      connection: 0,
      tried: null,
      now: 0,
      loads: { of: (id) => loads[id] ?? 0, all: new Int32Array() },
      evidence: { skipUntil: [] },
      clientAddress: () => client,
    };
    return list[picker.pick(ask)]?.name ?? null;
  });
}

function sharesOf(names: readonly (string | null)[]): Map<string | null, number> {
  const shares = new Map<string | null, number>();
  for (const name of names) shares.set(name, (shares.get(name) ?? 0) + 1);
  return shares;
}

test('two instances agree on every client, whatever the order, ids and history of their backends', () => {
  const one = backends(...upTo(20)).map((each, i) => ({ ...each, weight: 1 + (i % 3) }));
  const other = one.toReversed().map((each, i) => ({ ...each, id: 40 + i }));
  const picker = pickerOf(other.slice(3));
  picker.use(
    other.map((each, i) => ({ ...each, tier: i % 2 === 0 ? 4 : 0 })),
    0,
  );
  picker.use(other, 0);
  assert.deepEqual(chosen(picker, other, CLIENTS), chosen(pickerOf(one), one, CLIENTS));
});

test('when one of 100 backends leaves, at most 2 % of the clients of the others get another one', () => {
  const all = backends(...upTo(100));
  const before = chosen(pickerOf(all), all, CLIENTS);
  for (const gone of [0, 42, 99]) {
    const rest = all.toSpliced(gone, 1);
    const after = chosen(pickerOf(rest), rest, CLIENTS);
    const others = before.flatMap((name, i) => (name === all[gone]?.name ? [] : [i]));
    const moved = others.filter((i) => before[i] !== after[i]).length;
    assert.ok(moved / others.length <= 0.02, `${moved} of ${others.length}`);
  }
});

test('each backend has its share of the clients, by weight', () => {
  const list = backends(1, 2, 3, 4).map((each, i) => ({ ...each, weight: [1, 2, 3, 10][i] ?? 0 }));
  const shares = sharesOf(chosen(pickerOf(list), list, CLIENTS));
  for (const { name, weight } of list) {
    const share = (shares.get(name) ?? 0) / CLIENTS.length;
    assert.ok(Math.abs(share - weight / 16) <= 0.01, `${name}: ${share}`);
  }
});

test('the clients of a backend that is down spread over the others, nobody else moves, and they come back', () => {
  const list = backends(...upTo(10));
  const picker = pickerOf(list);
  const before = chosen(picker, list, CLIENTS);
  const outage = list.map((each, place) => (place === 3 ? { ...each, tier: 4 } : each));
  picker.use(outage, 0);
  const during = chosen(picker, outage, CLIENTS);
  const its = before.flatMap((name, i) => (name === list[3]?.name ? [i] : []));
  assert.ok(before.every((name, i) => name === during[i] || name === list[3]?.name));
  const shares = sharesOf(its.map((i) => during[i] ?? null));
  assert.equal(shares.size, 9);
  for (const count of shares.values()) assert.ok(Math.abs(count / its.length - 1 / 9) < 0.02, String([...shares]));
  picker.use(list, 0);
  assert.deepEqual(chosen(picker, list, CLIENTS), before);
});

test('a client whose backend is full goes where it would go if that were down', () => {
  const list = backends(1, 2, 3).map((each) => ({ ...each, maxConnections: 5 }));
  const clients = CLIENTS.slice(0, 1000);
  const down = list.map((each, place) => (place === 1 ? { ...each, tier: 4 } : each));
  assert.deepEqual(chosen(pickerOf(list), list, clients, [0, 5]), chosen(pickerOf(down), down, clients));
});

test('the port does not matter, nor whether an IPv4 client came over an IPv6 socket', () => {
  const same = (a: string, b: string): void => assert.equal(hashOfClient(a), hashOfClient(b));
  same('10.0.0.1:1', '10.0.0.1:65535');
  same('[2001:db8::1]:1', '[2001:db8::1]:65535');
  same('10.0.0.1:1', '[::ffff:10.0.0.1]:2');
  same('[fe80::1%eth0]:1', '[fe80::1]:1');
  assert.notEqual(hashOfClient('[2001:db8::1]:1'), hashOfClient('[2001:db8::2]:1'));
});

test('what an address gives never changes, for other versions have to agree', () => {
  assert.deepEqual(
    ['', '10.0.0.1', '2001:db8::1', '10.1.0.1:5432'].map((text) => hashOf(text)),
    GOLDEN_HASHES,
  );
  const list = backends(...upTo(5));
  assert.deepEqual(
    chosen(pickerOf(list), list, ['10.0.0.1:1', '10.0.0.2:1', '[2001:db8::1]:1', '192.168.7.77:1']),
    GOLDEN_CHOICES,
  );
});

test('every bit of an address changes about half of the bits of its number', () => {
  const bits = (n: number): number => n.toString(2).replaceAll('0', '').length;
  let flipped = 0;
  let pairs = 0;
  for (let host = 0; host < 4096; host++) {
    for (const other of [host ^ 1, host ^ 4, host ^ 512]) {
      const [a, b] = [host, other].map((n) => hashOfClient(`10.0.${n >> 8}.${n & 255}:1`));
      flipped += bits(((a ?? 0) ^ (b ?? 0)) >>> 0);
      pairs++;
    }
  }
  assert.ok(Math.abs(flipped / pairs - 16) < 0.2, String(flipped / pairs));
});
