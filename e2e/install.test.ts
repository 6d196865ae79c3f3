// install.sh from end to end: releases made by bin/dev/release.mjs, installed into separate prefixes and homes, with spaces in
// every path.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, realpathSync } from 'node:fs';
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import {
  assertTriplet,
  newFolder,
  newPlace,
  newSite,
  type Place,
  run,
  runningFrom,
  sumOf,
  unpack,
  versionOf,
} from './harness/release.ts';
import { sharedFiles } from '../lib/cli/shell/files.ts';
import { ROOT } from '../lib/testing/root.ts';

const folder = newFolder({ after }, 'releases');
const site = newSite(join(folder, 'site'));
const release = { BAL_RELEASE_URL: site.url };
const V1 = site.first;
/** Files for man and the shells. */
const SHARED = Object.keys(sharedFiles()).map((name) => join('share', name));
site.publish('98.0.0');
site.publish('99.0.0-rc.1');
site.publish(V1);

/** The unit is installed only by root, and only with systemd. */
const hasSystemd = process.getuid?.() === 0 && existsSync('/usr/lib/systemd/system');

async function installed(t: TestContext): Promise<Place> {
  const place = newPlace(t);
  const outcome = await place.install([], release);
  assert.equal(outcome.code, 0, outcome.stderr);
  return place;
}

test('a release is installed, runs, and says what to do next', async (t) => {
  const place = newPlace(t);
  const outcome = await place.install([], release);
  assert.equal(outcome.code, 0, outcome.stderr);
  assert.equal(outcome.stderr, '');
  assert.match(outcome.stdout, new RegExp(`^bal ${V1} is installed: ${place.link}\n`));
  assert.ok(outcome.stdout.includes(`${place.prefix}/bin is not in your PATH`));
  assert.ok(outcome.stdout.includes('config.yaml'));
  assert.ok((await versionOf(place)).includes(V1));
  for (const file of [
    'package.json',
    'LICENSE',
    'install.sh',
    'dist/backend.js',
    'sample/README.md',
    'lib/cli/README.md',
  ]) {
    assert.ok(existsSync(join(place.lib, V1, file)), file);
  }
  assert.deepEqual(readdirSync(place.lib), [V1], 'nothing but the version is left');
  for (const file of SHARED) assert.ok(realpathSync(join(place.prefix, file)).endsWith(join(V1, file)), file);
  if (!hasSystemd) return;
  const unit = readFileSync(join(place.prefix, 'lib/systemd/system/bal@.service'), 'utf8');
  const sample = readFileSync(join(ROOT, 'sample/bal@.service'), 'utf8');
  assert.equal(unit.slice(unit.indexOf('\n') + 1), sample.replaceAll('/usr/local/bin/bal', `"${place.link}"`));
});

test('installing the same version again says so and changes nothing', async (t) => {
  const place = await installed(t);
  const before = place.snapshot();
  for (const again of [
    () => place.install([], release),
    () => place.install(['--version', V1], release),
    () => place.install([], {}, join(place.lib, V1, 'install.sh')),
  ]) {
    const { code, stdout } = await again();
    assert.equal(stdout, `bal ${V1} is already installed in ${place.prefix}; nothing changed\n`);
    assert.equal(code, 0);
  }
  assert.deepEqual(place.snapshot(), before);
});

test('an update keeps the version before it, and older ones as long as a program runs from them', async (t) => {
  const place = await installed(t);
  const running = await runningFrom(t, place, V1);
  const first = await place.install(['--version', '98.0.0'], release);
  assert.match(first.stdout, new RegExp(`^bal 98\\.0\\.0 is installed: .* \\(before: ${V1}\\)\n`));
  assert.ok((await versionOf(place)).includes('98.0.0'));
  for (const file of SHARED) assert.ok(realpathSync(join(place.prefix, file)).endsWith(join('98.0.0', file)), file);
  await place.install(['--version', 'v99.0.0-rc.1'], release);
  assert.deepEqual(readdirSync(place.lib).sort(), [V1, '98.0.0', '99.0.0-rc.1'].sort());
  running.kill('SIGTERM');
  await once(running, 'exit');
  await place.install(['--version', '98.0.0'], release);
  assert.ok((await versionOf(place)).includes('98.0.0'), 'back to a version that is still there');
  assert.deepEqual(readdirSync(place.lib).sort(), ['98.0.0', '99.0.0-rc.1']);
});

/** The defect of a site, the installer's message, and how to cause it. */
const spoiled: readonly [string, RegExp, (latest: string) => void][] = [
  ['a wrong checksum', /SHA-256/, (latest) => appendFileSync(tarballIn(latest), 'x')],
  ['a download cut off', /SHA-256/, (latest) => truncateSync(tarballIn(latest), 5000)],
  ['no SHA256SUMS', /SHA256SUMS cannot be downloaded/, (latest) => rmSync(join(latest, 'SHA256SUMS'))],
  ['an empty SHA256SUMS', /lists no file for/, (latest) => truncateSync(join(latest, 'SHA256SUMS'))],
  ['a missing file', /cannot be downloaded/, (latest) => rmSync(tarballIn(latest))],
  ['a file that is no archive but has the right sum', /cannot be unpacked/, (latest) => replace(latest, 'no archive')],
];

