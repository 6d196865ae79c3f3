// Members of `control_group` may query but not change a bal of root in its own home.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { newHome, pidIn, startBal, writeConfig } from './harness.ts';
import { cli, environment, type CliResult } from './harness/cli.ts';
import { configFor } from './harness/config.ts';
import { NOBODY, noOtherUser } from './harness/other-user.ts';
import { signal } from './harness/processes.ts';
import { freePort } from '../lib/testing/ports.ts';
import { BAL } from '../lib/testing/root.ts';
import { until } from '../lib/testing/until.ts';

const skip = noOtherUser;
const GROUP = 54_321;
const OTHERS = 54_322;
const WATCHER = { uid: NOBODY.uid, gid: GROUP };
const NEIGHBOUR = { uid: NOBODY.uid, gid: OTHERS };
const somewhere = [{ host: '127.0.0.1', port: 1 }];

async function configOf(group: number | string | null): Promise<Record<string, unknown>> {
  return configFor(await freePort(), somewhere, { workers: 1, ...(group !== null && { control_group: group }) });
}

function modeOf(path: string): string {
  const { mode, gid } = statSync(path);
  return `${(mode & 0o7777).toString(8)} ${gid}`;
}

test('a member of control_group asks everything and changes nothing, whatever becomes of bal', { skip }, async (t) => {
  const config = await configOf(GROUP);
  const bal = await startBal(t, { daemon: true, config });
  const { dir, socket, askSocket } = bal.home;
  const as = (who: typeof WATCHER, ...args: string[]): Promise<CliResult> =>
    cli(args, { home: dir, as: who, cwd: '/' });
  const mayAsk = async (who: typeof WATCHER, when: string): Promise<boolean> => {
    const { code, stdout, stderr } = await as(who, 'status', '--json');
    assert.equal(code, 1, `${when}: ${stdout}${stderr}`); // because its backend is down
    return JSON.parse(stdout).state === 'running';
  };
  assert.equal(modeOf(socket), '600 0');
  assert.equal(modeOf(askSocket), `660 ${GROUP}`);
  assert.equal(modeOf(dir), `710 ${GROUP}`, 'they may enter the home, and not look around in it');

  for (const command of ['status', 'why', 'events', 'backend']) {
    const { stdout } = await as(WATCHER, command, '--json');
    assert.equal(JSON.parse(stdout).problem?.what_happened ?? '', command === 'status' ? 'no backend is up' : '');
  }
  chmodSync(join(dir, 'config.yaml'), 0o600);
  const found: { name: string; level: string }[] = JSON.parse((await as(WATCHER, 'doctor', '--json')).stdout).checks;
  for (const name of ['config', 'control_socket', 'control_group', 'pid_file', 'listen:default', 'log_directory'])
    assert.equal(found.find((it) => it.name === name)?.level, 'ok', JSON.stringify(found));
  for (const command of [['graceful'], ['stop'], ['stop', '--now'], ['upgrade'], ['backend', 'drain', '127.0.0.1:1']]) {
    const { code, stdout, stderr } = await as(WATCHER, ...command);
    assert.equal(code, 1, stderr);
    assert.equal(stdout, '');
    assert.match(
      stderr,
      /what_happened: this user may query bal .*but not change it\n.*control_group.*\n.*sudo -u root bal/,
    );
  }
  assert.equal(await mayAsk(NEIGHBOUR, 'another group'), false);
  assert.match((await as(NEIGHBOUR, 'status')).stderr, /may not be used by this user/);

  // The socket itself refuses every change, also a raw request.
  const raw = await new Promise<string>((resolve) => {
    let text = '';
    connect(askSocket)
      .on('data', (chunk) => (text += String(chunk)))
      .on('close', () => resolve(text))
      .end('POST /stop HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n{"now":true}');
  });
  assert.match(raw, /^HTTP\/1\.1 403 /);

  const follower = spawn(process.execPath, [BAL, 'events', '-f'], {
    env: environment(dir),
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
    ...WATCHER,
  });
  t.after(() => follower.kill());
  const ended = once(follower, 'close');
  await once(follower.stdout, 'data');
  let reported = '';
  follower.stderr.on('data', (chunk) => (reported += String(chunk)));
  bal.configure({ ...config, control_group: OTHERS });
  const moved = await bal.graceful();
  assert.deepEqual(
    moved.verdict.changed.map(({ what, from, to }) => [what, from, to]),
    [['control_group', String(GROUP), String(OTHERS)]],
  );
  assert.equal(await mayAsk(WATCHER, 'no member any more'), false);
  assert.deepEqual(await ended, [1, null]);
  assert.match(reported, /may not be used by this user/);
  assert.equal(modeOf(dir), `710 ${GROUP}`, 'whose the home is now, bal does not decide');
  await bal.logged('config.warning', ({ message, fields }) => {
    const hint = String(fields['do_this_now']);
    return /group "54322" .* cannot enter/.test(message) && /^chgrp 54322 .* && chmod g\+x /.test(hint);
  });
  chownSync(dir, 0, OTHERS);
  assert.equal(await mayAsk(NEIGHBOUR, 'after the reload'), true);

  const refused = writeConfig(dir, { ...config, control_group: 'no-such-group' });
  assert.match(
    (await bal.cli('check', '-c', refused)).stderr,
    /control_group: this machine has no group "no-such-group"/,
  );
  assert.equal((await bal.graceful()).code, 1);
  assert.equal(await mayAsk(NEIGHBOUR, 'after a reload that was refused'), true);

  bal.configure({ ...config, control_group: OTHERS });
  assert.equal((await bal.cli('upgrade')).code, 0);
  assert.equal(await mayAsk(NEIGHBOUR, 'after an upgrade'), true);
  signal(pidIn(bal.home.pidFile) ?? 0, 'SIGKILL');
  await until('the primary is dead', async () => (await bal.cli('status')).code === 3);
  const dead = await as(NEIGHBOUR, 'status');
  assert.equal(dead.code, 3, dead.stdout + dead.stderr);
  bal.configure({ ...config, control_group: GROUP });
  assert.equal((await bal.cli('start', '-d')).code, 0);
  assert.equal(modeOf(askSocket), `660 ${GROUP}`, 'in the place of what the killed one had left');
  bal.configure(await configOf(null));
  await bal.graceful();
  assert.equal(existsSync(askSocket), false);
  assert.equal((await bal.stop()).code, 0);
  assert.equal((await as(NEIGHBOUR, 'status')).code, 3);
});

