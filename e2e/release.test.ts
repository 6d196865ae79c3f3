// The shipped files: release tarball and npm package are the same, with everything bal needs and no tests.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { after, test } from 'node:test';
import { linksIn } from './harness/markdown.ts';
import { FOR_CONTRIBUTORS, READMES, REFERENCE, textOf } from './harness/pages.ts';
import { newFolder } from './harness/release.ts';
import { ROOT } from '../lib/testing/root.ts';

const folder = newFolder({ after }, 'release');

const PROGRAM = join(ROOT, 'bin', 'dev', 'release.mjs');

/** The other architecture of releases, its cross compiler, and its ELF machine number. */
const OTHER =
  process.arch === 'x64'
    ? { arch: 'arm64', compiler: 'aarch64-linux-gnu-gcc', machine: 183 }
    : { arch: 'x64', compiler: 'x86_64-linux-gnu-gcc', machine: 62 };
const canCross = spawnSync(OTHER.compiler, ['--version']).status === 0;

function release(into: string, ...options: string[]): string {
  return execFileSync(process.execPath, [PROGRAM, join(folder, into), ...options], { encoding: 'utf8' }).trim();
}

/** The release of the current build; most tests examine it. */
const made = release('made');

/** Returns the files in a tarball, without its top folder. */
function filesIn(tarball: string): string[] {
  const names = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).split('\n');
  return names
    .filter((name) => name !== '' && !name.endsWith('/'))
    .map((name) => name.slice(name.indexOf('/') + 1))
    .sort();
}

/** Returns one file of a tarball. */
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

/** Copies the sources and build dependencies, as another clone would have them. */
function clone(into: string): void {
  const left = new Set(['.git', '.build', 'dist', 'node_modules', '.package.json.kept']);
  const heavy = /^(\.|@?typescript|@?oxlint|playwright|prettier|fast-check)/;
  for (const name of readdirSync(ROOT))
    if (!left.has(name)) cpSync(join(ROOT, name), join(into, name), { recursive: true });
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    if (heavy.test(name)) continue;
    cpSync(join(ROOT, 'node_modules', name), join(into, 'node_modules', name), { recursive: true });
  }
}

test('the same sources built in another folder, with another umask and time zone, make the same bytes', (t) => {
  const copy = newFolder(t, 'clone');
  clone(copy);
  const dist = join(ROOT, 'dist');
  const bill: { metadata: { timestamp: string } } = JSON.parse(readFileSync(join(dist, 'sbom.cdx.json'), 'utf8'));
  const { commit }: { commit: string | null } = JSON.parse(
    execFileSync(process.execPath, [join(dist, 'bal.js'), '--version', '--json'], { encoding: 'utf8' }),
  );
  const epoch = String(Date.parse(bill.metadata.timestamp) / 1000);
  const env = { ...process.env, SOURCE_DATE_EPOCH: epoch, BAL_COMMIT: commit ?? '', TZ: 'Asia/Seoul' };
  const make = 'umask 077; "$0" bin/dev/build.mjs && "$0" bin/dev/release.mjs "$1"';
  const there = join(copy, 'release');
  execFileSync('sh', ['-c', make, process.execPath, there], { cwd: copy, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const here = execFileSync(process.execPath, [PROGRAM, join(folder, 'here')], { env, encoding: 'utf8' }).trim();
  assert.ok(readFileSync(join(there, basename(here))).equals(readFileSync(here)));
});

test('the bill of materials has every package that is bundled, as the lock file has it', () => {
  interface Component {
    readonly purl: string;
    readonly licenses: readonly { readonly license: { readonly id: string } }[];
    readonly hashes: readonly { readonly content: string }[];
  }
  interface Bill {
    readonly components: readonly Component[];
    readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
    readonly metadata: { readonly component: { readonly purl: string } };
  }
  const bill: Bill = JSON.parse(readFileSync(join(ROOT, 'dist', 'sbom.cdx.json'), 'utf8'));
  const licences = readFileSync(join(ROOT, 'dist', 'THIRD-PARTY-LICENSES.txt'), 'utf8');
  const written = Array.from(licences.matchAll(/^(\S+) (\d\S+) \((\S+)\)$/gm), ([, name, its, licence]) => {
    return [`pkg:npm/${name?.replace('@', '%40')}@${its}`, licence];
  });
  assert.ok(written.length >= 10);
  assert.deepEqual(
    bill.components.map(({ purl, licenses: [first] }) => [purl, first?.license.id]),
    written,
  );
  const lock = readFileSync(join(ROOT, 'package-lock.json'), 'utf8');
  for (const { purl, hashes } of bill.components)
    assert.ok(lock.includes(Buffer.from(hashes[0]?.content ?? '', 'hex').toString('base64')), purl);
  const known = new Set([...written.map(([purl]) => purl), bill.metadata.component.purl]);
  assert.deepEqual(new Set(bill.dependencies.map(({ ref }) => ref)), known);
  const reached = new Set([bill.metadata.component.purl, ...bill.dependencies.flatMap(({ dependsOn }) => dependsOn)]);
  assert.deepEqual(reached, known, 'everything is there because something needs it');
});

test('SHA256SUMS lists every tarball in the folder, as sha256sum checks it', () => {
  assert.deepEqual(readdirSync(join(folder, 'made')).length, 2);
  const checked = execFileSync('sha256sum', ['-c', 'SHA256SUMS'], { cwd: join(folder, 'made'), encoding: 'utf8' });
  assert.equal(checked, `${basename(made)}: OK\n`);
});

test('the npm package and the release have the same files: programs, samples, licences, and no tests', () => {
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], {
    cwd: ROOT,
    encoding: 'utf8',
  }).trim();
  const files = filesIn(join(folder, packed));
  assert.deepEqual(files, filesIn(made));
  for (const file of [
    'bal.js',
    'worker.js',
    'demo.js',
    'backend.js',
    'load.js',
    'THIRD-PARTY-LICENSES.txt',
    'sbom.cdx.json',
  ]) {
    assert.ok(files.includes(`dist/${file}`), file);
  }
  const manifest: unknown = JSON.parse(textIn(made, 'package.json'));
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

test('npm i -g of a release adds one package and a bal that runs, with nothing from the network', () => {
  const prefix = join(folder, 'global');
  const args = ['install', '--global', '--offline', '--no-audit', '--no-fund', '--prefix', prefix, made];
  const said = execFileSync('npm', args, {
    encoding: 'utf8',
    env: { ...process.env, npm_config_cache: join(folder, 'npm') },
  });
  assert.match(said, /^added 1 package/m);
  const reported = execFileSync(join(prefix, 'bin', 'bal'), ['--version', '--json'], { encoding: 'utf8' });
  const { engine }: { engine: string } = JSON.parse(reported);
  assert.equal(engine, existsSync(join(ROOT, 'dist', 'native')) ? 'native' : 'js');
  assert.deepEqual(readdirSync(join(prefix, 'lib', 'node_modules')), ['bal']);
});

test('every page for users is shipped with all that it links, but for pages that need the sources', () => {
  const files = new Set<string>(filesIn(made));
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
