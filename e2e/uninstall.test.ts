// Uninstall: what is removed, what stays, and when it is refused.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { atEnd } from '../lib/testing/owner.ts';
import { assertTriplet, newFolder, newPlace, newSite, type Place, runningFrom } from './harness/release.ts';

const folder = newFolder({ after }, 'releases');
const site = newSite(folder);
const release = { BAL_RELEASE_URL: site.url };
const V1 = site.first;

async function installed(t: TestContext): Promise<Place> {
  const place = newPlace(t);
  const outcome = await place.install([], release);
  assert.equal(outcome.code, 0, outcome.stderr);
  return place;
}

test('--uninstall removes the program and keeps configuration and logs; --purge removes what is of bal', async (t) => {
  const place = await installed(t);
  const own = join(place.home, '.bal');
  mkdirSync(join(own, 'logs'), { recursive: true });
  for (const file of ['config.yaml', 'backends.json', 'logs/bal.1.log', 'logs/bal.err', 'notes.txt'])
    writeFileSync(join(own, file), file);
  const [manPage, ofAnother] = [
    join(place.prefix, 'share/man/man1/bal.1'),
    join(place.prefix, 'share/zsh/site-functions/_bal'),
  ];
  assert.ok(existsSync(manPage));
  rmSync(ofAnother);
  writeFileSync(ofAnother, 'not ours');
  const units = join(place.prefix, 'lib/systemd/system');
  const unit = join(units, 'bal@.service');
  const hadUnit = existsSync(unit);
  const kept = await place.install(['--uninstall']);
  assert.equal(kept.code, 0, kept.stderr);
  assert.deepEqual([lstatSync(manPage, { throwIfNoEntry: false }), existsSync(ofAnother)], [undefined, true]);
  assert.ok(kept.stdout.includes(`Configuration and logs stay in ${own}`));
  assert.ok(!existsSync(units), 'the unit that was installed is removed');
  if (hadUnit) {
    mkdirSync(units, { recursive: true });
    writeFileSync(unit, '# mine');
    await place.install([], release);
    await place.install(['--uninstall']);
    assert.equal(readFileSync(unit, 'utf8'), '# mine', 'one of somebody else stays');
  }
  assert.ok(!existsSync(place.lib) && !existsSync(place.link));
  assert.deepEqual(readdirSync(own).sort(), ['backends.json', 'config.yaml', 'logs', 'notes.txt']);

  const purged = await place.install(['--uninstall', '--purge']);
  assert.equal(purged.code, 0, purged.stderr);
  assert.deepEqual(readdirSync(own), ['notes.txt'], 'a file that is not of bal stays');
  rmSync(join(own, 'notes.txt'));
  const elsewhere = join(place.home, 'other home');
  mkdirSync(elsewhere);
  await place.install(['--uninstall', '--purge'], { BAL_HOME: elsewhere });
  assert.deepEqual([existsSync(elsewhere), existsSync(own)], [false, true], 'only BAL_HOME is purged');
});

test('--uninstall refuses while bal is running, and --purge then removes nothing either', async (t) => {
  const place = await installed(t);
  const own = join(place.home, '.bal');
  mkdirSync(own);
  writeFileSync(join(own, 'config.yaml'), 'x');
  const running = await runningFrom(t, place, V1);
  assertTriplet(await place.install(['--uninstall', '--purge']), new RegExp(`running \\(PID ${running.pid}\\)`));
  running.kill('SIGTERM');
  await once(running, 'exit');
  // A bal from elsewhere in this home: only its PID file reveals it. This test's process stands in for it.
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  writeFileSync(join(own, 'bal.pid'), `${process.pid}\n${start}\n`);
  assertTriplet(await place.install(['--uninstall', '--purge']), new RegExp(`running \\(PID ${process.pid}\\)`));
  assert.ok(existsSync(join(own, 'config.yaml')) && existsSync(place.link));
  // The same PID with another start time is another process.
  writeFileSync(join(own, 'bal.pid'), `${process.pid}\n1\n`);
  assert.equal((await place.install(['--uninstall', '--purge'])).code, 0);
  assert.ok(!existsSync(own));
});

test('--uninstall is not refused because of a command that looks on', async (t) => {
  const place = await installed(t);
  // As ps shows a bal top: node, the program, the command.
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)', '--', place.link, 'top'], {
    stdio: 'ignore',
  });
  atEnd(t, () => child.kill('SIGKILL'));
  await once(child, 'spawn');
  assert.equal((await place.install(['--uninstall'])).code, 0);
  assert.ok(!existsSync(place.lib));
});

test("--uninstall is not refused because of another prefix' bal in the same home, but --purge is", async (t) => {
  const place = await installed(t);
  const own = join(place.home, '.bal');
  mkdirSync(own);
  const program = join(newFolder(t, 'elsewhere'), 'bal.js');
  writeFileSync(program, 'setInterval(() => {}, 1e6);');
  const child = spawn(process.execPath, [program, 'start'], { stdio: 'ignore' });
  atEnd(t, () => child.kill('SIGKILL'));
  await once(child, 'spawn');
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
  const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  writeFileSync(join(own, 'bal.pid'), `${child.pid}\n${start}\n`);
  assertTriplet(await place.install(['--uninstall', '--purge']), new RegExp(`running \\(PID ${child.pid}\\)`));
  assert.equal((await place.install(['--uninstall'])).code, 0);
  assert.ok(existsSync(own) && !existsSync(place.lib));
});
