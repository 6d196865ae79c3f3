import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as fc from 'fast-check';
import { mutant } from './testing/mutant.ts';
import { claimPidFile, readPidFile } from './pidfile.ts';
import { lookUp, ownStartTime } from './process.ts';

const isRoot = process.getuid?.() === 0;
let folder = '';
let counter = 0;
let other: ChildProcess;

/** A path in a new directory. */
function freshPath(): string {
  const dir = join(folder, String(counter++));
  mkdirSync(dir);
  return join(dir, 'bal.pid');
}

function startOf(pid: number): string {
  const presence = lookUp(pid);
  assert.equal(presence.state, 'alive');
  return presence.startTime ?? '';
}

/** The PID of a process that lives until it is killed. */
function live(): number {
  assert.ok(other.pid !== undefined);
  return other.pid;
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bal-pid-'));
  other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000); console.log("up")']);
  if (other.stdout !== null) await once(other.stdout, 'data');
});

after(async () => {
  const over = once(other, 'exit');
  other.kill('SIGKILL');
  await over;
  rmSync(folder, { recursive: true });
});

test('a claimed file holds the PID alone on line 1, the start time on line 2, and nothing else is left in the home', () => {
  const path = freshPath();
  const claim = claimPidFile(path);
  assert.ok(claim.ok);
  assert.equal(readFileSync(path, 'utf8'), `${process.pid}\n${ownStartTime()}\n`);
  assert.deepEqual(readdirSync(join(path, '..')), ['bal.pid']);
  assert.deepEqual(readPidFile(path), { running: true, pid: process.pid, startTime: ownStartTime() });
  claim.release();
  assert.ok(!existsSync(path));
});

test('a running instance keeps the file: a second claim is refused and names the PID', () => {
  const path = freshPath();
  const text = `${live()}\n${startOf(live())}\n`;
  writeFileSync(path, text);
  assert.deepEqual(claimPidFile(path), { ok: false, pid: live() });
  assert.equal(readFileSync(path, 'utf8'), text);
  assert.deepEqual(readdirSync(join(path, '..')), ['bal.pid']);
});

test('a PID that was used again is not the instance', () => {
  const path = freshPath();
  writeFileSync(path, `${live()}\n1\n`);
  assert.deepEqual(readPidFile(path), { running: false, reason: 'stale' });
  assert.ok(claimPidFile(path).ok);
});

test('a process that is over, also one that nobody has waited for, is not running', async (t) => {
  const path = freshPath();
  const done = spawnSync(process.execPath, ['-e', '']);
  writeFileSync(path, `${done.pid}\n1\n`);
  assert.deepEqual(readPidFile(path), { running: false, reason: 'stale' });

  // The shell starts a child, then becomes a program that never waits for it. The child ends only after that, since a shell might
  // still wait for it.
  const becomes = `exec '${process.execPath}' -e 'console.log("here"); setInterval(() => {}, 1000)'`;
  const parent = spawn('/bin/sh', ['-c', `cat <&3 & echo $!; ${becomes}`], {
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
  });
  t.after(() => parent.kill('SIGKILL'));
  let said = '';
  parent.stdout?.on('data', (chunk) => (said += String(chunk)));
  while (!said.includes('here')) await new Promise((resolve) => setTimeout(resolve, 10));
  const zombie = Number.parseInt(said, 10);
  assert.equal(lookUp(zombie).state, 'alive');
  parent.stdio[3]?.destroy();
  while (lookUp(zombie).state !== 'gone') await new Promise((resolve) => setImmediate(resolve));
  assert.doesNotThrow(() => process.kill(zombie, 0), 'the zombie still has its PID');
  writeFileSync(path, `${zombie}\n1\n`);
  assert.deepEqual(readPidFile(path), { running: false, reason: 'stale' });
});

