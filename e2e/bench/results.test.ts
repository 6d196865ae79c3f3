import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CASES } from './cases.ts';
import { readOptions } from './options.ts';
import { renderResults, type Results, verdict, withSpread } from './results.ts';
import type { Sample } from './statistics.ts';
import { figure, table } from './table.ts';
import { TARGETS } from './targets.ts';

const options = readOptions(['--rounds', '2'], 'RESULTS.md');
assert.ok(options);

function sample(proxy: string, round: number, cpu: number, more: Partial<Sample> = {}): Sample {
  return { case: 'conn-fin', proxy, round, values: { cpu }, failures: {}, wrongBytes: 0, foreign: 0, ...more };
}

const results: Results = {
  when: new Date(0),
  machine: { cpu: 'A CPU', cores: 2, memoryGib: 4, kernel: 'Linux 6.1 x64', commit: 'abc1234' },
  command: 'npm run bench',
  hasOwnNetwork: true,
  options,
  cases: CASES,
  found: [
    { kind: 'found', proxy: { name: 'haproxy', version: 'HAProxy 2.6', prepare: () => null } },
    { kind: 'absent', name: 'nginx', reason: 'not installed' },
    { kind: 'found', proxy: { name: 'bal-native', version: 'bal', prepare: () => null } },
    { kind: 'found', proxy: { name: 'bal-js', version: 'bal', prepare: () => null } },
  ],
  samples: [
    sample('haproxy', 1, 100),
    sample('haproxy', 2, 200),
    sample('bal-native', 1, 80),
    sample('bal-native', 2, 160),
    sample('bal-js', 1, 300, { wrongBytes: 3, failures: { reset: 2 } }),
    sample('bal-js', 2, 500),
  ],
  commands: [],
  eyes: [],
  features: { features: [], checks: null, problems: [] },
  problems: ['round 1 rr-64 bal-js: it\nfell'],
};

/** The cells of the first line that contains all these words. */
function row(text: string, ...words: readonly string[]): string[] {
  const line = text.split('\n').find((line) => words.every((word) => line.includes(word))) ?? '';
  return line.split('|').map((cell) => cell.trim());
}

test('a verdict follows the median: at the limit is met, above is not', () => {
  assert.equal(verdict(0.9, { must: 0.9, aim: null }), 'met');
  assert.equal(verdict(0.9001, { must: 0.9, aim: null }), 'NOT MET');
  assert.equal(verdict(0.9, { must: 0.9, aim: 0.75 }), 'met, aim missed');
  assert.equal(verdict(0.75, { must: 0.9, aim: 0.75 }), 'met, aim reached');
  assert.equal(verdict(null, { must: 0.9, aim: 0.75 }), 'not measured');
});

test('each target stands beside what was measured', () => {
  const text = renderResults(results);
  assert.deepEqual(row(text, 'native', 'connection, FIN').slice(1, -1), [
    'native',
    'CPU per short connection, FIN',
    '≤ 0.9 × haproxy',
    '≤ 0.75',
    '0.80 (0.80–0.80)',
    'met, aim missed',
  ]);
  assert.deepEqual(row(text, 'js', 'connection, FIN').slice(-3, -1), ['2.75 (2.50–3.00)', 'NOT MET']);
  assert.deepEqual(row(text, 'js', '16 streams').slice(-3, -1), ['–', 'not measured']);
  for (const { engine, title } of TARGETS) assert.equal(row(text, engine, title)[1], engine);
});

test('errors and wrong bytes are counted, shown by kind, and spoil the verdict', () => {
  const text = renderResults(results);
  assert.deepEqual(row(text, 'js', 'errors and wrong').slice(-3, -1), ['2 and 3', 'NOT MET']);
  assert.deepEqual(row(text, 'native', 'errors and wrong').slice(-3, -1), ['0 and 0', 'met']);
  const inCase = text.slice(text.indexOf('`conn-fin`'));
  assert.deepEqual(row(inCase, 'bal-js').slice(-3, -1), ['reset 2', '3']);
});

test('results say so when the machine was not left alone', () => {
  const disturbed = results.samples.map((sample) => ({ ...sample, foreign: 0.5 }));
  assert.match(renderResults({ ...results, samples: disturbed }), /took 50 % .*That is too much/);
  assert.doesNotMatch(renderResults(results), /too much/);
});

test('what was left out and what failed is named with the reason', () => {
  const text = renderResults(results);
  assert.match(text, /^- nginx: left out, not installed$/m);
  assert.match(text, /^- round 1 rr-64 bal-js: it fell$/m);
});

test('a figure shows three digits that count', () => {
  assert.deepEqual([0, 0.0123, 0.456, 4.567, 45.67, 456.7, 45_678].map(figure), [
    '0.00',
    '0.012',
    '0.46',
    '4.57',
    '45.7',
    '457',
    '45,678',
  ]);
  assert.equal(withSpread({ median: 1, min: 1, max: 1, count: 1 }), '1.00');
  assert.equal(withSpread(null), '–');
});

test('all lines of a table are as long', () => {
  const lines = table(
    ['', 'a long title'],
    [
      ['name', '1'],
      ['another name', '22'],
    ],
  ).split('\n');
  assert.equal(new Set(lines.map((line) => line.length)).size, 1);
});

test('only a whole run replaces the results that are kept', () => {
  const out = (...args: readonly string[]): string | null | undefined => readOptions(args, 'RESULTS.md')?.out;
  assert.equal(out(), 'RESULTS.md');
  assert.equal(out('--rounds', '9'), 'RESULTS.md');
  for (const part of [['--quick'], ['--cases', 'rr-64'], ['--proxies', 'haproxy,bal-js']])
    assert.equal(out(...part), null);
  assert.equal(out('--quick', '--out', 'mine.md'), 'mine.md');
});

test('what cannot be measured is refused by name', () => {
  assert.throws(() => readOptions(['--cases', 'rr-64,nothing'], ''), /Cannot measure nothing: known are conn-fin,/);
  assert.throws(() => readOptions(['--proxies', 'pound'], ''), /Cannot measure pound/);
  assert.throws(() => readOptions(['--seconds', '0'], ''), /Cannot take --seconds 0/);
  assert.throws(() => readOptions(['--fast'], ''), /--fast/);
});
