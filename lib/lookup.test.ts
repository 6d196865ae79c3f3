import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
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

/** Uses up all descriptors, looks a name up and prints what is found. An uncaught error goes to stderr. */
const SHORT = `
const { lookUpAside } = await import(process.argv[1]);
const { openSync } = await import('node:fs');
try {
  for (;;) openSync('/dev/null');
} catch {}
console.log(JSON.stringify([...(await lookUpAside(['localhost'], 10_000))]));
`;

test('without descriptors for a lookup the name is told so, and nothing is thrown', () => {
  const program = new URL('./lookup.js', import.meta.url).href;
  const args = ['-c', 'ulimit -n 64; exec "$@"', 'sh', process.execPath, '--input-type=module', '-e', SHORT, program];
  const { stdout, stderr, status } = spawnSync('/bin/sh', args, { encoding: 'utf8' });
  assert.deepEqual([stdout, stderr, status], [`${JSON.stringify([['localhost', { code: 'EMFILE' }]])}\n`, '', 0]);
});

for (const [code, program] of [
  ['ENOENT', '/nowhere/node'],
  ['ENOTDIR', '/dev/null/node'],
] as const) {
  test(`a lookup that cannot be started (${code}) is told so, and nothing is thrown`, async (t) => {
    const before = process.execPath;
    t.after(() => {
      process.execPath = before;
    });
    process.execPath = program;
    assert.deepEqual([...(await lookUpAside(['localhost'], 10_000))], [['localhost', { code }]]);
  });
}
