import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Claims } from './names.ts';

test('what an earlier route has taken is left out of later ones', () => {
  const claims = new Claims();
  const names = (...wanted: string[]) => claims.claim({ names: wanted, protocols: [] })?.names ?? null;
  assert.deepEqual(names('A.example', 'a.example'), ['a.example']);
  assert.deepEqual(names('*.b.example'), ['*.b.example']);
  assert.equal(names('x.b.example'), null, 'the wildcard before it has taken it');
  assert.equal(names('*.c.b.example'), null);
  assert.deepEqual(names('b.example', 'a.example'), ['b.example']);
  assert.deepEqual(names(), []);
  assert.equal(names(), null);
});

test('protocols are claimed for their names', () => {
  const claims = new Claims();
  assert.deepEqual(claims.claim({ names: ['a.example'], protocols: ['h2'] }), {
    names: ['a.example'],
    protocols: ['h2'],
  });
  assert.deepEqual(claims.claim({ names: ['a.example'], protocols: [] }), { names: ['a.example'], protocols: [] });
  assert.equal(claims.claim({ names: ['a.example'], protocols: ['h2'] }), null);
  assert.deepEqual(claims.claim({ names: [], protocols: ['h2'] }), { names: [], protocols: ['h2'] });
});
