// Runs the compiled tests with node:test: `unit` are the x.test.js beside their files, `e2e` those in e2e/. Node 20 has
// no globs in `node --test`, so the files are named one by one.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const build = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '.build');
const only = process.argv.slice(2).filter((arg) => arg !== 'unit' && arg !== 'e2e');

function testsBelow(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return testsBelow(path);
    return entry.name.endsWith('.test.js') ? [path] : [];
  });
}

const all = testsBelow(build).sort();
const isE2e = (file) => file.startsWith(join(build, 'e2e'));
const chosen = all.filter(
  (file) =>
    ((process.argv.includes('unit') && !isE2e(file)) || (process.argv.includes('e2e') && isE2e(file))) &&
    (only.length === 0 || only.some((word) => relative(build, file).includes(word))),
);
// Without files node --test would look for some by itself, and play everything.
if (chosen.length === 0) {
  console.error(`no test is called ${only.join(' or ')}`);
  process.exit(1);
}
// These wait for a minute or more and need hardly a processor: apart from each other they wait beside tests that need one.
const WAITING = ['sessions/idle', 'sessions/ssh-checks', 'soak/vanished', 'sessions/reload'].map((name) =>
  join(build, 'e2e', `${name}.test.js`),
);
const waiting = WAITING.filter((file) => chosen.includes(file));
const ordered = chosen.filter((file) => !WAITING.includes(file));
const gap = Math.ceil(chosen.length / (waiting.length + 1));
waiting.forEach((file, i) => ordered.splice(i * gap, 0, file));
// Most of an e2e test is waiting; three files at a time keep two cores busy without starving the real servers. What is
// to run long is also to be measured, so it runs alone.
const isLong = process.env.BAL_SOAK === 'long';
const run = spawnSync(
  process.execPath,
  [
    '--enable-source-maps',
    '--test',
    `--test-concurrency=${isLong ? 1 : 3}`,
    `--test-timeout=${isLong ? 3_600_000 : 300_000}`,
    ...ordered,
  ],
  {
    stdio: 'inherit',
  },
);
process.exit(run.status ?? 1);
