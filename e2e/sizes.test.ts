// Keeps files readable: short, and no wider than a screen. Prettier does not limit comments and strings, and clang-format is
// not needed to build.
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

const native = sourcesBelow('lib/engine/native', /\.[ch]$/);
const product = sourcesBelow('lib', /(?<!\.test)\.ts$/);
const engines = [...native, ...product.filter((file) => /^lib\/(engine|testing\/(engine|native))\//.test(file))];

test('no source is longer than 250 lines', () => {
  assert.ok(native.length > 30 && product.length > 150, 'the sources are found');
  const long = [...native, ...product].filter((file) => linesOf(file).length > LINES);
  assert.deepEqual(long, []);
});

test('no line of the engines is wider than 120 columns', () => {
  const wide = engines.flatMap((file) =>
    linesOf(file).flatMap((line, i) => (line.length > COLUMNS ? [`${file}:${i + 1}`] : [])),
  );
  assert.deepEqual(wide, []);
});
