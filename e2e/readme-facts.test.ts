// The lists in the pages match the program: keys, options, events, reasons, metrics, variables.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { withReference } from '../config/readme.ts';
import { COMMANDS, FLAGS } from '../lib/cli/commands.ts';
import { FAILED, REASONS } from '../lib/ipc/reasons.ts';
import { withBrief, withGlance } from './bench/readme.ts';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo, named } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { blocksOf, codeIn, type Rows, sectionsOf } from './harness/markdown.ts';
import { names } from './harness/exchange.ts';
import { visits } from './harness/load.ts';
import { GLOSSARY } from '../lib/view/glossary.ts';
import { until } from '../lib/testing/until.ts';
import { freePort } from '../lib/testing/ports.ts';
import { READMES, textOf } from './harness/pages.ts';
import { ROOT } from '../lib/testing/root.ts';

const CONFIG = 'config/README.md';
const COMMANDS_PAGE = 'lib/cli/README.md';
const WATCHING = 'lib/control/README.md';
const ENGINES = 'lib/engine/README.md';

function tableIn(file: string, title: string): Rows {
  const rows = sectionsOf(textOf(file)).find((section) => section.title === title)?.tables[0];
  if (rows === undefined) throw new Error(`Cannot find the table of "${title}" in ${file}`);
  return rows;
}

/** Returns the names in the first column. */
function namesIn(file: string, title: string): (string | undefined)[] {
  return tableIn(file, title).map(([cell = '']) => codeIn(cell)[0]);
}

/** Concatenates all shipped sources. */
function sources(...folders: string[]): string {
  return folders
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
    )
    .filter((file) => /\.(ts|mjs|c)$/.test(file) && !file.endsWith('.test.ts') && !file.includes('/contract/'))
    .map(textOf)
    .join('\n');
}

test('the configuration reference is that of the schema (npm run docs writes it)', () => {
  assert.equal(textOf(CONFIG), withReference(textOf(CONFIG), 'en'));
});

test('the pages show the figures of RESULTS.md and no others (npm run docs writes them)', () => {
  const measured = existsSync(join(ROOT, 'e2e', 'bench', 'RESULTS.md'));
  const results = measured ? textOf('e2e/bench/RESULTS.md') : null;
  assert.equal(textOf(ENGINES), withGlance(textOf(ENGINES), results));
  for (const file of READMES) assert.equal(textOf(file), withBrief(textOf(file), results), file);
});

test('the table of commands has every command with its options', () => {
  const rows = tableIn(COMMANDS_PAGE, 'Commands').map(([command = '', options = '']) => {
    const [, name, ...argument] = codeIn(command)[0]?.split(' ') ?? [];
    return [name, [...argument, ...codeIn(options)]];
  });
  const written = Object.fromEntries(rows);
  const spelled = Object.fromEntries(
    Object.entries(COMMANDS).map(([name, { flags, words }]) => {
      const options = flags.map((flag) => {
        const { short, value } = FLAGS[flag];
        return `${short === null ? '' : `-${short}/`}--${flag}${value === null ? '' : ` ${value.toUpperCase()}`}`;
      });
      return [name, [...words.map((word) => `[${word.toUpperCase()}]`), ...options]];
    }),
  );
  assert.deepEqual(written, spelled);
});

