import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { until } from '../../testing/until.ts';
import { openRotated, type Rotated, sizeOf } from './rotation.ts';

interface Place {
  readonly dir: string;
  /** The current time. */
  at: Date;
  open(bytes?: number, kept?: number): Promise<Rotated>;
}

function place(t: TestContext, name = 'logs'): Place {
  const above = mkdtempSync(join(tmpdir(), 'bal-rotation-'));
  t.after(() => rmSync(above, { recursive: true }));
  const dir = join(above, name);
  const here: Place = {
    dir,
    at: new Date(2026, 10, 27, 12),
    async open(bytes = 100, kept = 3) {
      const files = await openRotated(dir, { bytes, kept, waitingBytes: 1 << 20, now: () => here.at });
      t.after(() => files.destination.end());
      return files;
    },
  };
  return here;
}

/** Writes a line and waits until it is in the current file, and counted. */
async function say(files: Rotated, text: string): Promise<void> {
  files.turn();
  const written = new Promise((resolve) => files.destination.once('drain', resolve));
  files.destination.write(Buffer.from(`${text}\n`));
  await written;
  assert.ok(readFileSync(files.destination.file ?? '', 'utf8').endsWith(`${text}\n`));
}

function contents(dir: string): string[] {
  return readdirSync(dir)
    .sort()
    .map((name) => readFileSync(join(dir, name), 'utf8'));
}

const LONG = 'x'.repeat(100);

test('a full file is followed by the next one, which goes on where the last process has ended', async (t) => {
  const here = place(t);
  const first = await here.open();
  await say(first, 'a');
  await say(first, LONG);
  await say(first, 'b');
  assert.deepEqual(contents(here.dir), [`a\n${LONG}\n`, 'b\n']);
  assert.deepEqual(readdirSync(here.dir).sort(), ['bal.2026-11-27.1.log', 'bal.2026-11-27.2.log']);
  const second = await here.open();
  await say(second, 'c');
  assert.deepEqual(contents(here.dir), [`a\n${LONG}\n`, 'b\nc\n']);
  await say(second, LONG);
  await say(second, 'd');
  assert.equal(contents(here.dir)[2], 'd\n', 'what was in the file before counts as well');
});

test('the first line of a day is in the file of that day, and only so many old files are kept', async (t) => {
  const here = place(t);
  mkdirSync(here.dir);
  for (const name of ['bal.err', 'notes.log', 'bal.2026-11-27.log', 'bal.2026-11-27.x.log']) {
    writeFileSync(join(here.dir, name), '');
  }
  const files = await here.open(100, 2);
  for (const day of [27, 28, 29, 30]) {
    here.at = new Date(2026, 10, day, 0, 0, 0, 1);
    await say(files, `day ${day}`);
    assert.equal(readFileSync(join(here.dir, `bal.2026-11-${day}.1.log`), 'utf8'), `day ${day}\n`);
  }
  const left = ['28', '29', '30'].map((day) => `bal.2026-11-${day}.1.log`);
  const others = ['bal.2026-11-27.log', 'bal.2026-11-27.x.log', 'bal.err', 'notes.log'];
  await until('the oldest is removed', () => readdirSync(here.dir).length === 7);
  assert.deepEqual(readdirSync(here.dir).sort(), [...left, ...others].sort(), 'what has another name stays');
});

test('a clock that is set back does not cost the file that is written', async (t) => {
  const here = place(t);
  mkdirSync(here.dir);
  for (const day of [28, 29, 30]) writeFileSync(join(here.dir, `bal.2026-11-${day}.1.log`), '');
  const files = await here.open(100, 1);
  await until('the others are removed', () => readdirSync(here.dir).length === 2);
  await say(files, 'a');
  assert.equal(readFileSync(join(here.dir, 'bal.2026-11-27.1.log'), 'utf8'), 'a\n');
});

test('where the next file cannot be opened the old one goes on, and that is told', async (t) => {
  const here = place(t);
  const files = await here.open();
  await say(files, LONG);
  mkdirSync(join(here.dir, 'bal.2026-11-27.2.log'));
  files.turn();
  assert.match(files.fault ?? '', /^the next file cannot be opened: EISDIR/);
  files.destination.write(Buffer.from('a\n'));
  const first = join(here.dir, 'bal.2026-11-27.1.log');
  await until('it is in the old one', () => readFileSync(first, 'utf8') === `${LONG}\na\n`);
  rmdirSync(join(here.dir, 'bal.2026-11-27.2.log'));
  here.at = new Date(here.at.getTime() + 60_000);
  await say(files, 'b');
  assert.equal(files.fault, null);
  assert.equal(contents(here.dir)[1], 'b\n');
});

test('an old file that cannot be removed is told', async (t) => {
  const here = place(t);
  // A directory of that name: unlink() refuses it even for root.
  mkdirSync(join(here.dir, 'bal.2026-11-26.1.log'), { recursive: true });
  writeFileSync(join(here.dir, 'bal.2026-11-26.2.log'), '');
  const files = await here.open(100, 1);
  await until('it is told', () => files.fault !== null);
  assert.match(files.fault ?? '', /^old files cannot be removed: E/);
  rmdirSync(join(here.dir, 'bal.2026-11-26.1.log'));
  files.tidy();
  await until('it is over', () => files.fault === null);
});

for (const name of ['a:b', 'what?', '*', 'say "x"', '<a>', 'a|b', 'back\\slash', '100 %', '홈', 'two\nlines', '.1']) {
  test(`a directory called ${JSON.stringify(name)} has its log, and old files are removed from it`, async (t) => {
    const here = place(t, name);
    const files = await here.open(1, 1);
    for (const text of ['a', 'b', 'c']) await say(files, text);
    await until('one is removed', () => readdirSync(here.dir).length === 2);
    assert.deepEqual(contents(here.dir), ['b\n', 'c\n']);
    assert.equal(files.fault, null);
  });
}

test('sizeOf() reads what BAL_LOG_SIZE may be, and refuses what is no size', () => {
  const sizes = {
    '1k': 1024,
    '50m': 50 << 20,
    '2G': 2 * 1024 ** 3,
    '10b': 10,
    '3': 3 << 20,
    '0.5k': 512,
    '0': Infinity,
  };
  for (const [text, bytes] of Object.entries(sizes)) assert.equal(sizeOf(text), bytes, text);
  for (const text of ['', 'x', '-1m', '1 m', '1kb', 'm']) assert.throws(() => sizeOf(text), /BAL_LOG_SIZE/, text);
});

test('what was written while the clock was ahead is the oldest, and goes first', async (t) => {
  const here = place(t);
  mkdirSync(here.dir, { recursive: true });
  for (let i = 1; i <= 3; i++) writeFileSync(join(here.dir, `bal.2031-01-01.${i}.log`), 'ahead\n');
  const files = await here.open();
  for (const text of ['a', 'b', 'c']) await say(files, `${text}${LONG}`);
  await say(files, 'd');
  await until('old ones are removed', () => readdirSync(here.dir).length === 4);
  assert.deepEqual(
    readdirSync(here.dir).sort(),
    [1, 2, 3, 4].map((number) => `bal.2026-11-27.${number}.log`),
  );
});
