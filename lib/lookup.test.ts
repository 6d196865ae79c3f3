import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import { lookUpAside } from './lookup.ts';

test('each name has its address or why it has none, whatever it looks like', async () => {
  // .invalid never resolves (RFC 6761).
  const found = await lookUpAside(['localhost', 'nowhere.invalid', 'localhost', '--version', '127.0.0.1'], 30_000);
  assert.equal(found.size, 4);
  const local = found.get('localhost');
  assert.ok(local !== undefined && 'ips' in local && local.ips.every((ip) => isIP(ip) !== 0));
  for (const name of ['nowhere.invalid', '--version']) {
    const none = found.get(name);
    assert.ok(none !== undefined && 'code' in none && none.code.startsWith('E'), name);
  }
  assert.deepEqual(found.get('127.0.0.1'), { ips: ['127.0.0.1'] });
});

test('what has not been found when time is up is told so, and nobody goes on asking', async () => {
  assert.deepEqual([...(await lookUpAside(['localhost'], 0))], [['localhost', { code: 'ETIMEDOUT' }]]);
  assert.equal((await lookUpAside([], 0)).size, 0);
});
