// The commands in the pages work: every block runs in its own home, every configuration is valid, and every JSON example is
// JSON. pages.test.ts checks the rest: links, names, shape.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { newHome } from './harness.ts';
import { backend } from './harness/backend.ts';
import { http } from './harness/behaviours.ts';
import { cli, environment } from './harness/cli.ts';
import { type Block, blocksOf } from './harness/markdown.ts';
import { atEnd, atExit } from '../lib/testing/owner.ts';
import { REFERENCE, textOf } from './harness/pages.ts';
import { freePort } from '../lib/testing/ports.ts';
import { gone, pidsOf, signal } from './harness/processes.ts';
import { lacking } from '../lib/testing/program.ts';
import { ROOT } from '../lib/testing/root.ts';

/** README.ko.md has the same blocks: pages.test.ts. */
const PAGES = ['README.md', ...REFERENCE, 'CONTRIBUTING.md'];
const blocks = PAGES.flatMap((file) =>
  blocksOf(textOf(file)).map((block) => ({ ...block, file, at: `${file}:${block.line}` })),
);

/** Commands not run here, each with the reason. */
const NOT_RUN: readonly (readonly [RegExp, string])[] = [
  [/^npm run demo\b/, 'demo.test.ts runs it to its end'],
  [/^npm test\b/, 'it is what runs this test'],
  [/^npm run e2e\b/, 'the same run has it: gate.test.ts'],
  [/^npm run build:native\b/, 'it would replace the addon that other tests are using'],
  [/^curl .*https:/, 'needs the internet; install.test.ts installs from a file:// release'],
  [/^sudo /, 'needs root and systemd; systemd.test.ts checks the units'],
  [/^bal (selftest|bench)\b/, 'each takes up to a minute; selftest.test.ts and bench-command.test.ts run shorter ones'],
  [/^promtool /, 'looks at /etc/prometheus; monitoring.test.ts checks the files'],
];

function isRun(line: string): boolean {
  return !NOT_RUN.some(([command]) => command.test(line));
}

/** The ports in the text, replaced by free ones. */
const PORTS = ['9295', '9296', '9000', '9001', '9010', '9432'];

interface Place {
  readonly home: string;
  /** Looks like a built clone, or an unpacked release. */
  readonly folder: string;
  readonly port: (written: string) => number;
  /** Replaces the ports in a text with those of this place. */
  readonly here: (text: string) => string;
  readonly env: NodeJS.ProcessEnv;
}

const MINIMAL = 'port: 9295\nbackends:\n  - host: "127.0.0.1"\n    port: 9000\n';

async function place(t: TestContext): Promise<Place> {
  const root = newHome(t); // HOME; bal's own home is ~/.bal below it
  const home = join(root, '.bal');
  const folder = join(root, 'bal');
  const bin = join(root, 'on-path');
  for (const path of [home, folder, bin]) mkdirSync(path);
  const ports = new Map<string, number>();
  for (const written of PORTS) ports.set(written, await freePort());
  const port = (written: string): number => ports.get(written) ?? 0;
  const here = (text: string): string => text.replaceAll(/\b9\d{3}\b/g, (found) => String(ports.get(found) ?? found));
  for (const part of ['sample', 'package.json', 'install.sh', 'README.md', 'LICENSE']) {
    cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  }
  symlinkSync(join(ROOT, 'dist'), join(folder, 'dist'));
  const sample = join(folder, 'sample', 'config.yaml');
  writeFileSync(sample, here(readFileSync(sample, 'utf8')));
  writeFileSync(join(home, 'config.yaml'), here(MINIMAL));
  symlinkSync(join(ROOT, 'dist', 'bal.js'), join(bin, 'bal'));
  const { BAL_HOME: _unset, ...rest } = environment(home);
  const env = { ...rest, HOME: root, PATH: `${bin}:${rest['PATH'] ?? ''}` };
  // A daemon has BAL_HOME in its environment even if nobody set it, which identifies its processes.
  const kill = (): number[] => {
    const pids = pidsOf(home);
    for (const pid of pids) signal(pid, 'SIGKILL');
    return pids;
  };
  const forget = atExit(kill);
  atEnd(t, async () => {
    if (existsSync(join(home, 'bal.pid'))) await cli(['stop', '--now'], { home });
    const left = kill();
    await Promise.all(left.map(gone));
    forget();
    assert.deepEqual(left, [], 'no process of this place is left after the test');
  });
  await backend(t, http('hello'), { port: port('9000') });
  await backend(t, http('hello'), { port: port('9001') });
  return { home, folder, port, here, env };
}

