// Runs the compiled tests with node:test: `unit` runs the x.test.js beside their files, `e2e` those in e2e/. Further words select the
// files whose path contains one of them.
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { run } from 'node:test';
import { spec as Spec, tap } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';

const self = fileURLToPath(import.meta.url);
// Test processes inherit the options of this process, so restart it with source maps.
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

// These tests mostly wait, so they run two at a time beside the others. The longest first.
const WAITING = [
  'e2e/sessions/idle',
  'lib/primary/watch/watch',
  'lib/engine/contract-trouble',
  'e2e/soak/vanished',
  'e2e/sessions/ssh-checks',
  'lib/cli/stop',
  'e2e/drain',
  'e2e/slow-drain',
  'e2e/check-intervals',
  'e2e/keepalived-pair',
  'e2e/soak/silent-clients',
  'e2e/hanging-lookup',
  'e2e/upgrade-queue',
  'e2e/idle',
  'e2e/evenness',
  'e2e/soak/handover/storm',
  'e2e/node-versions',
].map((name) => join(build, `${name}.test.js`));

// Signs that a unit test affects its process. Tests without any share one process, because each process costs a tenth of a second and
// loads the schema again: 82 files take 11 s of CPU in one process, 28 s one by one.
const NEEDS_A_PROCESS =
  /child_process|worker_threads|process\.(env|chdir|exit|on|once|kill|umask|title)|mock\.|testing\/engine|createEngine|spawn|fork\(/;

/** Replaces the files that can share a process by one file. Each test still reports its own file. */
function inOneProcess(paths) {
  const shared = paths.filter((file) => !isE2e(file) && !NEEDS_A_PROCESS.test(readFileSync(file, 'utf8')));
  if (shared.length < 2) return paths;
  const together = join(build, 'together.js');
  writeFileSync(together, shared.map((file) => `import './${relative(build, file)}';\n`).join(''));
  return [together, ...paths.filter((file) => !shared.includes(file))];
}

const SUMMARY = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/;

/** Describes a failure in a few lines, for the end of a long output. */
function described({ name, file, details: { error } }) {
  const cause = error.cause ?? error;
  const why = (typeof cause?.stack === 'string' ? cause.stack : inspect(cause))
    .split('\n')
    .filter((line) => !line.includes('node:internal'))
    .slice(0, 20);
  return [`failed: ${name}`, `  in ${relative(build, file ?? '')}`, ...why.map((line) => `  ${line}`)];
}

/**
 * Merges the events of several runs into one, in order: holds later runs back until earlier ones are over. What has failed is repeated
 * at the end, because only the end of a long output may be kept.
 */
async function* inTurn(runs) {
  const began = performance.now();
  const sums = new Map();
  const failures = [];
  let [count, before] = [0, 0];
  for (const events of runs) {
    for await (const event of events) {
      const { type, data } = event;
      if (type === 'test:fail' && data.details.error.failureType !== 'subtestsFailed')
        failures.push(...described(data));
      const [, key, value] = (type === 'test:diagnostic' && data.nesting === 0 && SUMMARY.exec(data.message)) || [];
      if (type === 'test:plan' && data.nesting === 0 && data.file === undefined) count += data.count;
      else if (key !== undefined && data.file === undefined) sums.set(key, (sums.get(key) ?? 0) + Number(value));
      else if ((type === 'test:pass' || type === 'test:fail') && data.nesting === 0)
        yield { type, data: { ...data, testNumber: before + data.testNumber } };
      else yield event;
    }
    before = count;
  }
  sums.set('duration_ms', performance.now() - began);
  yield { type: 'test:plan', data: { nesting: 0, count } };
  for (const message of failures) yield { type: 'test:diagnostic', data: { nesting: 0, message } };
  for (const [key, sum] of sums) yield { type: 'test:diagnostic', data: { nesting: 0, message: `${key} ${sum}` } };
}

// Long runs are also measured, so each runs alone. Otherwise three files at a time keep two cores busy without starving the real
// servers.
const isLong = process.env.BAL_SOAK === 'long';
const busy = chosen.filter((file) => isLong || !WAITING.includes(file));
const waiting = WAITING.filter((file) => chosen.includes(file) && !busy.includes(file));
const lanes = [
  { files: only.length === 0 ? inOneProcess(busy) : busy, concurrency: isLong ? 1 : 3 },
  { files: waiting, concurrency: 2 },
].filter(({ files }) => files.length > 0);
const runs = lanes.map((lane) => run({ ...lane, timeout: isLong ? 3_600_000 : 300_000 }));
for (const tests of runs) {
  tests.on('test:fail', ({ todo }) => {
    if (todo === undefined || todo === false) process.exitCode = 1;
  });
}
Readable.from(inTurn(runs))
  .compose(process.stdout.isTTY ? new Spec() : tap)
  .pipe(process.stdout);