const hostile: readonly (readonly [name: string, text: string])[] = [
  ['empty', ''],
  ['minus one', '-1\n1\n'],
  ['zero', '0\n1\n'],
  ['text', 'abc\n1\n'],
  ['a PID without a start time', `${process.ppid}\n`],
  ['a bare PID', String(process.ppid)],
  ['leading zero', `0${process.ppid}\n1\n`],
  ['hexadecimal', '0x1\n1\n'],
  ['exponent', '1e0\n1\n'],
  ['a fraction', '1.0\n1\n'],
  ['leading space', ` ${process.ppid}\n1\n`],
  ['too many digits', '99999999999999999999\n1\n'],
  ['a third line', `${process.ppid}\n1\n2\n`],
  ['binary', '\u0000\u0001\u0002'],
  ['huge', `1\n${'1'.repeat(1 << 20)}\n`],
];
for (const [name, text] of hostile) {
  test(`a file with ${name} names nobody and is replaced`, () => {
    const path = freshPath();
    writeFileSync(path, text);
    assert.deepEqual(readPidFile(path), { running: false, reason: 'corrupt' });
    const claim = claimPidFile(path);
    assert.ok(claim.ok);
    assert.equal(readPidFile(path).running, true);
    claim.release();
    assert.deepEqual(readdirSync(join(path, '..')), []);
  });
}

test('a PID beyond what the kernel has names nobody', () => {
  const path = freshPath();
  writeFileSync(path, '4194305\n1\n');
  assert.deepEqual(readPidFile(path), { running: false, reason: 'stale' });
});

test('a symlink is not followed, neither to read nor to write', () => {
  const path = freshPath();
  const target = `${path}.target`;
  const text = `${live()}\n${startOf(live())}\n`;
  writeFileSync(target, text);
  symlinkSync(target, path);
  assert.deepEqual(readPidFile(path), { running: false, reason: 'corrupt' });
  assert.ok(claimPidFile(path).ok);
  assert.equal(readFileSync(target, 'utf8'), text);
});

test('a FIFO or a socket in its place neither hangs nor harms', async () => {
  const path = freshPath();
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  assert.deepEqual(readPidFile(path), { running: false, reason: 'corrupt' });
  assert.ok(claimPidFile(path).ok);

  const second = freshPath();
  const server = createServer().listen(second);
  await once(server, 'listening');
  assert.deepEqual(readPidFile(second), { running: false, reason: 'corrupt' });
  assert.ok(claimPidFile(second).ok);
  server.close();
});

test('a directory in its place is an error that says so, and stays', () => {
  const path = freshPath();
  mkdirSync(path);
  writeFileSync(join(path, 'keep'), '');
  assert.deepEqual(readPidFile(path), { running: false, reason: 'corrupt' });
  assert.throws(() => claimPidFile(path), /^Error: Cannot claim the PID file: .*bal\.pid is a directory$/);
  assert.deepEqual(readdirSync(join(path, '..')), ['bal.pid']);
  assert.ok(existsSync(join(path, 'keep')));
});

test('a home that is not there is an error that says so', () => {
  assert.deepEqual(readPidFile(join(folder, 'none', 'bal.pid')), { running: false, reason: 'none' });
  assert.throws(() => claimPidFile(join(folder, 'none', 'bal.pid')), /^Error: Cannot claim the PID file: ENOENT/);
});

test('a process of another user than the file is not the instance', { skip: !isRoot && 'needs root' }, () => {
  const path = freshPath();
  writeFileSync(path, `${live()}\n${startOf(live())}\n`);
  chownSync(path, 65534, 65534);
  assert.deepEqual(readPidFile(path), { running: false, reason: 'foreign' });
});

