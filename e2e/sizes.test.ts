// Files that can be read in one go: short, and no wider than a screen. Prettier keeps the width of TypeScript but for
// comments and strings, and clang-format is not needed to build.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../lib/testing/root.ts';

const LINES = 250;
const COLUMNS = 120;

function sourcesBelow(folder: string, name: RegExp): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => name.test(file))
    .map((file) => join(folder, file));
}

function linesOf(file: string): string[] {
  return readFileSync(join(ROOT, file), 'utf8').trimEnd().split('\n');
}

const engines = [
  ...sourcesBelow('lib/engine/native', /\.[ch]$/),
  ...['lib/engine', 'lib/testing/engine', 'lib/testing/native'].flatMap((folder) =>
    sourcesBelow(folder, /(?<!\.test)\.ts$/),
  ),
];

test('no source of the engines is longer than 250 lines', () => {
  assert.ok(engines.length > 80, 'the sources are found');
  assert.deepEqual(
    engines.filter((file) => linesOf(file).length > LINES),
    [],
  );
});

test('no line of the engines is wider than 120 columns', () => {
  const wide = engines.flatMap((file) =>
    linesOf(file).flatMap((line, i) => (line.length > COLUMNS ? [`${file}:${i + 1}`] : [])),
  );
  assert.deepEqual(wide, []);
});
