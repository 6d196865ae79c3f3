// Another user's commands on a bal: what that user may not do is never reported as done, and a running bal is never reported as
// gone.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { type Bal, newHome, startBal, writeConfig } from './harness.ts';
import { cli, type CliResult } from './harness/cli.ts';
import { configFor } from './harness/config.ts';
import { NOBODY, noOtherUser } from './harness/other-user.ts';
import { freePort } from '../lib/testing/ports.ts';
import { isAlive } from './harness/processes.ts';

const skip = noOtherUser;
const somewhere = [{ host: '127.0.0.1', port: 1 }];

/** Starts root's bal in a home with this mode. */
async function roots(t: TestContext, mode: number, pidFileMode = 0o644): Promise<Bal> {
  const home = newHome(t);
  chmodSync(home, mode);
  const bal = await startBal(t, { home, daemon: true, config: configFor(await freePort(), somewhere, { workers: 1 }) });
  chmodSync(bal.home.pidFile, pidFileMode);
  return bal;
}

function asNobody(home: string, ...args: string[]): Promise<CliResult> {
  return cli(args, { home, as: NOBODY, cwd: '/' });
}

/** Checks for exit 1, the three lines, nothing on stdout, no trace. */
function isReported({ code, stdout, stderr }: CliResult, what: RegExp): void {
  assert.equal(code, 1, stdout + stderr);
  assert.equal(stdout, '');
  assert.match(stderr, /^ {2}what_happened: .+\n {2}why_likely: .+\n {2}do_this_now: .+\n$/);
  assert.match(stderr, what);
}

async function runsOn(bal: Bal): Promise<void> {
  const { pid, home } = bal;
  assert.ok(isAlive(pid));
  assert.ok(existsSync(home.pidFile) && existsSync(home.socket), 'PID file and control socket are left alone');
  assert.equal(JSON.parse((await bal.cli('status', '--json')).stdout).pid, pid);
}

test('stop by a user who may not stop it: it says so, fails, and bal runs on', { skip }, async (t) => {
  const bal = await roots(t, 0o755);
  for (const how of [['stop'], ['stop', '--now'], ['stop', '--timeout', '1s']]) {
    const result = await asNobody(bal.home.dir, ...how);
    isReported(
      result,
      new RegExp(`what_happened: bal \\(PID ${bal.pid}\\) is still running: this user may not stop it\n`),
    );
    assert.match(result.stderr, /another user \(uid 0\)/);
  }
  await runsOn(bal);
});

for (const [where, mode, pidFileMode] of [
  ['that everybody may read', 0o755, 0o644],
  ['that only its owner may enter', 0o700, 0o644],
  ['whose PID file only its owner may read', 0o755, 0o600],
] as const) {
  test(`no command takes another user's bal for stopped, in a home ${where}`, { skip }, async (t) => {
    const bal = await roots(t, mode, pidFileMode);
    const { dir, socket } = bal.home;
    for (const command of ['stop', 'graceful', 'status', 'why', 'events', 'top']) {
      const result = await asNobody(dir, command);
      assert.equal(result.code, 1, `${command}: ${result.stdout}${result.stderr}`);
      assert.doesNotMatch(result.stdout + result.stderr, /is stopped|is not running/, command);
    }
    for (const command of ['graceful', 'status', 'why', 'events']) {
      const { code, stdout, stderr } = await asNobody(dir, command, '--json');
      assert.equal(code, 1, command);
      assert.equal(stderr, '');
      assert.ok(JSON.parse(stdout).problem.what_happened.includes(`${socket} may not be used by this user`), stdout);
    }
    const { running, state } = JSON.parse((await asNobody(dir, 'status', '--json')).stdout);
    assert.deepEqual({ running, state }, { running: true, state: null });
    const checks: { name: string; level: string }[] = JSON.parse(
      (await asNobody(dir, 'doctor', '--json')).stdout,
    ).checks;
    assert.equal(checks.find(({ name }) => name === 'control_socket')?.level, 'critical');
    await runsOn(bal);
  });
}

for (const [what, pidFileMode, reported] of [
  ['names it', 0o644, /what_happened: bal is already running, PID \d+\n/],
  ['may not be read', 0o600, /what_happened: the control socket .* may not be used by this user\n/],
] as const) {
  test(
    `start beside a bal whose PID file ${what}, in a folder for all: refused, and nothing is touched`,
    { skip },
    async (t) => {
      const bal = await roots(t, 0o777, pidFileMode);
      const { ino } = statSync(bal.home.pidFile);
      for (const how of [['start'], ['start', '-d']]) isReported(await asNobody(bal.home.dir, ...how), reported);
      assert.equal(statSync(bal.home.pidFile).ino, ino);
      await runsOn(bal);
    },
  );
}

test(
  'a PID file that cannot be read, without a control socket, is neither a running bal nor none',
  { skip },
  async (t) => {
    const home = newHome(t);
    chmodSync(home, 0o777);
    const bal = await startBal(t, { daemon: true, config: configFor(await freePort(), somewhere, { workers: 1 }) });
    writeConfig(home, configFor(await freePort(), somewhere));
    const copy = `${home}/bal.pid`;
    const entry = readFileSync(bal.home.pidFile, 'utf8');
    writeFileSync(copy, entry, { mode: 0o600 });
    for (const how of [['stop'], ['graceful'], ['status'], ['start'], ['start', '-d']]) {
      isReported(
        await asNobody(home, ...how),
        /what_happened: cannot tell whether bal is running: .*bal\.pid cannot be read/,
      );
    }
    assert.equal(readFileSync(copy, 'utf8'), entry, 'it is still there');
  },
);

test('a configuration that may not be looked at is not taken for one that is missing', { skip }, async (t) => {
  const home = newHome(t);
  writeConfig(home, configFor(await freePort(), somewhere));
  chmodSync(home, 0o700);
  const checked = await asNobody(home, 'check');
  assert.equal(checked.code, 1);
  assert.ok(checked.stderr.includes(`${home}/config.yaml`), checked.stderr);
  assert.match(checked.stderr, /permission denied/);
  const own = newHome(t);
  chmodSync(own, 0o777);
  const started = await cli(['start', '-d', '--config', `${home}/config.yaml`], { home: own, as: NOBODY, cwd: '/' });
  assert.equal(started.code, 1);
  assert.match(started.stderr, /permission denied/);
  assert.doesNotMatch(started.stderr, /internal error|does not exist/);
});
