import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { networkTable } from '../../config/network-table.ts';
import { networkOf, networksOf } from '../../config/networks.ts';
import { accessOf, type Rule } from './access.ts';

const allow = (...networks: string[]): Rule => ({ action: 'allow', networks, negated: false });
const deny = (...networks: string[]): Rule => ({ action: 'deny', networks, negated: false });
const all = (action: Rule['action']): Rule => ({ action, networks: null, negated: false });

test('rules of which the first decides become lists', () => {
  assert.deepEqual(accessOf([]), { kind: 'everybody' });
  assert.deepEqual(accessOf([allow('10.0.0.0/8')]), { kind: 'everybody' });
  assert.deepEqual(accessOf([all('deny')]), { kind: 'nobody' });
  assert.deepEqual(accessOf([deny('10.6.6.6'), allow('10.0.0.0/8'), all('deny')]), {
    kind: 'lists',
    allow: ['10.0.0.0/8'],
    deny: ['10.6.6.6'],
  });
  assert.deepEqual(accessOf([allow('10.0.0.0/8'), deny('10.6.6.6'), all('deny')]), {
    kind: 'lists',
    allow: ['10.0.0.0/8'],
    deny: [],
  });
  assert.deepEqual(accessOf([allow('10.6.6.6'), deny('10.0.0.0/8')]), {
    kind: 'lists',
    allow: ['::/0', '10.6.6.6'],
    deny: ['10.0.0.0/8'],
  });
  assert.deepEqual(accessOf([{ action: 'deny', networks: ['10.0.0.0/8'], negated: true }, deny('10.1.0.0/16')]), {
    kind: 'lists',
    allow: ['10.0.0.0/8'],
    deny: ['10.1.0.0/16'],
  });
});

test('who is accepted in one set of rules is judged by the next one', () => {
  assert.deepEqual(accessOf([allow('10.0.0.0/8')], [deny('10.1.0.0/16')]), {
    kind: 'lists',
    allow: null,
    deny: ['10.1.0.0/16'],
  });
  assert.deepEqual(accessOf([all('allow')], [all('deny')]), { kind: 'nobody' });
});

/** Evaluates the rules directly. */
function decided(rules: readonly Rule[], ip: Uint8Array): boolean {
  for (const { action, networks, negated } of rules) {
    const matches = networks === null || networksOf(networks).has(ip);
    if (matches !== negated) return action === 'allow';
  }
  return true;
}

test('the lists decide as the rules do', () => {
  const byte = fc.constantFrom(0, 1, 128, 255);
  const prefix = fc.constantFrom(0, 1, 8, 9, 16, 24, 31, 32);
  const network = fc.tuple(byte, byte, byte, byte, prefix).map(([a, b, c, d, bits]) => `${a}.${b}.${c}.${d}/${bits}`);
  const rule = fc.record({
    action: fc.constantFrom('allow' as const, 'deny' as const),
    networks: fc.option(fc.array(network, { minLength: 1, maxLength: 4 }), { freq: 10 }),
    negated: fc.boolean(),
  });
  const address = fc
    .tuple(byte, byte, byte, byte)
    .map((parts) => networkOf(parts.join('.'))?.bytes ?? new Uint8Array());
  fc.assert(
    fc.property(fc.array(fc.array(rule, { maxLength: 5 }), { maxLength: 3 }), address, (sets, ip) => {
      const access = accessOf(...sets);
      if (access.kind === 'too many') return;
      const allowed =
        access.kind === 'lists' ? networkTable(access.allow, access.deny).allows(ip) : access.kind === 'everybody';
      const expected = sets.every((rules) => decided(rules, ip));
      assert.equal(allowed, expected, JSON.stringify(access));
    }),
    { numRuns: 3000 },
  );
});
