// Prepares a fresh clone: installs packages, and brings dist/ (with --tests also .build/) up to date. Plain JavaScript with node:
// modules only, because it runs before anything is installed. Prints nothing if there is nothing to do.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    `bal needs Node.js 20.19 or newer; this is ${process.version}. Install it from your distribution or nodejs.org.`,
  );
  process.exit(1);
}

// A copy of the lock file that node_modules was made from. Compare content, because modification times of a checkout mean nothing.
const stamp = join(root, 'node_modules', '.installed-lock');
const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
  console.error('Installing packages (npm ci) …');
  const npm = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (npm.status !== 0) process.exit(npm.status ?? 1);
  writeFileSync(stamp, lock);
}
execFileSync(process.execPath, [join(root, 'bin', 'dev', 'build.mjs'), '--if-needed', ...process.argv.slice(2)], {
  stdio: 'inherit',
});
