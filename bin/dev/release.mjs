// Makes the files of a release: bal-VERSION-linux-ARCH.tar.gz and SHA256SUMS, which install.sh downloads.
//   npm run release -- DIR [--arch x64|arm64]
// The same sources on the same machine give the same bytes: names are sorted, owner and times fixed. Tarballs from other machines,
// whose addons differ, may be put into DIR beforehand. --arch builds the addon for another processor with its cross compiler.
// SHA256SUMS lists all tarballs.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { shippedManifest } from './manifest.mjs';
import { madeAt } from './origin.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const { arch, folder } = readArguments();
const target = resolve(folder);
const { version, files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const name = `bal-${version}-${process.platform}-${arch}.tar.gz`;

const staging = mkdtempSync(join(tmpdir(), 'bal-release-'));
try {
  const top = join(staging, `bal-${version}`);
  mkdirSync(top);
  // The same files as npm packs. Negated entries only exclude tests, which the filter below does.
  for (const part of ['package.json', ...files]) {
    if (!part.startsWith('!') && existsSync(join(root, part))) {
      cpSync(join(root, part), join(top, part), {
        recursive: true,
        filter: (path) => !/\.test\.ts$|\.stamp$/.test(path) && (arch === process.arch || !path.endsWith('.node')),
      });
    }
  }
  writeFileSync(join(top, 'package.json'), shippedManifest(readFileSync(join(root, 'package.json'), 'utf8')));
  if (arch !== process.arch) buildAddon(join(top, 'dist', 'native'));
  for (const program of ['dist/bal.js', 'install.sh']) chmodSync(join(top, program), 0o755);
  mkdirSync(target, { recursive: true });
  const tar = execFileSync(
    'tar',
    [
      '--create',
      '--format=ustar',
      '--sort=name',
      `--mtime=@${madeAt()}`,
      '--owner=0',
      '--group=0',
      '--numeric-owner',
    ].concat(['--mode=u=rwX,go=rX', `--directory=${staging}`, `bal-${version}`]),
    { maxBuffer: 2 ** 30 },
  );
  // -n: no name and no time in the header.
  writeFileSync(join(target, name), execFileSync('gzip', ['-9n'], { input: tar, maxBuffer: 2 ** 30 }));
} finally {
  rmSync(staging, { recursive: true, force: true });
}

const sums = readdirSync(target)
  .filter((file) => /^bal-.*\.tar\.gz$/.test(file))
  .sort()
  .map(
    (file) =>
      `${createHash('sha256')
        .update(readFileSync(join(target, file)))
        .digest('hex')}  ${file}\n`,
  );
writeFileSync(join(target, 'SHA256SUMS'), sums.join(''));
console.log(join(target, name));

function readArguments() {
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: { arch: { type: 'string' } } });
    const [only, ...rest] = positionals;
    if (only === undefined || rest.length > 0) throw new Error('one folder is needed');
    return { folder: only, arch: values.arch ?? process.arch };
  } catch (error) {
    console.error(`Cannot make a release: ${error.message}\nUsage: npm run release -- DIR [--arch x64|arm64]`);
    process.exit(2);
  }
}

/** Builds the addon for another processor. The builder reports what is missing. */
function buildAddon(into) {
  const script = join(root, 'lib', 'engine', 'native', 'build.mjs');
  const built = spawnSync(process.execPath, [script, '--only', '--arch', arch, '--into', into], { stdio: 'inherit' });
  if (built.status === 0) return;
  process.exitCode = 1;
  throw new Error(`Cannot make a release for ${arch}: the addon was not built`);
}
