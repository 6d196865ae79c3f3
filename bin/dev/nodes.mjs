// Fetches the other Node.js versions that bal must run on, from npm's packages of Node itself: only the program, without install
// scripts. A version that is not available is recorded with the reason, and its tests are skipped by name.
//   node bin/dev/nodes.mjs        → node_modules/.cache/node/index.json
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `newest` is the newest version of any major. */
export const WANTED = ['20', '22', '24', 'newest'];

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const cache = join(root, 'node_modules', '.cache', 'node');
const name = `node-${process.platform}-${process.arch}`;

const npm = (...args) =>
  execFileSync('npm', [...args, '--json', '--ignore-scripts', '--loglevel=error'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
    maxBuffer: 2 ** 26,
  });

const numbers = (version) => version.split('.').map(Number);

function newer(one, other) {
  const [a, b] = [numbers(one), numbers(other)];
  const at = a.findIndex((number, index) => number !== b[index]);
  return at !== -1 && a[at] > b[at];
}

/** The newest of these versions, each with three numbers. */
const newestOf = (versions) => versions.reduce((best, one) => (best === null || newer(one, best) ? one : best), null);

function get(versions) {
  const missing = versions.filter((version) => !existsSync(join(cache, version)));
  if (missing.length === 0) return;
  const work = mkdtempSync(join(cache, '.new-'));
  try {
    npm('pack', ...missing.map((version) => `${name}@${version}`), '--pack-destination', work);
    for (const version of missing) {
      const file = readdirSync(work).find((entry) => entry.endsWith(`-${version}.tgz`));
      execFileSync('tar', ['-xzf', join(work, file), '-C', work, 'package/bin/node']);
      renameSync(join(work, 'package', 'bin', 'node'), join(cache, version));
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Returns [{ wanted, version, reason }]; `reason` says why a version is not used, else null. */
function index() {
  const given = JSON.parse(npm('view', name, 'versions')).filter((version) => /^\d+\.\d+\.\d+$/.test(version));
  const chosen = WANTED.map((wanted) => ({
    wanted,
    version: newestOf(given.filter((version) => wanted === 'newest' || numbers(version)[0] === Number(wanted))),
  }));
  const running = numbers(process.versions.node)[0];
  const others = chosen.filter(({ version }) => version !== null && numbers(version)[0] !== running);
  get([...new Set(others.map(({ version }) => version))]);
  return chosen.map(({ wanted, version }) => {
    if (version === null) return { wanted, version, reason: `${name} has no version ${wanted}` };
    const isRunning = numbers(version)[0] === running;
    return { wanted, version, reason: isRunning ? `the other tests run on ${process.versions.node}` : null };
  });
}

mkdirSync(cache, { recursive: true });
let found;
try {
  found = index();
} catch (error) {
  const [first = ''] = String(error.stderr || error.message).split('\n');
  found = WANTED.map((wanted) => ({ wanted, version: null, reason: `npm has no ${name} for us: ${first}` }));
}
const draft = join(cache, `index.${process.pid}`);
writeFileSync(draft, JSON.stringify(found, null, 2));
renameSync(draft, join(cache, 'index.json'));
for (const { wanted, version, reason } of found) console.log(`Node.js ${wanted}: ${reason ?? version}`);
