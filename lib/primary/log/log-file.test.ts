// Simulates a full disk with the process's limit on file size.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { lacking } from '../../testing/program.ts';
import { until } from '../../testing/until.ts';
import { openFiles } from './log-file.ts';

const skip = lacking('prlimit') ?? false;
const WATCH_MS = 20;
const FULL = 64 * 1024;
/** More than fits into the buffer. */
const LINES = 6000;

/** Limits the file size of this process. folder() handles SIGXFSZ, so that a write fails instead of killing the process. */
function limitFiles(bytes: number | 'unlimited'): void {
  const set = spawnSync('prlimit', ['--pid', `${process.pid}`, `--fsize=${bytes}:`], { encoding: 'utf8' });
  assert.equal(set.status, 0, set.stderr);
}

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'bal-log-'));
  const ignore = (): void => undefined;
  process.on('SIGXFSZ', ignore);
  t.after(() => {
    limitFiles('unlimited');
    process.off('SIGXFSZ', ignore);
    rmSync(dir, { recursive: true, force: true });
  });
  return dir;
}

const lineOf = (number: number): string => `${JSON.stringify({ number, filler: 'x'.repeat(1000) })}\n`;

/** Returns the numbers of all lines in the folder. Every line must be whole. */
function numbersIn(dir: string): number[] {
  const lines = readdirSync(dir)
    .map((file) => readFileSync(join(dir, file), 'utf8'))
    .join('')
    .split('\n');
  assert.equal(lines.pop(), '');
  return lines.map((line) => {
    const { number }: { number: number } = JSON.parse(line);
    return number;
  });
}

test(
  'with room again it logs again, also when the buffer is full and no line fits any more; each line is there or counted',
  { skip },
  async (t) => {
    const dir = folder(t);
    const sink = await openFiles(dir, { watchMs: WATCH_MS });
    t.after(() => sink.close());
    limitFiles(FULL);
    for (let number = 0; number < LINES; number++) sink.write(lineOf(number));
    assert.ok(sink.dropped > 0, 'not all fit into the buffer');
    await until('the fault is told', () => sink.fault !== null);
    for (let number = LINES; number < 2 * LINES; number++) sink.write(lineOf(number) + lineOf(-number));
    const { dropped } = sink;
    limitFiles('unlimited');
    await until('the fault is over', () => sink.fault === null && numbersIn(dir).length === 3 * LINES - dropped);
    sink.write(lineOf(3 * LINES));
    await until('it logs again', () => numbersIn(dir).at(-1) === 3 * LINES);
    assert.equal(sink.dropped, dropped);
  },
);

test('it closes also while the disk is full', { skip }, async (t) => {
  const dir = folder(t);
  const sink = await openFiles(dir, { watchMs: WATCH_MS });
  limitFiles(FULL);
  for (let number = 0; number < LINES; number++) sink.write(lineOf(number));
  await until('the fault is told', () => sink.fault !== null);
  await sink.close();
});

test('a folder that is removed is made again, and one in whose place a file stands costs lines, which are counted', async (t) => {
  const dir = folder(t);
  const logs = join(dir, 'logs');
  const sink = await openFiles(logs, { watchMs: WATCH_MS });
  t.after(() => sink.close());
  rmSync(logs, { recursive: true });
  await until('the folder is there again', () => existsSync(logs) && readdirSync(logs).length === 1);
  sink.write(lineOf(1));
  await until('the line is there', () => numbersIn(logs).length === 1);
  rmSync(logs, { recursive: true });
  writeFileSync(logs, 'in the way');
  await until('the fault is told', () => sink.fault !== null);
  const before = sink.dropped;
  sink.write(lineOf(2) + lineOf(3));
  assert.equal(sink.dropped, before + 2);
  rmSync(logs);
  await until('the fault is over', () => sink.fault === null);
  sink.write(lineOf(4));
  await until('it logs again', () => numbersIn(logs).includes(4));
});

test('a file given up while a write is under way and more waits costs those lines, and nothing else', async (t) => {
  const dir = folder(t);
  const logs = join(dir, 'logs');
  const sink = await openFiles(logs, { watchMs: WATCH_MS });
  t.after(() => sink.close());
  // Each line is longer than one write of sonic-boom.
  const long = (number: number): string => `${JSON.stringify({ number, text: 'x'.repeat(20_000) })}\n`;
  sink.write(long(1));
  sink.write(long(2));
  rmSync(logs, { recursive: true });
  writeFileSync(logs, 'in the way');
  sink.reopen();
  assert.notEqual(sink.fault, null);
  assert.equal(sink.dropped, 2);
  sink.write(long(3));
  assert.equal(sink.dropped, 3);
  rmSync(logs);
  await until('the fault is over', () => sink.fault === null);
  sink.write(long(4));
  await until('it logs again', () => numbersIn(logs).includes(4));
  assert.equal(sink.dropped, 3);
});

test('what was written before it closes is in the file', async (t) => {
  const dir = folder(t);
  const sink = await openFiles(dir);
  for (let number = 0; number < 1000; number++) sink.write(lineOf(number));
  await sink.close();
  assert.deepEqual(
    numbersIn(dir),
    Array.from({ length: 1000 }, (_, i) => i),
  );
});

test('rotation under load: every line is whole and in a file, and none is counted as dropped', async (t) => {
  const dir = folder(t);
  const sink = await openFiles(dir, { size: '200k', watchMs: WATCH_MS });
  const COUNT = 2000;
  for (let number = 0; number < COUNT; number++) {
    sink.write(lineOf(number));
    // Rotate only while the buffer is empty.
    if (number % 100 === 99) await until('all so far is written', () => numbersIn(dir).length === number + 1);
  }
  await sink.close();
  assert.equal(sink.dropped, 0);
  assert.deepEqual(new Set(numbersIn(dir)).size, COUNT);
  assert.ok(readdirSync(dir).length > 1, 'it was rotated');
});

const THREE = 'a\nb\nc\n';

test('each line of a batch that cannot be written counts as lost', async (t) => {
  const inTheWay = join(folder(t), 'logs');
  writeFileSync(inTheWay, '');
  const sink = await openFiles(inTheWay);
  t.after(() => sink.close());
  sink.write(THREE);
  assert.equal(sink.dropped, 3);
});

test('and so does each that does not fit into the memory for what waits', async (t) => {
  const sink = await openFiles(join(folder(t), 'logs'));
  t.after(() => sink.close());
  sink.write(`${'x'.repeat(4 * 1024 * 1024 - 1)}\n`);
  assert.equal(sink.dropped, 0);
  sink.write(THREE);
  assert.equal(sink.dropped, 3);
});
