// Log files that appear, grow, are rotated, truncated, replaced and removed, with arbitrary contents.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import * as fc from 'fast-check';
import { until } from '../../testing/until.ts';
import type { Wanted } from './filter.ts';
import { createSplitter, MAX_LINE } from './lines.ts';
import { beginning, readFrom } from './read.ts';

const ALL: Wanted = { level: null, since: null };
const NEVER = new AbortController().signal;

function folder(t: TestContext): { dir: string; file: (day: number, number?: number) => string } {
  const dir = mkdtempSync(join(tmpdir(), 'bal-logs-'));
  t.after(() => rmSync(dir, { recursive: true }));
  return { dir, file: (day, number = 1) => join(dir, `bal.2026-03-0${day}.${number}.log`) };
}

function record(n: number, level = 'INFO'): string {
  return `{"timestamp":"2026-03-01T09:30:${String(n).padStart(2, '0')}.000Z","level":"${level}","message":"${n}"}`;
}

async function last(dir: string, count: number, wanted = ALL): Promise<string[]> {
  const lines: string[] = [];
  await readFrom(dir, await beginning(dir, wanted, count), ({ text }) => lines.push(text), NEVER, false);
  return lines;
}

test('the last lines come over files in their order, of which ten comes after nine', async (t) => {
  const { dir, file } = folder(t);
  writeFileSync(file(1), 'a\nb\n');
  writeFileSync(file(2, 9), 'c\nd\n');
  writeFileSync(file(2, 10), 'e\nf');
  writeFileSync(join(dir, 'bal.err'), 'no\n');
  mkdirSync(file(3));
  execFileSync('mkfifo', [file(4)]);
  assert.deepEqual(await last(dir, 100), ['a', 'b', 'c', 'd', 'e', 'f']);
  assert.deepEqual(await last(dir, 3), ['d', 'e', 'f']);
  assert.deepEqual(await last(dir, 2), ['e', 'f']);
  assert.deepEqual(await last(dir, 0), []);
  assert.equal(await beginning(join(dir, 'none'), ALL, 3), null);
});

test('no more is read than somebody takes', async (t) => {
  const { dir, file } = folder(t);
  const end = new AbortController();
  for (const day of [1, 2, 3]) writeFileSync(file(day), 'a\n');
  const place = await beginning(dir, ALL, 3);
  let count = 0;
  const take = (): void => void (++count === 2 && end.abort());
  await readFrom(dir, place, take, end.signal, false);
  assert.equal(count, 2);
});

test('however long lines and files are, the last ones are the last ones', async (t) => {
  const { dir, file } = folder(t);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.oneof(fc.nat(20), fc.nat(70_000), fc.constant(65_535)), { maxLength: 6 }), { maxLength: 3 }),
      fc.nat(12),
      async (files, count) => {
        const texts = files.map((lengths, i) => lengths.map((length, j) => `${i}.${j}.`.padEnd(length, 'x')));
        for (const [i, lines] of [[], ...texts].entries())
          writeFileSync(file(i + 1), lines.map((line) => `${line}\n`).join(''));
        for (let i = texts.length + 2; i <= 4; i++) rmSync(file(i), { force: true });
        assert.deepEqual(await last(dir, count), count === 0 ? [] : texts.flat().slice(-count));
      },
    ),
    { numRuns: 60 },
  );
});

test('with a filter as many are found as are asked for', async (t) => {
  const { dir, file } = folder(t);
  writeFileSync(file(1), [record(1, 'WARN'), record(2), 'garbage', record(3, 'ERROR'), ''].join('\n'));
  writeFileSync(file(2), [record(4), record(5), ''].join('\n'));
  const warnings = { level: 'warn', since: null } as const;
  assert.deepEqual((await last(dir, 1, warnings))[0], record(3, 'ERROR'));
  assert.deepEqual((await last(dir, 9, warnings))[0], record(1, 'WARN'));
  const late = { level: null, since: Date.parse('2026-03-01T09:30:05.000Z') };
  assert.deepEqual((await last(dir, Infinity, late)).at(-1), record(5));
});

test('of a line that does not end only so much is kept', () => {
  const splitter = createSplitter();
  const piece = Buffer.alloc(64 * 1024, 'x');
  for (let i = 0; i < 16 * 1024; i++) assert.deepEqual(splitter.push(piece), []);
  const [line] = splitter.push(Buffer.from('\nnext'));
  assert.equal(line?.text.length, MAX_LINE);
  assert.equal(line.left, 1024 ** 3 - MAX_LINE);
  assert.deepEqual(splitter.rest(), { text: 'next', left: 0 });
  assert.equal(splitter.rest(), null);
});

test('whoever follows sees each line once, over rotation, truncation, replacement and a new beginning', async (t) => {
  const { dir, file } = folder(t);
  writeFileSync(file(1), 'old\n');
  const seen: string[] = [];
  const end = new AbortController();
  const place = await beginning(dir, ALL, 1);
  const reading = readFrom(dir, place, ({ text }) => seen.push(text), end.signal, true);
  const comes = (line: string): Promise<unknown> => until(`${line} is shown`, () => seen.at(-1) === line);
  await comes('old');
  appendFileSync(file(1), 'half');
  appendFileSync(file(1), ' whole\n');
  await comes('half whole');
  appendFileSync(file(1), 'last of 1\n');
  writeFileSync(file(1, 2), 'first of 2\n');
  await comes('first of 2');
  appendFileSync(file(1, 2), 'before truncation\n');
  await comes('before truncation');
  truncateSync(file(1, 2));
  appendFileSync(file(1, 2), 'after\n');
  await comes('after');
  appendFileSync(file(1, 2), 'moved away\n');
  renameSync(file(1, 2), join(dir, 'moved'));
  writeFileSync(file(1, 2), 'in its place\n');
  await comes('in its place');
  rmSync(file(1));
  rmSync(file(1, 2));
  writeFileSync(file(1), 'begun anew\n');
  await comes('begun anew');
  end.abort();
  await reading;
  assert.deepEqual(seen, [
    'old',
    'half whole',
    'last of 1',
    'first of 2',
    'before truncation',
    'after',
    'moved away',
    'in its place',
    'begun anew',
  ]);
});

test('no file stays open when a line cannot be passed on', { skip: process.platform !== 'linux' }, async (t) => {
  const { dir, file } = folder(t);
  writeFileSync(file(1), 'unfinished');
  writeFileSync(file(2), 'b\n');
  const place = await beginning(dir, ALL, 9);
  const open = () => readdirSync('/proc/self/fd').flatMap((fd) => linkOf(`/proc/self/fd/${fd}`));
  const take = (): void => {
    throw new Error('the reader is gone');
  };
  await assert.rejects(readFrom(dir, place, take, NEVER, false), /the reader is gone/);
  assert.deepEqual(
    open().filter((path) => path.startsWith(dir)),
    [],
  );
});

/** The descriptor that lists the others is closed by then. */
function linkOf(path: string): string[] {
  try {
    return [readlinkSync(path)];
  } catch {
    return [];
  }
}
