// Uninstall and update by a user without all rights, or who cannot see whether bal runs: what was not done is reported, and the
// command fails.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { NOBODY, noOtherUser } from './harness/other-user.ts';
import { find } from '../lib/testing/program.ts';
import {
  assertTriplet,
  newFolder,
  newPlace,
  newSite,
  type Outcome,
  type Place,
  run,
  runningFrom,
} from './harness/release.ts';
import { ROOT } from '../lib/testing/root.ts';

const skip = noOtherUser;
const folder = newFolder({ after }, 'releases');
const site = newSite(folder);
const V1 = site.first;
chmodSync(folder, 0o755);

/** Installed by root, in a place that everybody may enter. */
async function installed(t: TestContext): Promise<Place> {
  const place = newPlace(t);
  chmodSync(dirname(place.prefix), 0o755);
  const outcome = await place.install(['--version', V1], { BAL_RELEASE_URL: site.url });
  assert.equal(outcome.code, 0, outcome.stderr);
  return place;
}

/** Only the folders themselves, not their contents. */
function give(...folders: string[]): void {
  for (const path of folders) chownSync(path, NOBODY.uid, NOBODY.gid);
}

function asNobody(place: Place, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const basis = { PATH: process.env['PATH'], HOME: place.home };
  return run('sh', [join(ROOT, 'install.sh'), '--prefix', place.prefix, ...args], { ...basis, ...env }, '', NOBODY);
}

/** A home of root's with a PID file that names this test. */
function rootsHome(place: Place): string {
  const home = join(place.home, 'of root');
  mkdirSync(home, { mode: 0o755 });
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  writeFileSync(join(home, 'bal.pid'), `${process.pid}\n${start}\n`, { mode: 0o644 });
  return home;
}

test('a program that cannot be removed completely is not removed', { skip }, async (t) => {
  const place = await installed(t);
  give(join(place.prefix, 'bin'), place.lib);
  const outcome = await asNobody(place, ['--uninstall']);
  assertTriplet(outcome, /what_happened: not all of .*\/lib\/bal can be removed\n/);
  assert.equal(outcome.stdout, '');
  assert.ok(existsSync(join(place.lib, V1, 'dist', 'bal.js')));
});

test('logs in a folder that may not be read are not purged', { skip }, async (t) => {
  const place = newPlace(t);
  chmodSync(dirname(place.prefix), 0o755);
  mkdirSync(place.prefix);
  const own = join(place.home, '.bal');
  mkdirSync(join(own, 'logs'), { recursive: true });
  writeFileSync(join(own, 'logs', 'bal.2026-01-01.1.log'), 'x');
  chmodSync(join(own, 'logs'), 0o700);
  give(place.prefix, place.home, own);
  const outcome = await asNobody(place, ['--uninstall', '--purge']);
  assertTriplet(outcome, /what_happened: the logs in .*\/\.bal\/logs cannot be removed\n/);
  assert.doesNotMatch(outcome.stdout, /are removed/);
  assert.deepEqual(readdirSync(join(own, 'logs')), ['bal.2026-01-01.1.log']);
  chmodSync(join(own, 'logs'), 0o755);
  assertTriplet(
    await asNobody(place, ['--uninstall', '--purge']),
    /not all of the configuration and logs in .* can be removed/,
  );
});

test('a PID file that cannot be read is no sign that bal does not run', { skip }, async (t) => {
  const place = await installed(t);
  const BAL_HOME = rootsHome(place);
  chmodSync(join(BAL_HOME, 'bal.pid'), 0o600);
  give(join(place.prefix, 'bin'), place.lib, join(place.lib, V1));
  const before = place.snapshot();
  const outcome = await asNobody(place, ['--uninstall'], { BAL_HOME });
  assertTriplet(
    outcome,
    /what_happened: whether bal is running cannot be told, .*bal\.pid cannot be read; nothing was removed\n/,
  );
  assert.deepEqual(place.snapshot(), before);
});

test(
  "another user's process is the running bal only when it was started when the PID file says",
  { skip },
  async (t) => {
    const place = newPlace(t);
    chmodSync(dirname(place.prefix), 0o755);
    mkdirSync(place.prefix);
    give(place.prefix);
    const BAL_HOME = rootsHome(place);
    assertTriplet(await asNobody(place, ['--uninstall'], { BAL_HOME }), new RegExp(`running \\(PID ${process.pid}\\)`));
    writeFileSync(join(BAL_HOME, 'bal.pid'), `${process.pid}\n1\n`);
    const outcome = await asNobody(place, ['--uninstall'], { BAL_HOME });
    assert.equal(outcome.code, 0, outcome.stderr);
  },
);

test('an old version that cannot be removed is told, and the new one is installed', { skip }, async (t) => {
  const place = await installed(t);
  const old = join(place.lib, '1.0.0');
  mkdirSync(old);
  writeFileSync(join(old, 'file'), '');
  site.publish('98.0.0');
  give(join(place.prefix, 'bin'), place.lib);
  const outcome = await asNobody(place, ['--version', '98.0.0'], { BAL_RELEASE_URL: site.url });
  assert.equal(outcome.code, 0, outcome.stderr);
  assert.match(outcome.stdout, /^bal 98\.0\.0 is installed: /);
  assert.match(outcome.stderr, /the old version in .*\/1\.0\.0 cannot be removed, and stays\n$/);
});

test('a bal that runs is seen also by somebody who has no Node.js', async (t) => {
  const place = await installed(t);
  const running = await runningFrom(t, place, V1);
  const bin = newFolder(t, 'bin');
  for (const name of ['dirname', 'readlink', 'tr', 'head', 'rm', 'rmdir']) {
    writeFileSync(join(bin, name), `#!/bin/sh\nexec ${find(name)} "$@"\n`, { mode: 0o755 });
  }
  const before = place.snapshot();
  const args = [join(ROOT, 'install.sh'), '--prefix', place.prefix, '--uninstall'];
  const outcome = await run('/bin/sh', args, { PATH: bin, HOME: place.home });
  assertTriplet(outcome, new RegExp(`running \\(PID ${running.pid}\\); nothing was removed`));
  assert.deepEqual(place.snapshot(), before);
});
