import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { capturedIo } from '../testing/captured-io.ts';
import { mutant } from '../testing/mutant.ts';
import { ownHome } from '../testing/own-home.ts';
import { BAL as BUILT, ROOT } from '../testing/root.ts';
import { onlyJson } from '../testing/shape.ts';
import { version } from '../version.ts';
import { COMMANDS } from './commands.ts';
import { run } from './program.ts';
import { terminal } from './terminal.ts';
import { anyText } from '../testing/any-text.ts';

const BAL = fileURLToPath(new URL('../../bin/bal.js', import.meta.url));

test('a usage error is one line on stderr and exit 2', async () => {
  for (const argv of [[], ['--json'], ['nonsense'], ['status', '--nonsense'], ['check', '-c']]) {
    const io = capturedIo();
    assert.equal(await run(argv, io), 2);
    assert.deepEqual(io.stdout, []);
    assert.equal(io.stderr.length, 1);
    assert.match(io.stderr[0] ?? '', /^bal: \S/);
  }
});

test('--version tells the version', async () => {
  const io = capturedIo();
  assert.equal(await run(['--version'], io), 0);
  assert.deepEqual(io.stdout, [`bal ${version}`]);
});

test('--version --json tells what it is, and what it runs on', () => {
  const report = (env: NodeJS.ProcessEnv = process.env) => {
    const { stdout } = spawnSync(process.execPath, [BUILT, '--version', '--json'], { encoding: 'utf8', env });
    const { commit, engine, engine_reason: reason, ...rest } = onlyJson(stdout);
    const { platform, arch } = process;
    assert.deepEqual(rest, { version, node: process.versions.node, platform, arch });
    if (existsSync(join(ROOT, '.git'))) assert.match(JSON.stringify(commit), /^"[0-9a-f]{40}(-dirty)?"$/);
    return [engine, reason];
  };
  const [engine, reason] = report();
  assert.ok(engine === 'native' ? reason === null : engine === 'js' && typeof reason === 'string');
  const [without, why] = report({ ...process.env, BAL_NATIVE_ADDON: '/nonexistent.node' });
  assert.equal(without, 'js');
  assert.match(JSON.stringify(why), /nonexistent\.node cannot be loaded/);
});

test('--help names every command; that of a command every option, the exit codes and examples', async (t) => {
  const printed: string[] = [];
  t.mock.method(console, 'info', (text: string) => printed.push(text));
  assert.equal(await run(['--help'], capturedIo()), 0);
  for (const [name, { flags, examples, exit }] of Object.entries(COMMANDS)) {
    assert.match(printed[0] ?? '', new RegExp(`\\n  ${name} `));
    assert.equal(await run([name, '--help'], capturedIo()), 0);
    const text = printed.pop() ?? '';
    for (const part of [...flags.map((flag) => `--${flag}`), ...examples, exit]) assert.ok(text.includes(part), part);
    assert.doesNotMatch(text, / $/m);
  }
});

test('a defect is a diagnosis, or JSON where that was asked for, and no trace unless BAL_DEBUG is set', async (t) => {
  ownHome(t);
  const broken = (lines: string[]) => ({
    ...capturedIo(),
    out: (line: string) => {
      if (line.startsWith('{"running"')) throw new Error('first\nsecond');
      lines.push(line);
    },
  });
  const lines: string[] = [];
  assert.equal(await run(['status', '--json'], broken(lines)), 1);
  assert.match(JSON.stringify(onlyJson(lines.join('\n'))['problem']), /internal error: first second/);
});

function pipes() {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  stdout.setEncoding('utf8');
  stderr.setEncoding('utf8');
  return { stdout, stderr };
}

