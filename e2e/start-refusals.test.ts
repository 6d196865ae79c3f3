// Every obstacle to a start is explained, in both modes, and nothing is left behind.
import assert from 'node:assert/strict';
import { spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { closed, isRoot, NOBODY } from './harness/other-user.ts';
import { fakeInOwnHome, ownHome } from '../lib/testing/own-home.ts';
import { pidsOf } from './harness/processes.ts';
import { BAL } from '../lib/testing/root.ts';
import { claimPidFile } from '../lib/pidfile.ts';

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function bal(
  args: readonly string[],
  options: SpawnOptions = {},
  whileRunning?: (pid: number) => void,
): Promise<Result> {
  const child = spawn(process.execPath, [BAL, ...args], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  whileRunning?.(child.pid ?? 0);
  await once(child, 'close');
  return { code: child.exitCode, stdout, stderr };
}

/** Checks for exit 1, the triplet at the end of stderr, nothing on stdout, no trace. */
function isRefusal(result: Result, what: RegExp): void {
  assert.equal(result.code, 1, result.stderr);
  assert.equal(result.stdout, '');
  assert.match(result.stderr, /(^|\n)  what_happened: .+\n  why_likely: .+\n  do_this_now: .+\n/);
  assert.match(result.stderr, what);
  assert.doesNotMatch(result.stderr, /\n\s+at /);
}

function writeConfig(home: string, port: number | string = 1): void {
  writeFileSync(
    join(home, 'config.yaml'),
    `bind_address: 127.0.0.1\nport: ${port}\nbackends: [{host: 127.0.0.1, port: 9}]\n`,
  );
}

/** In the foreground and as a daemon. */
const BOTH = [['start'], ['start', '-d']] as const;

test('without a configuration, start prints what makes one, and that works', async (t) => {
  const home = join(ownHome(t), "it's here");
  const env = { ...process.env, BAL_HOME: home };
  const result = await bal(['start', '-d'], { env });
  isRefusal(result, /what_happened: there is no configuration: .*config\.yaml does not exist/);
  const recipe = result.stderr.slice(result.stderr.indexOf('\n\n'));
  const shell = spawn('/bin/sh', ['-c', recipe], { stdio: 'ignore' });
  assert.deepEqual(await once(shell, 'exit'), [0, null]);
  assert.equal((await bal(['check'], { env })).code, 0);
  assert.equal(statSync(home).mode & 0o777, 0o700, 'the home that start made is for its owner only');
});

test('a --config that is not there is taken for a slip of the pen', async (t) => {
  ownHome(t);
  const result = await bal(['start', '--config', 'conf.yaml'], { cwd: '/' });
  isRefusal(result, /there is no configuration: \/conf\.yaml does not exist/);
  assert.doesNotMatch(result.stderr, /cat >/);
});

test('a home that is a file, or lies below one, is named', async (t) => {
  const file = join(ownHome(t), 'file');
  writeFileSync(file, '');
  for (const home of [file, join(file, 'below')]) {
    const result = await bal(['start'], { env: { ...process.env, BAL_HOME: home } });
    isRefusal(result, /the home directory .*\/file.* cannot be used: .*\n  why_likely: a file is in its place/);
  }
});

test('a home that cannot be made is named, and no start hangs there', { skip: !existsSync('/proc/1') }, async () => {
  const started = await bal(['start', '-d'], { env: { ...process.env, BAL_HOME: '/proc/1/x/y' } });
  isRefusal(started, /the home directory \/proc\/1\/x\/y cannot be used: E/);
});

test('a home that belongs to somebody else is named', { skip: isRoot && closed }, async (t) => {
  const home = ownHome(t);
  writeConfig(home);
  chmodSync(home, isRoot ? 0o755 : 0o555);
  const result = await bal(['start'], isRoot ? NOBODY : {});
  isRefusal(result, /the home directory .* cannot be used: .*EACCES.*\n  why_likely: it belongs to another user/);
  chmodSync(home, 0o755);
});

for (const command of BOTH) {
  const name = `bal ${command.join(' ')}`;

  test(`${name} in a home with a running instance is refused and names its PID`, async (t) => {
    const { pid } = await fakeInOwnHome(t, 'normal');
    isRefusal(await bal(command), new RegExp(`what_happened: bal is already running, PID ${pid}\n`));
  });

  test(`${name} with a wrong configuration names every line, and leaves nothing behind`, async (t) => {
    const home = ownHome(t);
    writeConfig(home, 'abc\nprot: 1');
    const result = await bal(command);
    isRefusal(result, /config\.yaml:2:1 port: /);
    assert.match(result.stderr, /config\.yaml:3:1 prot: unknown key/);
    assert.deepEqual(pidsOf(home), []);
    assert.deepEqual(
      readdirSync(home).filter((entry) => entry.startsWith('bal.')),
      [],
    );
  });

  test(`${name} on a port in use says so, and leaves nothing behind`, async (t) => {
    const home = ownHome(t);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    writeConfig(home, port);
    const result = await bal(command);
    server.close();
    assert.equal(result.code, 1);
    assert.match(result.stderr, new RegExp(`what_happened: cannot listen on 127\\.0\\.0\\.1:${port}: EADDRINUSE\n`));
    assert.deepEqual(pidsOf(home), []);
    assert.deepEqual(
      readdirSync(home).filter((entry) => entry.startsWith('bal.')),
      [],
    );
  });

  test(`${name} does not remove a directory in the place of its PID file`, async (t) => {
    const home = ownHome(t);
    writeConfig(home);
    mkdirSync(join(home, 'bal.pid'));
    isRefusal(await bal(command), /Cannot claim the PID file: .*bal\.pid is a directory/);
    assert.ok(existsSync(join(home, 'bal.pid')));
  });

  test(`${name} in a home with too long a name says that it is too long`, async (t) => {
    const home = join(ownHome(t), 'x'.repeat(100));
    mkdirSync(home);
    writeConfig(home);
    const result = await bal(command, { env: { ...process.env, BAL_HOME: home } });
    isRefusal(
      result,
      /what_happened: the control socket cannot be opened: .* has \d+ bytes, and the system allows \d+\n/,
    );
    assert.match(result.stderr, /do_this_now: set BAL_HOME to a directory with a shorter path\n/);
    assert.deepEqual(
      readdirSync(home).filter((entry) => entry.startsWith('bal.')),
      [],
    );
  });
}

/** NODE_OPTIONS that run `code` in the daemon, before bal. */
function inDaemon(home: string, code: string): NodeJS.ProcessEnv {
  const file = join(home, 'preload.cjs');
  writeFileSync(file, `if (process.env.BAL_DAEMON) { ${code} }`);
  return { ...process.env, NODE_OPTIONS: `--require ${file}` };
}

test('a daemon that dies before it is ready is a failed start with its last words', async (t) => {
  const home = ownHome(t);
  writeConfig(home);
  const result = await bal(['start', '-d'], { env: inDaemon(home, 'throw new TypeError("no luck")') });
  isRefusal(
    result,
    /bal ended before it was ready \(exit code 1\)\n  why_likely: TypeError: no luck\n.*logs\/bal\.err/,
  );
  assert.match(readFileSync(join(home, 'logs', 'bal.err'), 'utf8'), /TypeError: no luck\n +at /);
  const killed = await bal(['start', '-d'], { env: inDaemon(home, 'process.kill(process.pid, "SIGKILL")') });
  isRefusal(killed, /bal ended before it was ready \(SIGKILL\)\n  why_likely: it was killed/);
});

test('a start that is interrupted ends the daemon', async (t) => {
  const home = ownHome(t);
  writeConfig(home);
  const ready = join(home, 'there');
  // It hangs in its preload, so it is never ready.
  const hang = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)';
  const env = inDaemon(home, `require('fs').writeFileSync(${JSON.stringify(ready)}, ''); ${hang}`);
  const result = await bal(['start', '-d'], { env }, (pid) => {
    const poll = setInterval(() => {
      if (!existsSync(ready)) return;
      clearInterval(poll);
      process.kill(pid, 'SIGINT');
    }, 10);
  });
  isRefusal(result, /the start was interrupted, and the daemon ended/);
  assert.deepEqual(pidsOf(home), []);
});

test('the raw output of daemons begins anew when it is over a megabyte', async (t) => {
  const home = ownHome(t);
  writeConfig(home);
  mkdirSync(join(home, 'logs'));
  const file = join(home, 'logs', 'bal.err');
  writeFileSync(file, 'x'.repeat(1024 * 1024 + 1));
  await bal(['start', '-d'], { env: inDaemon(home, 'throw new Error("no luck")') });
  assert.ok(statSync(file).size < 10_000);
  const first = statSync(file).size;
  await bal(['start', '-d'], { env: inDaemon(home, 'throw new Error("no luck")') });
  assert.equal(statSync(file).size, first * 2, 'a small file is added to');
});

test('a log directory that cannot be made is no reason not to try', async (t) => {
  const home = ownHome(t);
  writeConfig(home, 'abc');
  writeFileSync(join(home, 'logs'), 'a file');
  isRefusal(await bal(['start', '-d']), /config\.yaml:2:1 port: /);
});

test('a home that is given relative to the working directory is the same for the daemon', async (t) => {
  const home = ownHome(t);
  mkdirSync(join(home, 'sub'));
  writeConfig(join(home, 'sub'), 'abc');
  const result = await bal(['start', '-d'], { cwd: home, env: { ...process.env, BAL_HOME: 'sub' } });
  isRefusal(result, new RegExp(`${join(home, 'sub', 'config.yaml')}:2:1 port: `));
});

test('one home, one PID file: a claim by this very process is seen by another', async (t) => {
  const home = ownHome(t);
  writeConfig(home);
  const claim = claimPidFile(join(home, 'bal.pid'));
  isRefusal(await bal(['start']), new RegExp(`already running, PID ${process.pid}\n`));
  if (claim.ok) claim.release();
});