test('a process that may not be signalled (EPERM) is running all the same', { skip: !isRoot && 'needs root' }, () => {
  const path = freshPath();
  writeFileSync(path, `${live()}\n${startOf(live())}\n`, { mode: 0o644 });
  const script = `
    const { chdir, setgid, setuid, kill } = process;
    const { readPidFile } = await import(${JSON.stringify(new URL('./pidfile.js', import.meta.url).href)});
    setgid(65534); setuid(65534);
    let code = ''; try { kill(${live()}, 0) } catch (error) { code = error.code }
    console.log(JSON.stringify([code, readPidFile(process.argv[1])]));`;
  spawnSync('chmod', ['755', folder, join(path, '..')]);
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script, path], { encoding: 'utf8' });
  assert.equal(run.stderr, '');
  assert.deepEqual(JSON.parse(run.stdout), ['EPERM', { running: true, pid: live(), startTime: startOf(live()) }]);
});

test(
  'a file that cannot be read is nobody to replace: the claim is refused, and it stays',
  { skip: !isRoot && 'needs root' },
  () => {
    const path = freshPath();
    const text = `${live()}\n${startOf(live())}\n`;
    writeFileSync(path, text, { mode: 0o600 });
    const script = `
    const { claimPidFile, readPidFile } = await import(${JSON.stringify(new URL('./pidfile.js', import.meta.url).href)});
    process.setgid(65534); process.setuid(65534);
    let said = ''; try { claimPidFile(process.argv[1]) } catch (error) { said = error.message }
    console.log(JSON.stringify([said, readPidFile(process.argv[1])]));`;
    spawnSync('chmod', ['777', folder, join(path, '..')]);
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script, path], { encoding: 'utf8' });
    assert.equal(run.stderr, '');
    assert.deepEqual(JSON.parse(run.stdout), [
      `Cannot claim the PID file: ${path} cannot be read, so it may be that of a running bal`,
      { running: false, reason: 'unreadable' },
    ]);
    assert.equal(readFileSync(path, 'utf8'), text);
    assert.deepEqual(readdirSync(join(path, '..')), ['bal.pid'], 'nothing is left beside it');
  },
);

test('release leaves a file that is no longer ours', () => {
  const path = freshPath();
  const claim = claimPidFile(path);
  assert.ok(claim.ok);
  const text = `${live()}\n${startOf(live())}\n`;
  writeFileSync(path, text);
  claim.release();
  assert.equal(readFileSync(path, 'utf8'), text);
});

test('of many that claim a stale file at once, exactly one has it', async () => {
  const path = freshPath();
  writeFileSync(path, '4194305\n1\n');
  const script = `
    const { claimPidFile } = await import(${JSON.stringify(new URL('./pidfile.js', import.meta.url).href)});
    process.on('message', () => process.send(claimPidFile(process.argv[1]).ok));
    process.send('here');`;
  const racers = Array.from({ length: 8 }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', script, path], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    }),
  );
  await Promise.all(racers.map((racer) => once(racer, 'message')));
  const verdicts = racers.map((racer) => once(racer, 'message'));
  for (const racer of racers) racer.send('go');
  const winners = (await Promise.all(verdicts)).filter(([ok]) => ok === true).length;
  const found = readPidFile(path);
  for (const racer of racers) racer.kill('SIGKILL');
  assert.equal(winners, 1);
  assert.equal(found.running, true);
});

test('a file with any bytes names nobody, unless it names a living process with its start time; nothing throws', () => {
  const entry = `${live()}\n${startOf(live())}\n`;
  fc.assert(
    fc.property(mutant(entry, '-1\n1\n', '0\n0\n', '1\n1\n'), (bytes) => {
      const path = freshPath();
      writeFileSync(path, bytes);
      const found = readPidFile(path);
      if (found.running) assert.equal(bytes.toString().trimEnd(), entry.trimEnd());
      const claim = claimPidFile(path);
      assert.equal(claim.ok, !found.running);
      if (claim.ok) claim.release();
    }),
    { numRuns: process.env['BAL_SOAK'] === 'long' ? 5000 : 200 },
  );
  assert.doesNotThrow(() => process.kill(live(), 0));
});
