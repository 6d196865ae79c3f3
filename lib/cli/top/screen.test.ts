import assert from 'node:assert/strict';
import { test } from 'node:test';

import { unknownStatus } from '../status.ts';
import { observe } from '../../control/rates.ts';
import { fitted, screen, sparkline } from './screen.ts';

const io = { out: () => undefined, err: () => undefined, colour: true };

test('a sparkline is scaled to its highest value, and flat without traffic', () => {
  assert.equal(sparkline([0, 0, 0]), '▁▁▁');
  assert.equal(sparkline([0, 50, 100]), '▁▅█');
  assert.equal(sparkline(Array.from({ length: 100 }, () => 1)).length, 30);
});

test('a line is cut to the width of the terminal, and its colours cost none', () => {
  assert.equal(fitted('\u001b[31mabcdef\u001b[39m', 3), '\u001b[31mabc\u001b[39m');
});

test('the screen never has more lines or columns than the terminal', () => {
  const history = observe(null, unknownStatus(true, 1), 0);
  for (const size of [
    { columns: 1, rows: 1 },
    { columns: 20, rows: 5 },
    { columns: 200, rows: 60 },
  ]) {
    const lines = screen({ history, events: [], sort: 'name', size }, io);
    assert.ok(lines.length <= size.rows);
    for (const line of lines) assert.ok(fitted(line, size.columns) === line);
  }
});
