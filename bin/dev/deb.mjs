// Makes a Debian package from a release tarball: the program in /usr/lib/bal/VERSION, its units, user, configuration, man page and
// completions.
//   npm run deb -- DIR [--arch x64|arm64] [--from bal-VERSION-linux-ARCH.tar.gz]
// Without --from the release is made first. The same tarball gives the same bytes.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync } from 'node:fs';
import { readFileSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { madeAt } from './origin.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const MAINTAINER = 'the bal authors <parkjangwon@users.noreply.github.com>';
const DEBIAN = { x64: 'amd64', arm64: 'arm64' };
const OWN_USER = [/(?:^#.*\n)?^DynamicUser=yes$/m, '# It may write to /var/lib/bal only.\nUser=bal\nGroup=bal'];
const STRIP = { x64: 'x86_64-linux-gnu-strip', arm64: 'aarch64-linux-gnu-strip' };

const { values, positionals } = readArguments();
const target = resolve(positionals[0]);
const seconds = Number(madeAt());
const work = mkdtempSync(join(tmpdir(), 'bal-deb-'));
process.once('exit', () => rmSync(work, { recursive: true, force: true }));
process.umask(0o022);

const release = values.from ?? made();
if (!existsSync(release)) fail(`there is no ${release}`);
execFileSync('tar', ['-xzf', release, '-C', work, '--no-same-permissions', '--one-top-level=release', '--strip=1']);
const from = join(work, 'release');
const root = join(work, 'root');
const { version, description } = JSON.parse(read('package.json'));
const name = `bal_${debianVersion(version)}_${DEBIAN[values.arch]}.deb`;
layOut();
describe();
pack();
console.log(join(target, name));

function made() {
  const args = [join(here, 'release.mjs'), work, '--arch', values.arch];
  return execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
}

/** Lays out all files except those that describe the package. */
function layOut() {
  const program = `usr/lib/bal/${version}`;
  copy('package.json', `${program}/package.json`);
  copy('dist', `${program}/dist`);
  const aside = join(root, program, 'dist');
  for (const file of ['THIRD-PARTY-LICENSES.txt', 'sbom.cdx.json']) rmSync(join(aside, file));
  strip(join(aside, 'native', `bal-linux-${values.arch}.node`));
  mkdirSync(join(root, 'usr/bin'), { recursive: true });
  symlinkSync(`../lib/bal/${version}/dist/bal.js`, join(root, 'usr/bin/bal'));
  put('usr/lib/systemd/system/bal.service', unit('sample/bal-foreground.service', OWN_USER));
  // Each instance has a user that exists only while it runs.
  put('usr/lib/systemd/system/bal@.service', unit('sample/bal@.service'));
  const share = 'usr/share';
  const schema = `${share}/bal/config.schema.json`;
  copy('share/config.schema.json', schema);
  put('etc/bal/config.yaml', read('sample/config.yaml').replace(/(?<=\$schema=)\S+/, `/${schema}`));
  copy('share/bash-completion/completions/bal', `${share}/bash-completion/completions/bal`);
  copy('share/zsh/site-functions/_bal', `${share}/zsh/vendor-completions/_bal`);
  copy('share/fish/vendor_completions.d/bal.fish', `${share}/fish/vendor_completions.d/bal.fish`);
  put(`${share}/man/man1/bal.1.gz`, gzip(read('share/man/man1/bal.1')));
  const doc = `${share}/doc/bal`;
  // The package is not meant for upload to Debian, which would require a bug number.
  put(`${share}/lintian/overrides/bal`, 'bal: initial-upload-closes-no-bugs\n');
  put(`${doc}/copyright`, copyright());
  put(`${doc}/changelog.gz`, gzip(read('CHANGELOG.md')));
  put(`${doc}/changelog.Debian.gz`, gzip(changelog()));
  copy('dist/sbom.cdx.json', `${doc}/sbom.cdx.json`);
  copy('sample', `${doc}/examples`);
  // Keep the repository's layout, so that links between pages work.
  for (const page of pages(from)) if (page !== 'CHANGELOG.md') copy(page, `${doc}/${page}`);
  symlinkSync('examples', join(root, doc, 'sample'));
}

/** The pages of the release, except those of the samples, which are copied with them. */
function pages(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return ['dist', 'sample'].includes(entry.name) ? [] : pages(path);
    return entry.name.endsWith('.md') ? [relative(from, path)] : [];
  });
}

/** Adapts a sample unit to the package's paths. */
function unit(file, ...more) {
  return [
    [/^[^[]*(?=\[Unit\])/, '# In a package: change it with `systemctl edit`.\n\n'],
    [/^Documentation=/m, 'Documentation=man:bal(1)\nDocumentation='],
    [/\/usr\/local\/bin\/bal/g, '/usr/bin/bal'],
    ...more,
  ].reduce((text, [what, instead]) => {
    if (text.search(what) === -1) throw new Error(`Cannot make the unit: ${file} has no ${String(what)}`);
    return text.replace(what, instead);
  }, read(file));
}

function copyright() {
  const others = read('dist/THIRD-PARTY-LICENSES.txt');
  const of = 'The programs contain the packages below, each under its own licence.';
  return `bal, https://github.com/parkjangwon/bal\n\n${read('LICENSE')}\n${'-'.repeat(80)}\n\n${of}\n\n${others}`;
}

function changelog() {
  const date = new Date(seconds * 1000).toUTCString().replace('GMT', '+0000');
  return `bal (${debianVersion(version)}) stable; urgency=medium\n\n  * bal ${version}; changelog.gz tells what is new.\n\n -- ${MAINTAINER}  ${date}\n`;
}

/** Writes control, conffiles, md5sums and the scripts. */
function describe() {
  const files = filesIn(root).sort((a, b) => (a.path < b.path ? -1 : 1));
  const bytes = files.reduce((sum, { size }) => sum + Math.ceil(size / 1024), 0);
  const control = [
    'Package: bal',
    `Version: ${debianVersion(version)}`,
    `Architecture: ${DEBIAN[values.arch]}`,
    `Maintainer: ${MAINTAINER}`,
    `Installed-Size: ${bytes}`,
    `Depends: nodejs (>= 20.19), libc6 (>= ${libc()}), adduser`,
    'Suggests: bash-completion',
    'Section: net',
    'Priority: optional',
    'Homepage: https://github.com/parkjangwon/bal',
    `Description: ${description.split(':')[0].replace(/^Ultra-light L4 /, '')}`,
    ' bal accepts TCP connections, passes each on to one of its backends, and leaves',
    ' out those that are down. It is configured by one YAML file; a reload or an',
    ' upgrade refuses and cuts no connection.',
  ];
  const sums = files.filter(({ path }) => !path.startsWith('etc/')).map(({ path }) => `${md5(path)}  ${path}\n`);
  put('DEBIAN/control', `${control.join('\n')}\n`);
  put('DEBIAN/conffiles', '/etc/bal/config.yaml\n');
  put('DEBIAN/md5sums', sums.join(''));
  for (const script of ['postinst', 'prerm', 'postrm'])
    put(`DEBIAN/${script}`, readFileSync(join(here, 'debian', `${script}.sh`)), 0o755);
}

/** The newest version of the C library that the addon needs. */
function libc() {
  const addon = readFileSync(
    join(root, 'usr/lib/bal', version, 'dist/native', `bal-linux-${values.arch}.node`),
    'latin1',
  );
  return `2.${Math.max(...Array.from(addon.matchAll(/GLIBC_2\.(\d+)/g), ([, minor]) => Number(minor)))}`;
}

/** Removes debug information from the addon. A cross compiler has its own strip. */
function strip(addon) {
  if (!existsSync(addon))
    fail(`the release has no native addon for ${values.arch}, which the unit needs (Type=notify)`);
  const tool = [STRIP[values.arch], 'strip'].find((one) => spawnSync(one, ['--version']).status === 0);
  if (tool === undefined) fail('strip was not found (binutils)');
  execFileSync(tool, ['--strip-unneeded', '--remove-section=.comment', addon], { stdio: 'inherit' });
}

function pack() {
  const executable = new Set([`usr/lib/bal/${version}/dist/bal.js`, 'usr/share/doc/bal/examples/keepalived-check.sh']);
  for (const { path, isLink } of filesIn(root, true)) {
    const file = join(root, path);
    if (isLink) continue;
    const isFolder = lstatSync(file).isDirectory();
    const isProgram = executable.has(path) || path.startsWith('DEBIAN/p');
    chmodSync(file, isFolder || isProgram ? 0o755 : 0o644);
    utimesSync(file, seconds, seconds);
  }
  mkdirSync(target, { recursive: true });
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '--threads-max=1', '--build', root, join(target, name)], {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(seconds) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** Lists the files below `top` without following links, optionally with directories. */
function filesIn(top, foldersToo = false, below = '') {
  return readdirSync(join(top, below), { withFileTypes: true }).flatMap((entry) => {
    const path = join(below, entry.name);
    const its = { path, size: lstatSync(join(top, path)).size, isLink: entry.isSymbolicLink() };
    if (!entry.isDirectory()) return entry.isFile() || foldersToo ? [its] : [];
    return [...(foldersToo ? [its] : []), ...filesIn(top, foldersToo, path)];
  });
}

/** A pre-release sorts before its release: 3.1.0-rc.1 becomes 3.1.0~rc.1. Adds the package revision 1. */
function debianVersion(of) {
  return `${of.replace('-', '~')}-1`;
}

function md5(path) {
  return createHash('md5')
    .update(readFileSync(join(root, path)))
    .digest('hex');
}

/** Compresses without name and time in the header. */
function gzip(text) {
  return gzipSync(text, { level: 9 });
}

function read(file) {
  return readFileSync(join(from, file), 'utf8');
}

function copy(file, to) {
  mkdirSync(dirname(join(root, to)), { recursive: true });
  cpSync(join(from, file), join(root, to), { recursive: true });
}

function put(file, content) {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), content);
}

function fail(why) {
  console.error(`Cannot make the package: ${why}`);
  process.exit(1);
}

function readArguments() {
  const options = { arch: { type: 'string', default: process.arch }, from: { type: 'string' } };
  try {
    const given = parseArgs({ allowPositionals: true, options });
    if (given.positionals.length !== 1) throw new Error('one folder is needed');
    if (!Object.hasOwn(DEBIAN, given.values.arch)) throw new Error(`bal has no addon for ${given.values.arch}`);
    return given;
  } catch (error) {
    console.error(
      `Cannot make the package: ${error.message}\nUsage: npm run deb -- DIR [--arch x64|arm64] [--from TARBALL]`,
    );
    process.exit(2);
  }
}
