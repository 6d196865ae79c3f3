// Builds dist/, which is shipped: bundles, source maps, the page, licences and bill of materials of the bundled packages, and the
// native addon if there is a compiler. With --tests also builds .build/: every module separately, for node --test.
//   node bin/dev/build.mjs [--if-needed] [--tests] [--only native]
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildPage } from './build-page.mjs';
import { commit } from './origin.mjs';
import { billOfMaterials } from './sbom.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const flags = process.argv.slice(2);
const only = flags.includes('--only') ? flags[flags.indexOf('--only') + 1] : null;
const ifNeeded = flags.includes('--if-needed');
const dist = join(root, 'dist');

/** The newest modification time of `folder` and all below it, in ms. A folder's own changes when a file is removed. */
function newest(folder) {
  let latest = statSync(folder).mtimeMs;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    latest = Math.max(latest, entry.isDirectory() ? newest(path) : statSync(path).mtimeMs);
  }
  return latest;
}

const sources = Math.max(
  ...['bin', 'config', 'lib', 'sample', 'e2e'].map((folder) => newest(join(root, folder))),
  ...['package.json', 'tsconfig.json'].map((file) => statSync(join(root, file)).mtimeMs),
);
const upToDate = (stamp) => ifNeeded && existsSync(stamp) && statSync(stamp).mtimeMs >= sources;
// The bundles contain their commit. Files changed since are newer anyway.
const built = String(commit()).slice(0, 40);
const bundled = join(dist, '.stamp');

if (only === null && !(upToDate(bundled) && readFileSync(bundled, 'utf8') === built)) await bundle();
if (only === null || only === 'native') buildNative();
if (flags.includes('--tests') && !upToDate(join(root, '.build', '.stamp'))) compileTests();

async function bundle() {
  const { build } = await import('esbuild');
  for (const entry of existsSync(dist) ? readdirSync(dist) : []) {
    if (entry !== 'native') rmSync(join(dist, entry), { recursive: true });
  }
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const entries = {
    bal: 'bin/bal.ts',
    worker: 'lib/worker/main.ts',
    demo: 'sample/demo.ts',
    backend: 'sample/backend.ts',
    load: 'lib/trial/main.ts',
  };
  const present = Object.fromEntries(
    Object.entries(entries)
      .filter(([, file]) => existsSync(join(root, file)))
      .map(([name, file]) => [name, join(root, file)]),
  );
  const result = await build({
    entryPoints: present,
    outdir: dist,
    // The output contains file names, relative to this directory.
    absWorkingDir: root,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: true,
    // The sources are in the repository. In the maps they would make up two thirds of the shipped bytes.
    sourcesContent: false,
    metafile: true,
    logLevel: 'warning',
    chunkNames: 'chunk-[hash]',
    define: { BAL_VERSION: JSON.stringify(version), BAL_COMMIT: JSON.stringify(commit()) },
    // Bundled CommonJS packages (pino) call require().
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  });
  const page = await buildPage(build, root, dist);
  const packages = packagesOf([...Object.keys(result.metafile.inputs), ...page]);
  writeLicences(packages);
  writeFileSync(join(dist, 'sbom.cdx.json'), billOfMaterials(root, packages));
  writeFileSync(bundled, built);
}

/** The packages of these files, sorted. */
function packagesOf(inputs) {
  const packages = new Set();
  for (const input of inputs) {
    const match = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match) packages.add(match[1]);
  }
  return [...packages].sort();
}

/** Writes the licences of the bundled packages, whose code is copied into dist/. */
function writeLicences(packages) {
  const texts = packages.map((name) => {
    const folder = join(root, 'node_modules', name);
    const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    return `${name} ${version} (${license})\n\n${file ? readFileSync(join(folder, file), 'utf8').trim() : 'No licence file in the package.'}\n`;
  });
  writeFileSync(join(dist, 'THIRD-PARTY-LICENSES.txt'), texts.join(`\n${'-'.repeat(80)}\n\n`));
}

function buildNative() {
  const script = join(root, 'lib', 'engine', 'native', 'build.mjs');
  if (!existsSync(script)) return;
  mkdirSync(dist, { recursive: true });
  const run = spawnSync(
    process.execPath,
    [script, ...(ifNeeded ? ['--if-needed'] : []), ...(only === 'native' ? ['--only'] : [])],
    { stdio: 'inherit' },
  );
  if (run.status !== 0 && only === 'native') process.exit(run.status ?? 1);
}

function compileTests() {
  rmSync(join(root, '.build'), { recursive: true, force: true });
  const tsc = spawnSync(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', root], {
    stdio: 'inherit',
  });
  if (tsc.status !== 0) process.exit(tsc.status ?? 1);
  writeFileSync(join(root, '.build', '.stamp'), '');
}
