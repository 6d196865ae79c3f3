import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { decode, MAX_BYTES, readConfig } from './read.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bal-read-'));
});
after(async () => {
  await rm(folder, { recursive: true });
});

async function whyNot(path: string): Promise<string> {
  const result = await readConfig(path);
  assert.ok(!result.ok);
  const { line, message, hint } = result.problem;
  assert.equal(line, null);
  return hint === null ? message : `${message}; ${hint}`;
}

test('a file that is not there: the message says how to make one', async () => {
  const path = join(folder, 'none.yaml');
  assert.equal(
    await whyNot(path),
    `no such file; make one: mkdir -p ${dirname(path)} && printf 'port: 9295\\nbackends:\\n  - host: "127.0.0.1"\\n    port: 9000\\n' > ${path}`,
  );
});

test('a directory, a device, a socket and a path through a file are refused', async () => {
  assert.equal(await whyNot(folder), 'cannot read: it is a directory, not a regular file');
  assert.equal(await whyNot('/dev/null'), 'cannot read: it is a device, not a regular file');
  const file = join(folder, 'file');
  await writeFile(file, '');
  assert.match(await whyNot(join(file, 'below')), /^no such file; a part of the path is a file/);
  const socket = join(folder, 'socket');
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(socket, resolve));
  assert.match(await whyNot(socket), /it is a socket/);
  await new Promise((resolve) => void server.close(resolve));
});

test('a FIFO is refused at once instead of waiting for somebody to write', async () => {
  const fifo = join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  assert.equal(await whyNot(fifo), 'cannot read: it is a FIFO, not a regular file');
});

test('symbolic links are followed, but not in circles', async () => {
  const [a, b, target] = ['a', 'b', 'target'].map((name) => join(folder, name));
  assert.ok(a !== undefined && b !== undefined && target !== undefined);
  await symlink(b, a);
  await symlink(a, b);
  assert.match(await whyNot(a), /symbolic links/);
  await writeFile(target, 'port: 1\n');
  const link = join(folder, 'link');
  await symlink(target, link);
  assert.deepEqual(await readConfig(link), { ok: true, text: 'port: 1\n' });
});

test('a file without permission', async (t) => {
  const path = join(folder, 'secret');
  await writeFile(path, '');
  await chmod(path, 0o000);
  // Root may read everything, so become nobody for a moment.
  if (process.getuid?.() === 0) {
    await chmod(folder, 0o755);
    process.seteuid?.(65_534);
    t.after(() => process.seteuid?.(0));
  }
  assert.match(await whyNot(path), /^cannot read: permission denied; /);
});

test('1 MiB is read, one byte more is not', async () => {
  const path = join(folder, 'large');
  await writeFile(path, ' '.repeat(MAX_BYTES));
  assert.equal((await readConfig(path)).ok, true);
  await writeFile(path, ' '.repeat(MAX_BYTES + 1));
  assert.match(await whyNot(path), /^too large: 1048577 bytes/);
});

test('what is not UTF-8 is found with line and column', () => {
  const bytes = Buffer.concat([Buffer.from('port: 1\nü: "'), Buffer.from([0xfc]), Buffer.from('"\n')]);
  const result = decode(bytes);
  assert.ok(!result.ok);
  assert.deepEqual([result.problem.line, result.problem.column], [2, 5]);
  assert.equal(decode(Buffer.from('port: 1', 'utf16le')).ok, true); // NULs are UTF-8; the parser refuses them
  assert.equal(decode(Buffer.from([0xff, 0xfe, 0x70, 0x00])).ok, false);
  assert.deepEqual(decode(Buffer.from('\ufeffport: 1')), { ok: true, text: 'port: 1' });
});
