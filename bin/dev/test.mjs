// Runs the compiled tests with node:test: `unit` are the x.test.js beside their files, `e2e` those in e2e/. Words after
// that choose the files whose path has one of them.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { run } from 'node:test';
import { spec as Spec, tap } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

const self = fileURLToPath(import.meta.url);
// The processes of the tests get what this one was started with.
if (!process.execArgv.includes('--enable-source-maps')) {
  const again = spawnSync(process.execPath, ['--enable-source-maps', self, ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  process.exit(again.status ?? 1);
}

const build = join(dirname(self), '..', '..', '.build');
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
if (chosen.length === 0) {
  console.error(`no test is called ${only.join(' or ')}`);
  process.exit(1);
}

// These wait for a minute or more and need hardly a processor: apart from each other they wait beside tests that need one.
const WAITING = ['sessions/idle', 'sessions/ssh-checks', 'soak/vanished', 'sessions/reload'].map((name) =>
  join(build, 'e2e', `${name}.test.js`),
);
const waiting = WAITING.filter((file) => chosen.includes(file));
const files = chosen.filter((file) => !WAITING.includes(file));
const gap = Math.ceil(chosen.length / (waiting.length + 1));
waiting.forEach((file, i) => files.splice(i * gap, 0, file));

// Most of an e2e test is waiting; three files at a time keep two cores busy without starving the real servers. What is
// to run long is also to be measured, so it runs alone.
const isLong = process.env.BAL_SOAK === 'long';
const tests = run({ files, concurrency: isLong ? 1 : 3, timeout: isLong ? 3_600_000 : 300_000 });
tests.on('test:fail', ({ todo }) => {
  if (todo === undefined || todo === false) process.exitCode = 1;
});
tests.compose(process.stdout.isTTY ? new Spec() : tap).pipe(process.stdout);
