import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { READMES, textOf } from '../harness/pages.ts';
import { ROOT } from '../../lib/testing/root.ts';
import { runsOf } from './ansi.ts';
import { PICTURES } from './files.ts';
import { svgOf } from './svg.ts';

const E = '\u001b[';

test('colours and bold begin, end and carry over to the next line', () => {
  const plain = { colour: 'default', bold: false };
  assert.deepEqual(runsOf(`a${E}32mb${E}39mc\n${E}1;31md\ne${E}0mf${E}Kg\n`), [
    [
      { ...plain, text: 'a' },
      { ...plain, text: 'b', colour: 'green' },
      { ...plain, text: 'c' },
    ],
    [{ text: 'd', colour: 'red', bold: true }],
    [
      { text: 'e', colour: 'red', bold: true },
      { ...plain, text: 'f' },
      { ...plain, text: 'g' },
    ],
  ]);
});

test('each run stands in its column, and text from outside stays text', () => {
  const svg = svgOf(runsOf(`ab ${E}31m<&>${E}39m`), 10, 'a <title>');
  assert.match(svg, /<title>a &lt;title&gt;<\/title>/);
  assert.match(svg, /<text x="14" [^>]*>ab <\/text>/);
  assert.match(svg, /<text x="37\.4" [^>]*fill="#ff6b6b">&lt;&amp;&gt;<\/text>/);
});

test('the pictures are there, small, shown where they belong, and made of what bal shows', () => {
  for (const file of Object.values(PICTURES)) assert.ok(statSync(join(ROOT, file)).size < 150 * 1024, file);
  for (const readme of READMES) assert.ok(textOf(readme).includes(`](${PICTURES.top})`), readme);
  assert.ok(textOf('lib/control/README.md').includes(`](../../${PICTURES.page})`));
  const top = readFileSync(join(ROOT, PICTURES.top), 'utf8');
  for (const word of ['SERVICE', 'TREND', 'WORKER', 'q quit, s sort']) assert.ok(top.includes(word), word);
});
