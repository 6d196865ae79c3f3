import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { decodeNames, encodeNames } from './known-names.ts';

const FOUND = [{ ip: '10.1.1.1', name: 'a.test', port: 80, weight: 3, rank: 2 }];
/** As another process sends it. */
const SENT = { ...FOUND[0], backup: true };

test('what one process tells of names the next one knows', () => {
  const answeredAt = performance.now() - 5000;
  const names = decodeNames(JSON.parse(JSON.stringify(encodeNames([{ key: 'srv a.test', found: FOUND, answeredAt }]))));
  assert.deepEqual(names.get('srv a.test')?.found, FOUND);
  assert.ok(Math.abs((names.get('srv a.test')?.answeredAt ?? 0) - answeredAt) < 5);
});

test('of an older program it is known which are backups, and an older one learns that', () => {
  const { rank, ...old } = SENT;
  assert.equal(rank, 2);
  for (const backup of [true, false]) {
    const names = decodeNames([{ key: 'k', found: [{ ...old, backup }], answeredAt: 1 }]);
    assert.deepEqual(names.get('k')?.found, [{ ...FOUND[0], rank: backup ? 1 : 0 }]);
  }
  assert.deepEqual(encodeNames([{ key: 'k', found: FOUND, answeredAt: 1 }])[0]?.found, [SENT]);
});

test('a record that nobody can be sent to does not cost the others', () => {
  const [one] = FOUND;
  const found = [...FOUND, { ...one, port: 0 }];
  const names = decodeNames(JSON.parse(JSON.stringify(encodeNames([{ key: 'k', found, answeredAt: 1 } as never]))));
  assert.deepEqual(names.get('k')?.found, found);
});

test('a name that is missing or no host name is null', () => {
  for (const name of [undefined, null, 7, '10.1.1.1', 'a\r\nX: y']) {
    const names = decodeNames([{ key: 'k', found: [{ ...SENT, name }], answeredAt: 1 }]);
    assert.deepEqual(names.get('k')?.found, [{ ...FOUND[0], name: null }]);
  }
});

test('what is none of it is passed over', () => {
  for (const wrong of [
    { ...SENT, ip: 'a.test' },
    { ...SENT, port: -1 },
    { ...SENT, port: 65_536 },
    { ...SENT, weight: 257 },
    { ...SENT, weight: '1' },
    { ...SENT, backup: 1 },
    null,
  ])
    assert.equal(decodeNames([{ key: 'k', found: [SENT, wrong], answeredAt: 1 }]).size, 0, JSON.stringify(wrong));
  assert.equal(decodeNames([{ key: 'k', found: [SENT], answeredAt: null }]).size, 0);
  fc.assert(fc.property(fc.anything(), (value) => assert.equal(decodeNames(value).size, 0)));
});