function tarballIn(latest: string): string {
  return join(latest, readdirSync(latest).find((name) => name.endsWith('.tar.gz')) ?? 'none');
}

function replace(latest: string, content: string): void {
  writeFileSync(tarballIn(latest), content);
  const sums = join(latest, 'SHA256SUMS');
  writeFileSync(sums, readFileSync(sums, 'utf8').replace(/^\w+/, sumOf(tarballIn(latest))));
}

for (const [what, message, spoil] of spoiled) {
  test(`${what} is refused and changes nothing, neither in an old installation nor where there is none`, async (t) => {
    const bad = join(newPlace(t).home, 'site');
    cpSync(join(site.folder, 'download', 'v98.0.0'), join(bad, 'latest', 'download'), { recursive: true });
    spoil(join(bad, 'latest', 'download'));
    const env = { BAL_RELEASE_URL: pathToFileURL(bad).href };
    const old = await installed(t);
    const before = old.snapshot();
    assertTriplet(await old.install([], env), message);
    assert.deepEqual(old.snapshot(), before);
    const none = newPlace(t);
    assertTriplet(await none.install([], env), message);
    assert.ok(!existsSync(none.lib) && !existsSync(none.link));
  });
}

test('a file that cannot be written leaves the old installation as it was', async (t) => {
  const place = await installed(t);
  const before = place.snapshot();
  // A file size limit simulates a full disk: the write fails halfway.
  const command = `ulimit -f 16; exec sh "$@"`;
  const args = ['-c', command, 'sh', join(ROOT, 'install.sh'), '--prefix', place.prefix, '--version', '98.0.0'];
  const outcome = await run('sh', args, { ...process.env, ...release });
  assertTriplet(outcome, /cannot be downloaded/);
  assert.deepEqual(place.snapshot(), before);
});

test('the same version built anew goes beside the one that may be running', async (t) => {
  const place = await installed(t);
  const tree = unpack(site.tarball(), join(place.home, 'tree'));
  writeFileSync(join(tree, 'sample', 'new.txt'), 'x');
  assert.equal((await place.install([], {}, join(tree, 'install.sh'))).code, 0);
  const [one, two = '', ...more] = readdirSync(place.lib).sort();
  assert.deepEqual([one, more], [V1, []]);
  assert.match(two, new RegExp(`^${V1}-[0-9a-f]{8}$`));
  assert.ok((await versionOf(place)).includes(V1));
});

test('a clone is built first; a build that fails changes nothing', async (t) => {
  const place = newPlace(t);
  const clone = unpack(site.tarball(), join(place.home, 'clone'));
  cpSync(join(clone, 'dist'), join(clone, 'built'), { recursive: true });
  rmSync(join(clone, 'dist'), { recursive: true });
  mkdirSync(join(clone, 'bin', 'dev'), { recursive: true });
  const setup = join(clone, 'bin', 'dev', 'setup.mjs');
  writeFileSync(setup, 'process.exit(3)');
  assertTriplet(await place.install([], {}, join(clone, 'install.sh')), /cannot be built/);
  assert.ok(!existsSync(place.lib));
  writeFileSync(setup, `import fs from 'node:fs'; fs.renameSync('${join(clone, 'built')}', '${join(clone, 'dist')}')`);
  const outcome = await place.install([], {}, join(clone, 'install.sh'));
  assert.equal(outcome.code, 0, outcome.stderr);
  assert.ok((await versionOf(place)).includes(V1));
});

test('a bal that does not run is not installed over one that does', async (t) => {
  const place = await installed(t);
  const before = place.snapshot();
  const tree = unpack(site.tarball('98.0.0'), join(place.home, 'tree'));
  writeFileSync(join(tree, 'dist', 'bal.js'), 'import "./missing.js";');
  assertTriplet(await place.install([], {}, join(tree, 'install.sh')), /the new bal does not run/);
  assert.deepEqual(place.snapshot(), before);
});

test('another program at the place of the link is left alone', async (t) => {
  const place = newPlace(t);
  mkdirSync(join(place.prefix, 'bin'), { recursive: true });
  writeFileSync(place.link, 'not ours');
  assertTriplet(await place.install([], release), /did not put it there/);
  assert.equal((await place.install(['--uninstall'])).code, 0);
  assert.equal(readFileSync(place.link, 'utf8'), 'not ours');
});

test('a prefix that cannot be written is refused', async (t) => {
  const place = newPlace(t);
  writeFileSync(place.prefix, 'a file');
  assertTriplet(await place.install([], release), /cannot be written/);
});

test('wrong options are one line and exit 2', async (t) => {
  const place = newPlace(t);
  for (const args of [
    ['--nonsense'],
    ['--version'],
    ['--purge'],
    ['--version', '../x'],
    ['--uninstall', '--version', '1'],
  ]) {
    const { code, stderr } = await place.install(args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, /^install\.sh: [^\n]+; see --help\n$/);
  }
  assert.match((await place.install(['--help'])).stdout, /^Usage: install\.sh/);
});
