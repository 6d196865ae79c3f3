import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { thisMachine } from '../../config/machine.ts';
import { check, type CheckOptions } from './check.ts';

const MINIMAL = 'port: 9295\nbackends:\n  - host: "127.0.0.1"\n    port: 9000\n';

async function run(text: string | null, options: Partial<CheckOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'bal-check-'));
  try {
    const config = join(folder, 'config.yaml');
    if (text !== null) await writeFile(config, text);
    const out: string[] = [];
    const err: string[] = [];
    const io = { out: (line: string) => out.push(line), err: (line: string) => err.push(line), colour: false };
    const code = await check({ config, json: false, verbose: false, strict: false, ...options }, io);
    return { code, out, err, config };
  } finally {
    await rm(folder, { recursive: true });
  }
}

function parsed(lines: readonly string[]): Record<string, unknown> {
  assert.equal(lines.length, 1, 'one JSON document');
  const report: unknown = JSON.parse(lines[0] ?? '');
  assert.ok(typeof report === 'object' && report !== null);
  return { ...report };
}

test('the recommended minimal configuration passes --strict, with a note about all interfaces', async (t) => {
  const { descriptors } = thisMachine();
  if (descriptors !== null && descriptors < 8161) return t.skip(`only ${descriptors} file descriptors here`);
  const { code, out, err } = await run(MINIMAL, { strict: true });
  assert.equal(code, 0);
  assert.deepEqual(err, []);
  assert.ok(out.some((line) => line.startsWith('note: ') && line.includes('listens on all interfaces')));
});

test('errors go to stderr with file, line and column, then the diagnosis, and the exit code is 1', async () => {
  const { code, out, err, config } = await run('backends:\n  - host: a\n    port: "abc"\nbackend: 1\n');
  assert.equal(code, 1);
  assert.deepEqual(out, []);
  assert.deepEqual(err.slice(0, 2), [
    `${config}:3:5 backends[0].port: expected integer 1..65535, got "abc"`,
    `${config}:4:1 backend: unknown key; did you mean "backends"?`,
  ]);
  assert.deepEqual(
    err.slice(2).map((line) => line.replace(/: .*/, '')),
    ['  what_happened', '  why_likely', '  do_this_now'],
  );
});

test('--json prints one document with every key of the contract, also for a broken file', async () => {
  for (const text of [MINIMAL, 'port: [', 'port: 0', '', null]) {
    const { code, out, err } = await run(text, { json: true });
    const report = parsed(out);
    assert.deepEqual(err, []);
    assert.deepEqual(Object.keys(report), [
      'config_path',
      'included_files',
      'errors',
      'warnings',
      'notes',
      'backend_count',
      'services',
      'effective',
    ]);
    assert.equal(code, text === MINIMAL ? 0 : 1);
    assert.ok(Array.isArray(report['errors']));
    assert.equal(report['errors'].length === 0, text === MINIMAL);
    for (const problem of report['errors']) {
      assert.deepEqual(Object.keys(Object(problem)), ['line', 'column', 'path', 'message', 'hint']);
    }
    assert.equal(report['backend_count'], text === MINIMAL ? 1 : 0);
  }
});

test('warnings pass without --strict and fail with it, where the diagnosis says why', async () => {
  const text = `${MINIMAL}mode: tcp\n`;
  const lax = await run(text);
  assert.equal(lax.code, 0);
  assert.equal(lax.err.length, 1);
  const strict = await run(text, { strict: true });
  assert.equal(strict.code, 1);
  assert.ok(strict.err.some((line) => line.startsWith('  why_likely: --strict')));
});

test('--verbose lists every value with its origin', async () => {
  const { out } = await run(`${MINIMAL}runtime:\n  tcp_backlog: 100\n`, { verbose: true });
  assert.ok(out.some((line) => /^ {2}port +9295 {2}\(file:1\)$/.test(line)));
  assert.ok(out.some((line) => /^ {2}method +round_robin {2}\(default\)$/.test(line)));
  assert.ok(out.some((line) => /^ {2}runtime\.tcp_backlog +100 {2}\(file:6\)$/.test(line)));
  assert.ok(out.some((line) => /^ {2}runtime\.drain_timeout_ms +30000 {2}\(auto-tuned\)$/.test(line)));
});

test('a file that is not there is an error that says how to make one', async () => {
  const { code, err, config } = await run(null);
  assert.equal(code, 1);
  assert.ok(err[0]?.startsWith(`${config}: no such file; make one: mkdir -p `));
});