test('a socket that was left goes with the key', { skip }, async (t) => {
  const bal = await startBal(t, { daemon: true, config: await configOf(GROUP) });
  await bal.killPrimary();
  assert.ok(existsSync(bal.home.askSocket));
  bal.configure(await configOf(null));
  assert.equal((await bal.cli('start', '-d')).code, 0);
  assert.equal(existsSync(bal.home.askSocket), false);
});

test('a user opens the socket for its own groups, and is told of others', { skip }, async (t) => {
  const home = newHome(t);
  chownSync(home, NOBODY.uid, NOBODY.gid);
  chmodSync(home, 0o700);
  const as = { uid: NOBODY.uid, gid: GROUP };
  const file = writeConfig(home, await configOf(OTHERS));
  chmodSync(file, 0o644);
  const { code, stderr } = await cli(['start', '-d'], { home, as, cwd: '/' });
  assert.equal(code, 1);
  assert.match(stderr, /cannot open the socket of control_group 54322: EPERM.*\n.*not in that group/);
  assert.match(
    (await cli(['check'], { home, as, cwd: '/' })).stderr,
    /control_group: this user is not in group "54322"/,
  );
  assert.equal(existsSync(`${home}/ask.sock`), false);
  writeFileSync(file, JSON.stringify(await configOf(GROUP)));
  t.after(() => cli(['stop', '--now'], { home, as, cwd: '/' }));
  const started = await cli(['start', '-d'], { home, as, cwd: '/' });
  assert.equal(started.code, 0, started.stderr);
  assert.equal(modeOf(home), `710 ${GROUP}`);
  const member = { uid: 54_323, gid: GROUP };
  await until('the member may ask', async () => {
    const { stdout } = await cli(['status', '--json'], { home, as: member, cwd: '/' });
    return JSON.parse(stdout).state === 'running';
  });
  assert.equal((await cli(['stop'], { home, as, cwd: '/' })).code, 0);
});
