// Foreign objects in place of the PID file or the control socket: every command reports what it finds and ends, no process is
// signalled, nothing foreign is removed.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { newHome, startBal, writeConfig } from '../harness.ts';
import { cli } from '../harness/cli.ts';
import { configFor } from '../harness/config.ts';
import { atEnd, type Owner } from '../../lib/testing/owner.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { isAlive } from '../harness/processes.ts';

const NOWHERE = [{ host: '127.0.0.1', port: 1 }];

/** Starts a process of another user; `entry` is a PID file that names it exactly. */
async function stranger(t: Owner, user: { uid?: number; gid?: number } = {}): Promise<{ pid: number; entry: string }> {
  const child = spawn('sleep', ['600'], { stdio: 'ignore', cwd: '/', ...user });
  await once(child, 'spawn');
  atEnd(t, () => child.kill('SIGKILL'));
  const pid = Number(child.pid);
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return { pid, entry: `${pid}\n${startTime}\n` };
}

/** Checks that every command that talks to a running bal says that none runs. */
async function nothingRuns(home: string): Promise<void> {
  for (const args of [['stop', '--now'], ['graceful'], ['status']]) {
    const result = await cli(args, { home, deadlineMs: 20_000 });
    assert.equal(result.code, 3, `bal ${args.join(' ')}: ${result.stdout}${result.stderr}`);
  }
}

test('a PID file that is a symlink to one which names a living process: nobody is signalled', async (t) => {
  const home = newHome(t);
  const { pid, entry } = await stranger(t);
  const target = join(home, 'elsewhere');
  writeFileSync(target, entry);
  symlinkSync(target, join(home, 'bal.pid'));
  await nothingRuns(home);
  const bal = await startBal(t, { home, daemon: true, config: configFor(await freePort(), NOWHERE) });
  assert.equal(readFileSync(target, 'utf8'), entry, 'what the link led to is as it was');
  assert.equal(lstatSync(bal.home.pidFile).isSymbolicLink(), false);
  assert.equal((await bal.stop()).code, 0);
  assert.ok(isAlive(pid));
});

test(
  "a PID file of ours that names another user's process exactly: nobody is signalled, and start takes the file over",
  { skip: process.getuid?.() === 0 ? false : 'not root: cannot start a process of another user' },
  async (t) => {
    const home = newHome(t);
    const { pid, entry } = await stranger(t, { uid: 65_534, gid: 65_534 });
    writeFileSync(join(home, 'bal.pid'), entry);
    await nothingRuns(home);
    const bal = await startBal(t, { home, daemon: true, config: configFor(await freePort(), NOWHERE) });
    assert.equal((await bal.stop()).code, 0);
    assert.ok(isAlive(pid));
  },
);

test('a directory or a FIFO in place of the PID file: no command waits, and start does not remove a directory', async (t) => {
  const home = newHome(t);
  writeConfig(home, configFor(await freePort(), NOWHERE));
  mkdirSync(join(home, 'bal.pid'));
  await nothingRuns(home);
  const refused = await cli(['start', '-d'], { home });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /directory/);
  assert.ok(lstatSync(join(home, 'bal.pid')).isDirectory());

  const other = newHome(t);
  assert.equal(spawnSync('mkfifo', [join(other, 'bal.pid')]).status, 0);
  await nothingRuns(other);
  const bal = await startBal(t, { home: other, daemon: true, config: configFor(await freePort(), NOWHERE) });
  assert.equal((await bal.stop()).code, 0);
});

test('a socket that nobody listens on any more is replaced; a file in its place is left alone, and start says so', async (t) => {
  const home = newHome(t);
  const config = configFor(await freePort(), NOWHERE);
  const first = await startBal(t, { home, daemon: true, config });
  await first.killPrimary();
  assert.ok(existsSync(first.home.socket), 'a killed primary leaves its socket');
  await nothingRuns(home);
  const second = await startBal(t, { home, daemon: true, config });
  assert.equal((await second.stop()).code, 0);

  const other = newHome(t);
  writeConfig(other, config);
  writeFileSync(join(other, 'bal.sock'), 'not a socket');
  await nothingRuns(other);
  const refused = await cli(['start', '-d'], { home: other });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /is no socket/);
  assert.equal(readFileSync(join(other, 'bal.sock'), 'utf8'), 'not a socket', 'what is not ours is left alone');
});

test('a stranger that listens on the control socket and says nothing, or nonsense: no command hangs', async (t) => {
  for (const [i, behaviour] of [
    (socket: Socket): void => void socket.resume(),
    (socket: Socket): void => void socket.end('nonsense\r\n\r\n'),
    (socket: Socket): void => void socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"a": 12}'),
  ].entries()) {
    const home = newHome(t);
    const live = new Set<Socket>();
    const server = createServer((socket) => {
      live.add(socket);
      socket.on('error', () => undefined);
      behaviour(socket);
    });
    server.listen(join(home, 'bal.sock'));
    await once(server, 'listening');
    atEnd(t, () => {
      server.close();
      for (const socket of live) socket.destroy();
    });
    for (const args of [
      ['stop', '--now'],
      ['graceful', '--json'],
      ['status', '--json'],
    ]) {
      // A reload may take long, so this command waits for a silent peer.
      if (i === 0 && args.includes('graceful')) continue;
      const result = await cli(args, { home, deadlineMs: 20_000 });
      assert.ok(
        result.code === 1 || result.code === 3,
        `bal ${args.join(' ')}: ${result.code} ${result.stdout}${result.stderr}`,
      );
      assert.doesNotMatch(result.stderr, /\n\s+at /, 'no stack trace');
      if (args.includes('--json')) assert.doesNotThrow(() => void JSON.parse(result.stdout));
    }
  }
});
