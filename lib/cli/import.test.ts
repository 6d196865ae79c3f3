import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { importCommand } from './import.ts';

test('the configuration goes to stdout, what has no counterpart to stderr, and the exit code says which', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bal-import-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const run = async (content: string | null, options: { verbose?: boolean; strict?: boolean } = {}) => {
    const file = join(folder, 'a.cfg');
    if (content !== null) writeFileSync(file, content);
    const [out, err]: [string[], string[]] = [[], []];
    const io = { out: (line: string) => out.push(line), err: (line: string) => err.push(line), colour: false };
    const words = content === null ? [] : [file];
    const code = await importCommand({ words, verbose: false, strict: false, ...options }, io);
    return { code, out: out.join('\n'), err: err.join('\n').replaceAll(folder, '') };
  };
  const plain = 'listen a\n  mode tcp\n  bind 127.0.0.1:80\n  server s 10.0.0.1:80\n';
  const good = await run(plain);
  assert.deepEqual(
    [good.code, good.err],
    [0, '1 service; 0 not taken over, 0 differ, 1 not needed (--verbose names them)'],
  );
  assert.match(good.out, /^ {2}a:\n {4}bind_address: "127.0.0.1"\n {4}port: 80$/m);
  assert.match((await run(plain, { verbose: true })).err, /^\/a.cfg:2: not needed: mode tcp: /);
  const lacking = `${plain}  option nolinger\n`;
  assert.match((await run(lacking)).err, /^\/a.cfg:5: not taken over: option nolinger: /);
  assert.deepEqual([(await run(lacking)).code, (await run(lacking, { strict: true })).code], [0, 1]);
  const web = await run(plain.replace('tcp', 'http'));
  assert.deepEqual([web.code, web.out], [1, '']);
  assert.match(web.err, /mode http is not TCP[^]*what_happened: there is nothing in \/a.cfg/);
  const other = await run('port: 1\nbackends: []\n');
  assert.deepEqual([other.code, other.out], [1, '']);
  assert.match(other.err, /neither like HAProxy's configuration nor like nginx's/);
  assert.equal((await run(null)).code, 2);
});
