import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fitted, inAscii, lastScroll, shortened, widthOf, windowOf, wrapped } from './fit.ts';

const LINES = ['a', 'b', 'c', 'd', 'e', 'f'];

test('all lines are shown where they fit, wherever one has scrolled to', () => {
  assert.deepEqual(windowOf(LINES, 6, 3), LINES);
  assert.equal(lastScroll(6, 6), 0);
});

test('where they do not fit, the last line says what is seen, and the end can be reached', () => {
  assert.deepEqual(windowOf(LINES, 4, 0), ['a', 'b', 'c', '1-3 of 6 lines; arrows scroll']);
  assert.equal(lastScroll(6, 4), 3);
  for (const scroll of [3, 100]) {
    assert.deepEqual(windowOf(LINES, 4, scroll), ['d', 'e', 'f', '4-6 of 6 lines; arrows scroll']);
  }
  assert.deepEqual(windowOf(LINES, 2, 5), ['a', 'b'], 'too small for a word about it');
  assert.deepEqual(windowOf(LINES, -1, 0), []);
});

test('a line is cut to the width of the terminal, and its colours cost none', () => {
  assert.equal(fitted('\u001b[31mabcdef\u001b[39m', 3), '\u001b[31mabc\u001b[39m');
});

test('Hangul takes two columns, and half of a letter is not shown', () => {
  assert.equal(fitted('가나다', 5), '가나');
  assert.equal(fitted('가나다', 6), '가나다');
  assert.equal(fitted('a가b', 2), 'a');
  assert.equal(fitted('e\u0301tat', 2), 'e\u0301t');
});

test('what would move the cursor is left out', () => {
  assert.equal(fitted('a\u001b[2Jb\r\n\tc', 20), 'a[2Jbc');
});

test('what is too long loses its middle', () => {
  assert.equal(shortened('10.0.0.1:80', 11), '10.0.0.1:80');
  assert.equal(shortened('[2001:db8::1]:65000', 12), '[2001:…65000');
  assert.equal(widthOf(shortened('가나다라마바사', 9)), 9);
});

test('text is wrapped at spaces', () => {
  assert.deepEqual(wrapped('one two three four', 9), ['one two', 'three', 'four']);
  assert.deepEqual(wrapped('indivisible', 3), ['indivisible']);
});

test('in ASCII, the levels of a trend still differ, and names of others stay', () => {
  assert.equal(inAscii('▁▂▃▄▅▆▇█ +3 ←→ …'), '_.:-=+*# +3 <> ~');
  assert.equal(inAscii('가'), '가');
});