test('the list of events is that of the sources, with their levels', () => {
  const code = sources('lib');
  const logged = [
    ...code.matchAll(/\.(debug|info|warn|error)\(\s*'([a-z]+\.[a-z_]+)'/g),
    // refusals.ts keeps its names in a table and logs all of them as warnings.
    ...Array.from(code.matchAll(/\bevent: '([a-z]+\.[a-z_]+)'/g), ([, event]) => [null, 'warn', event] as const),
    // A record is written as text; its level depends on the reason.
    ...Array.from(code.matchAll(/"event":"([a-z]+\.[a-z_]+)"/g), ([, event]) => [null, 'info', event] as const),
    ...Array.from(code.matchAll(/"event":"([a-z]+\.[a-z_]+)"/g), ([, event]) => [null, 'warn', event] as const),
  ];
  const levels = new Map<string, Set<string>>();
  for (const [, level = '', event = ''] of logged) {
    levels.set(event, (levels.get(event) ?? new Set()).add(level.toUpperCase()));
  }
  const written = tableIn(WATCHING, 'Events').map(([event = '', level = '']) => [
    codeIn(event)[0],
    level.split(', ').sort(),
  ]);
  const found = [...levels].map(([event, set]) => [event, [...set].sort()]);
  assert.deepEqual(Object.fromEntries(written), Object.fromEntries(found));
});

test('the list of reasons is the closed list, in its order', () => {
  const written = tableIn(WATCHING, 'Connection records').map(([reason = '', , failed]) => [codeIn(reason)[0], failed]);
  const known = REASONS.map((reason) => [reason, FAILED.has(reason) ? 'yes' : 'no']);
  assert.deepEqual(written, known);
});

test('every environment variable that the program reads is named', () => {
  const read = `${sources('lib')}\n${textOf('bin/bal.ts')}\n${textOf('install.sh')}`.matchAll(/\b(BAL_[A-Z_]+)\b/g);
  const known = new Set(Array.from(read, ([, name]) => name));
  for (const name of ['BAL_VERSION', 'BAL_COMMIT']) known.delete(name); // set by the build
  const named = new Set(Array.from(textOf(COMMANDS_PAGE).matchAll(/`(BAL_[A-Z_]+)`/g), ([, name]) => name));
  assert.deepEqual(named, known);
});

function keysAt(value: unknown, path: string): string[] {
  const steps = path === '' ? [] : path.split('.');
  const at = steps.reduce<unknown>((inner, step) => {
    const found: unknown = Object(inner)[step.replace('[]', '')];
    if (!step.endsWith('[]')) return found;
    assert.ok(Array.isArray(found) && found.length > 0, `${path} has entries to look at`);
    return found[0];
  }, value);
  return Object.keys(Object(at));
}

/** Compares each row of the table with the document; a row for several places uses the first filled one. */
function assertKeys(title: string, document: unknown, filled: (path: string) => boolean = () => true): void {
  for (const [where = '', keys = ''] of tableIn(COMMANDS_PAGE, title)) {
    const path = where === 'top level' ? '' : codeIn(where).find(filled);
    if (path === undefined) continue;
    assert.deepEqual(new Set(codeIn(keys)), new Set(keysAt(document, path)), `${title}: ${where}`);
  }
}

test('the keys of the JSON documents and the metrics are those that a running bal gives', async (t) => {
  const target = await backend(t, echo);
  const [port, admin] = [await freePort(), await freePort()];
  const named = { server_name: 'a.test', backends: [{ host: '127.0.0.1', port: await freePort() }] };
  const found = { host: 'localhost', port: await freePort(), discover: 'all' };
  const services = { default: { backends: [{ host: target.host, port: target.port }, found] }, named };
  const config = configFor(port, [target], { admin: `127.0.0.1:${admin}`, mode: 'old', services });
  const bal = await startBal(t, { config });
  const json = async (...args: string[]): Promise<unknown> => JSON.parse((await bal.cli(...args)).stdout);
  await bal.checked();
  assertKeys('`backend --json`', await json('backend', 'weight', target.address, '2', '--json'));
  assertKeys('`status --json`', await json('status', '--json'));
  assertKeys('`why --json`', await json('why', '--json'));
  assertKeys('`events --json`', await json('events', '--json'));
  assertKeys('`doctor --json`', await json('doctor', '--json'));
  // `mode` causes a warning, so there is a problem to examine.
  assertKeys('`check --json`', await json('check', '--json'), (path) => path !== 'errors[]' && path !== 'notes[]');
  bal.configure({ ...config, log_level: 'debug' });
  assertKeys('`graceful --json`', await json('graceful', '--json'));

  const exposition = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text();
  const types = Array.from(exposition.matchAll(/^# TYPE (\S+) (\S+)$/gm), ([, name = '', type = '']) => {
    const sample = new RegExp(`^${name}(?:_bucket)?(?:\\{(.*)\\})? `, 'm').exec(exposition);
    const labels = Array.from((sample?.[1] ?? '').matchAll(/(\w+)="/g), ([, label]) => label);
    return [name, type, labels.filter((label) => label !== 'le')];
  });
  const written = tableIn(WATCHING, 'Metrics').map(([name = '', type = '', labels = '']) => [
    codeIn(name)[0],
    type,
    codeIn(labels),
  ]);
  assert.deepEqual(written, types);
});

test('what the text shows of bal why is what it prints, but for the numbers', async (t) => {
  const up = await backend(t, named('one'));
  const [port, down] = [await freePort(), await freePort()];
  const backends = [up, { host: '127.0.0.1', port: down }].map((at) => ({ host: at.host, port: at.port }));
  const bal = await startBal(t, { config: { bind_address: '127.0.0.1', port, backends } });
  await bal.statusWhen(
    'both were checked more than once',
    ({ backends: [, second] }) => (second?.counters?.refused ?? 0) > 1,
  );
  await visits(port, names('one'), 1);
  await bal.statusWhen('its end is counted', ({ services: [only] }) => (only?.ends?.['backend_closed'] ?? 0) > 0);
  const { stdout } = await until('a check was made after the client stood for one', async () => {
    const why = await bal.cli('why');
    return /stood for .*\n.* health checks passed/.test(why.stdout) && why;
  });
  const shown = blocksOf(textOf(COMMANDS_PAGE)).find((block) => block.text.startsWith('default is degraded'));
  const shape = (it: string): string =>
    it
      .trim()
      .replaceAll(/\d+/g, 'N')
      .replaceAll(/\(N (ms|s) ago\)/g, '(N ago)');
  assert.equal(shape(stdout), shape(shown?.text ?? ''));
});

test('the table of words is what the help of top and the page say', () => {
  assert.deepEqual(tableIn(COMMANDS_PAGE, 'Words'), GLOSSARY);
});

test('the table of paths is that of the admin listener, and the one of files that of a home', async (t) => {
  const target = await backend(t, echo);
  const admin = await freePort();
  const bal = await startBal(t, {
    config: configFor(await freePort(), [target], { admin: `127.0.0.1:${admin}`, control_group: process.getegid?.() }),
    daemon: true,
  });
  await bal.cli('backend', 'drain', target.address);
  const { error }: { error: string } = JSON.parse(await (await fetch(`http://127.0.0.1:${admin}/nothing`)).text());
  const known = /; try (.*)$/.exec(error)?.[1]?.split(', ') ?? [];
  assert.deepEqual(new Set(namesIn(WATCHING, 'Admin listener')), new Set(known));
  const files = readdirSync(bal.home.dir, { recursive: true, encoding: 'utf8' })
    .filter((file) => file !== 'logs')
    .map((file) => file.replace(/\d{4}-\d\d-\d\d\.\d+/, 'DATE.N'));
  assert.deepEqual(new Set(namesIn(COMMANDS_PAGE, 'Files and home')), new Set(files));
});