test('colour is for terminals, and not where NO_COLOR is set', () => {
  const { stdout, stderr } = pipes();
  const tty = Object.assign(new PassThrough(), { isTTY: true, columns: 20 });
  assert.equal(terminal(stdout, stderr, {}).colour, false);
  assert.equal(terminal(tty, stderr, {}).colour, true);
  assert.equal(terminal(tty, stderr, { NO_COLOR: '1' }).colour, false);
  assert.equal(terminal(tty, stderr, { NO_COLOR: '' }).colour, true);
  assert.equal(terminal(tty, stderr, { TERM: 'dumb' }).colour, false);
  assert.equal('redraw' in terminal(stdout, stderr, {}), false);
});

test('a line that is redrawn fits the terminal and makes room for the next one', () => {
  const tty = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY: true, columns: 8 });
  const io = terminal(tty, pipes().stderr, {});
  io.redraw?.('12345678901');
  io.redraw?.('abc');
  io.out('done');
  io.out('more');
  assert.equal(tty.read(), '\r\x1b[2K1234567\r\x1b[2Kabc\r\x1b[2Kdone\nmore\n');
});

test('a reader that goes away is no failure, a full disk is', async () => {
  for (const [code, failed] of [
    ['EPIPE', false],
    ['ENOSPC', true],
  ] as const) {
    const { stdout, stderr } = pipes();
    const io = terminal(stdout, stderr, {});
    stdout.destroy(Object.assign(new Error('no'), { code }));
    await new Promise((resolve) => stdout.once('close', resolve));
    io.out('ignored');
    assert.equal(io.failed, failed, code);
    assert.equal(stderr.read(), failed ? 'bal: cannot write to stdout: no\n' : null);
  }
});

test('the program survives a closed pipe in silence', async () => {
  const child = spawn(process.execPath, [BAL, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  await once(child, 'close');
  assert.equal(stderr, '');
  assert.equal(child.exitCode, 0);
});

test(
  'the program fails when its output does not fit on the disk',
  { skip: process.platform !== 'linux' && 'needs /dev/full' },
  async () => {
    const child = spawn(process.execPath, [BAL, '--version'], {
      stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
    });
    let stderr = '';
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    await once(child, 'close');
    assert.match(stderr, /^bal: cannot write to stdout: ENOSPC[^\n]*\n$/);
    assert.equal(child.exitCode, 1);
  },
);

test('whatever the arguments are: an exit code, and where something is wrong one clear message without a trace', async (t) => {
  const home = ownHome(t);
  writeFileSync(join(home, 'odd.yaml'), 'port: [\n');
  t.mock.method(console, 'info', () => undefined);
  // `top` and `start` with a good configuration would never end: here nothing runs, and no configuration is good.
  const lines = Object.keys(COMMANDS).map((command) => `${command} --config ${join(home, 'odd.yaml')}`);
  const more = ['--json', '--verbose', '--brief', '--strict', '--now', '--timeout', '5', '--help', '-d', '--follow'];
  const word = fc.oneof(fc.constantFrom(...more, '', '-', '--', '\0', '../..', '/dev/null'), anyText());
  const mutated = mutant(...lines).map((bytes) => bytes.toString().split(' '));
  const argv = fc.tuple(
    fc.oneof(
      fc.constantFrom(...lines).map((line) => line.split(' ')),
      mutated,
    ),
    fc.array(word, { maxLength: 3 }),
  );
  await fc.assert(
    fc.asyncProperty(argv, async ([words, others]) => {
      const io = capturedIo();
      const code = await run([...words, ...others], io);
      assert.ok([0, 1, 2, 3].includes(code), `exit code ${code}`);
      const said = [...io.stdout, ...io.stderr].join('\n');
      assert.doesNotMatch(said, /^\s+at .*[:(]\d+/m, 'no trace');
      assert.doesNotMatch(said, /internal error/);
      if (code === 2) assert.equal(io.stderr.length, 1);
      if (code !== 0) assert.ok(said.length > 0, 'it says what is wrong');
    }),
    { numRuns: process.env['BAL_SOAK'] === 'long' ? 3000 : 150 },
  );
});