interface Said {
  readonly code: number | null;
  readonly output: string;
}

function shell(script: string, { folder, env }: Place): Promise<Said> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
      killSignal: 'SIGKILL',
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}

/** A line ending in `# exit N` must exit with N; every other one must succeed. */
function scriptOf(block: Block): string {
  return block.text
    .split('\n')
    .filter((line) => line.trim() !== '' && isRun(line))
    .map((line) => {
      const [, command, code] = /^(.*?)\s+# exit (\d+)\b/.exec(line) ?? [];
      if (command === undefined || code === undefined) return line;
      return `code=0; ${command} || code=$?; [ "$code" = ${code} ] || { echo "exit $code instead of ${code}"; exit 99; }`;
    })
    .join('\n');
}

const scripts = blocks.filter(({ language }) => ['bash', 'sh'].includes(language));

for (const block of scripts) {
  const script = scriptOf(block);
  const commands = script.split('\n').filter((line) => !line.startsWith('#'));
  const title = `${block.at} works: ${commands[0] ?? ''}`;
  if (commands.join('') === '') continue;
  const missing = lacking('bash', ...(script.includes('curl ') ? ['curl'] : []));
  test(title, { skip: missing ?? false }, async (t) => {
    const at = await place(t);
    if (block.note !== null) {
      assert.match(block.note, /^bal runs( with admin)?$/, 'the test knows what the note asks for');
      const admin = block.note.endsWith('admin') ? 'admin: "127.0.0.1:9296"\n' : '';
      writeFileSync(join(at.home, 'config.yaml'), at.here(admin + MINIMAL));
      const started = await shell('bal start -d', at);
      assert.equal(started.code, 0, started.output);
    }
    const { code, output } = await shell(at.here(script), at);
    assert.equal(code, 0, output);
  });
}

test('a command that is not run is still in the text', () => {
  const lines = scripts.flatMap(({ text }) => text.split('\n'));
  for (const [command, reason] of NOT_RUN)
    assert.ok(
      lines.some((line) => command.test(line)),
      `${command}: ${reason}`,
    );
});

test('every configuration is valid, and the first one of each page passes --strict', async (t) => {
  const home = newHome(t);
  const configurations = blocks.filter(({ language }) => language === 'yaml');
  assert.ok(configurations.length >= 5);
  const pages = new Set<string>();
  for (const [i, { text, file, at }] of configurations.entries()) {
    const path = join(home, `${i}.yaml`);
    writeFileSync(path, text);
    // Warnings depend on the machine: its limit of descriptors may be below what a later example needs.
    const { code, stderr } = await cli(['check', '--config', path, ...(pages.has(file) ? [] : ['--strict'])], { home });
    assert.equal(code, 0, `${at} ${stderr}`);
    pages.add(file);
  }
});

test('the configuration of the first page has three lines, and that of config/README.md is the sample', () => {
  const first = (file: string) => blocks.find((block) => block.file === file && block.language === 'yaml')?.text ?? '';
  assert.equal(first('README.md').split('\n').length, 3);
  const sample = readFileSync(join(ROOT, 'sample', 'config.yaml'), 'utf8').replaceAll(/^#.*\n/gm, '');
  assert.equal(`${first('config/README.md')}\n`, sample);
});

test('every JSON example is JSON, and a log line has its keys in order', () => {
  const lines = blocks.filter(({ language }) => language === 'json').map(({ text }): unknown => JSON.parse(text));
  assert.ok(lines.length >= 2);
  for (const value of lines) {
    assert.deepEqual(Object.keys(Object(value)), ['timestamp', 'level', 'message', 'module', 'event', 'fields']);
  }
});

test('the errors that the text shows are those that bal prints', async (t) => {
  const home = newHome(t);
  const file = join(home, 'config.yaml');
  writeFileSync(file, 'backends:\n  - host: "127.0.0.1"\n    port: "abc"\nbackend: 1\n');
  const { stderr } = await cli(['check', '--config', 'config.yaml'], { home });
  const shown = blocks.find(({ text }) => text.startsWith('config.yaml:'));
  for (const line of shown?.text.split('\n') ?? [''])
    assert.ok(stderr.split('\n').includes(line), `${line}\n${stderr}`);
});
