// The pages as texts: the READMEs are short and have the same shape in both languages, and every link and named file exists.
// readme.test.ts runs their commands, readme-facts.test.ts compares their lists with the program.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { COMMANDS } from '../lib/cli/commands.ts';
import { anchorOf, blocksOf, codeIn, linksIn, sectionsOf } from './harness/markdown.ts';
import { allPages, FOR_CONTRIBUTORS, READMES, REFERENCE, textOf } from './harness/pages.ts';
import { ROOT } from '../lib/testing/root.ts';

const [english, korean] = [textOf('README.md'), textOf('README.ko.md')];

test('a newcomer reads at most 200 lines, in either language', () => {
  for (const file of READMES) {
    const lines = textOf(file).trimEnd().split('\n').length;
    assert.ok(lines <= 200, `${file} has ${lines} lines`);
  }
});

test('both languages have the same headings, the same blocks and tables of the same size', () => {
  const shape = (text: string) =>
    sectionsOf(text).map(({ level, tables }) => ({ level, rows: tables.map((rows) => rows.map((row) => row.length)) }));
  assert.deepEqual(shape(korean), shape(english));
  const blocks = (text: string) => blocksOf(text).map(({ line: _line, ...block }) => block);
  assert.deepEqual(blocks(korean), blocks(english));
  const named = (text: string) =>
    sectionsOf(text).flatMap(({ tables }) => tables.flat().map(([cell = '']) => codeIn(cell)));
  assert.deepEqual(named(korean), named(english));
});

test('both languages name the same pages, pictures, keys and commands', () => {
  const elsewhere = (text: string) =>
    linksIn(text).filter((target) => !(READMES as readonly string[]).includes(target));
  assert.deepEqual(elsewhere(korean).sort(), elsewhere(english).sort());
  const words = (text: string) => [...new Set(codeIn(text))].sort();
  assert.deepEqual(words(korean), words(english));
});

test('the READMEs name every command and every page of reference', () => {
  for (const text of [english, korean]) {
    const code = codeIn(text);
    const unnamed = Object.keys(COMMANDS).filter((name) => !code.some((word) => word.startsWith(`bal ${name}`)));
    assert.deepEqual(unnamed, []);
    const links = new Set(linksIn(text));
    assert.deepEqual(
      REFERENCE.filter((file) => !links.has(file)),
      [],
    );
  }
});

test('every page is known, and is for users or for contributors', () => {
  const known: readonly string[] = [...READMES, 'CHANGELOG.md', ...REFERENCE, ...FOR_CONTRIBUTORS];
  // npm run bench and npm run e2e:soak write these.
  const written = new Set(['e2e/bench/RESULTS.md', 'e2e/RELIABILITY.md']);
  const expected = known.filter((file) => !written.has(file) || existsSync(join(ROOT, file)));
  assert.deepEqual(allPages(), expected.sort());
});

test('every link leads to a file or a heading that is there', () => {
  const anchors = (file: string) => sectionsOf(textOf(file)).map(({ title }) => anchorOf(title));
  const leads = (from: string, target: string): boolean => {
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? from : normalize(join(dirname(from), path));
    if (!existsSync(join(ROOT, file))) return false;
    return anchor === undefined || anchors(file).includes(decodeURIComponent(anchor));
  };
  const lost = allPages().flatMap((file) =>
    linksIn(textOf(file))
      .filter((target) => !leads(file, target))
      .map((target) => `${file}: ${target}`),
  );
  assert.deepEqual(lost, []);
});

test('every file of ours that a text names is there', () => {
  const lost = allPages().flatMap((file) =>
    codeIn(textOf(file))
      .filter((word) => /^(bin|config|lib|sample|e2e)\/[\w./-]+$/.test(word) && !existsSync(join(ROOT, word)))
      .map((word) => `${file}: ${word}`),
  );
  // npm run bench writes it.
  assert.deepEqual(
    lost.filter((name) => !name.endsWith('e2e/bench/RESULTS.md')),
    [],
  );
});

test('every npm script that a text names is there', () => {
  const { scripts: known }: { scripts: Record<string, string> } = JSON.parse(textOf('package.json'));
  const named = allPages().flatMap((file) =>
    Array.from(textOf(file).matchAll(/\bnpm run ([\w:]+)/g), ([, name = '']) => name),
  );
  assert.deepEqual(
    named.filter((name) => !Object.hasOwn(known, name)),
    [],
  );
});
