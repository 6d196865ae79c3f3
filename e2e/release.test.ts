// What is shipped: a release tarball and an npm package with the same files, all that bal needs and no tests.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { after, test } from 'node:test';
import { linksIn } from './harness/markdown.ts';
import { FOR_CONTRIBUTORS, READMES, REFERENCE, textOf } from './harness/pages.ts';
import { newFolder } from './harness/release.ts';
import { ROOT } from '../lib/testing/root.ts';

const folder = newFolder({ after }, 'release');

const PROGRAM = join(ROOT, 'bin', 'dev', 'release.mjs');

/** The other processor that releases are made for, its cross compiler, and its number in the head of a program file. */
const OTHER =
  process.arch === 'x64'
    ? { arch: 'arm64', compiler: 'aarch64-linux-gnu-gcc', machine: 183 }
    : { arch: 'x64', compiler: 'x86_64-linux-gnu-gcc', machine: 62 };
const canCross = spawnSync(OTHER.compiler, ['--version']).status === 0;

function release(into: string, ...options: string[]): string {
  return execFileSync(process.execPath, [PROGRAM, join(folder, into), ...options], { encoding: 'utf8' }).trim();
}

/** The files in a tarball, without its top folder. */
function filesIn(tarball: string): string[] {
  const names = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).split('\n');
  return names
    .filter((name) => name !== '' && !name.endsWith('/'))
    .map((name) => name.slice(name.indexOf('/') + 1))
    .sort();
}

/** One file of a tarball. */
function textIn(tarball: string, file: string): string {
  return execFileSync('tar', ['-xzOf', tarball, '--wildcards', `*/${file}`], { encoding: 'utf8' });
}

test('npm pack ships a manifest without dependencies, and package.json is as before', (t) => {
  const copy = newFolder(t, 'manifest');
  mkdirSync(join(copy, 'bin', 'dev'), { recursive: true });
  const [file, script] = [join(copy, 'package.json'), join(copy, 'bin', 'dev', 'manifest.mjs')];
  copyFileSync(join(ROOT, 'package.json'), file);
  copyFileSync(join(ROOT, 'bin', 'dev', 'manifest.mjs'), script);
  const list = execFileSync('npm', ['pack', '--silent', '--pack-destination', copy], { cwd: copy, encoding: 'utf8' });
  const packed = textIn(join(copy, list.trim().split('\n').at(-1) ?? ''), 'package.json');
  assert.doesNotMatch(packed, /dependencies|typebox/i);
  assert.match(packed, /"bin"/);
  assert.equal(readFileSync(file, 'utf8'), readFileSync(join(ROOT, 'package.json'), 'utf8'));
});

test('a release made twice has the same bytes', () => {
  assert.ok(readFileSync(release('one')).equals(readFileSync(release('two'))));
});

test('SHA256SUMS lists every tarball in the folder, as sha256sum checks it', () => {
  const tarball = release('sums');
  assert.deepEqual(readdirSync(join(folder, 'sums')).length, 2);
  const checked = execFileSync('sha256sum', ['-c', 'SHA256SUMS'], { cwd: join(folder, 'sums'), encoding: 'utf8' });
  assert.equal(checked, `${tarball.slice(tarball.lastIndexOf('/') + 1)}: OK\n`);
});

test('the npm package and the release have the same files: programs, samples, licences, and no tests', () => {
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], {
    cwd: ROOT,
    encoding: 'utf8',
  }).trim();
  const files = filesIn(join(folder, packed));
  assert.deepEqual(files, filesIn(release('same')));
  for (const file of ['bal.js', 'worker.js', 'demo.js', 'backend.js', 'THIRD-PARTY-LICENSES.txt']) {
    assert.ok(files.includes(`dist/${file}`), file);
  }
  const manifest: unknown = JSON.parse(textIn(release('manifest'), 'package.json'));
  assert.deepEqual(
    ['dependencies', 'devDependencies'].filter((key) => key in Object(manifest)),
    [],
    'they are bundled, and nothing imports them',
  );
  for (const file of ['LICENSE', 'install.sh', 'sample/config.yaml', 'sample/bal.service']) {
    assert.ok(files.includes(file), file);
  }
  assert.deepEqual(
    files.filter((file) => /\.test\.|\.stamp|node_modules/.test(file)),
    [],
  );
});

test('every page for users is shipped with all that it links, but for pages that need the sources', () => {
  const files = new Set<string>(filesIn(release('pages')));
  const pages = [...READMES, ...REFERENCE, 'CHANGELOG.md'];
  const needed = pages.flatMap((file) =>
    linksIn(textOf(file))
      .map((target) => target.replace(/#.*/, ''))
      .filter((target) => target !== '')
      .map((target) => normalize(join(dirname(file), target))),
  );
  const beside: readonly string[] = FOR_CONTRIBUTORS;
  assert.deepEqual(
    [...pages, ...needed].filter((file) => !files.has(file) && !beside.includes(file)),
    [],
  );
});

const noCross = canCross ? false : `there is no ${OTHER.compiler}`;
test(`a release for ${OTHER.arch} carries the addon for ${OTHER.arch} alone`, { skip: noCross }, () => {
  const tarball = release('other', '--arch', OTHER.arch);
  assert.match(tarball, new RegExp(`-linux-${OTHER.arch}\\.tar\\.gz$`));
  const addons = filesIn(tarball).filter((file) => file.endsWith('.node'));
  assert.deepEqual(addons, [`dist/native/bal-linux-${OTHER.arch}.node`]);
  const addon = execFileSync('tar', ['-xzOf', tarball, '--wildcards', '*.node'], { maxBuffer: 2 ** 24 });
  assert.equal(addon.readUInt16LE(18), OTHER.machine);
});

test('a release for a processor that bal has no addon for is refused, and leaves no tarball', () => {
  const made = spawnSync(process.execPath, [PROGRAM, join(folder, 'odd'), '--arch', 'sparc'], { encoding: 'utf8' });
  assert.equal(made.status, 1);
  assert.match(made.stderr, /it is for Linux on x64 and arm64, this is linux on sparc/);
  assert.equal(existsSync(join(folder, 'odd')), false);
});
