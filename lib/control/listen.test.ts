import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { handlers, serving, socketPath, stillAnswers } from '../testing/control-server.ts';
import { request } from './client.ts';
import { serveControl } from './server.ts';

test('the socket is for its owner only, from the moment it has its name, and goes away with the server', async (t) => {
  const path = socketPath(t);
  const control = await serveControl(path, handlers());
  assert.equal(lstatSync(path).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(join(path, '..')), ['bal.sock']);
  await control.close();
  assert.deepEqual(readdirSync(join(path, '..')), []);
  assert.deepEqual((await request(path, 'GET', '/status', undefined, 30_000)).ok, false);
});

test('a second server on a live socket is refused and the first one goes on', async (t) => {
  const path = await serving(t);
  await assert.rejects(serveControl(path, handlers()), /Cannot open the control socket: another process listens on/);
  await stillAnswers(path);
});

test('a socket whose server was killed is replaced', async (t) => {
  const path = socketPath(t);
  const child = spawn(process.execPath, [
    '-e',
    `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`,
  ]);
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.ok(existsSync(path));
  const control = await serveControl(path, handlers());
  await stillAnswers(path);
  await control.close();
  assert.ok(!existsSync(path));
});

test('a file, a directory or a symlink in its place is refused and stays', async (t) => {
  const places: readonly ((path: string) => void)[] = [
    (path) => writeFileSync(path, 'keep'),
    (path) => mkdirSync(path),
    (path) => symlinkSync('/nowhere', path),
  ];
  for (const put of places) {
    const path = socketPath(t);
    put(path);
    await assert.rejects(
      serveControl(path, handlers()),
      /Cannot open the control socket: .*bal.sock exists and is no socket/,
    );
    assert.deepEqual(readdirSync(join(path, '..')), ['bal.sock']);
  }
});

test('a path that is too long, or in no directory, is an error that says so', async (t) => {
  const folder = dirname(socketPath(t));
  await assert.rejects(
    serveControl(join(folder, 'x'.repeat(100), 'bal.sock'), handlers()),
    /has \d+ bytes.*shorter BAL_HOME/,
  );
  await assert.rejects(
    serveControl(join(folder, 'none', 'bal.sock'), handlers()),
    /Cannot open the control socket: there is no .*none$/,
  );
});

test('close leaves a successor its socket', async (t) => {
  const path = socketPath(t);
  const first = await serveControl(path, handlers());
  rmSync(path);
  const second = await serveControl(path, handlers());
  await first.close();
  await stillAnswers(path);
  await second.close();
});
