import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readLine } from './lex.ts';

const env = { PORT: '8080', LONG: 'a b' };

test('words, quotes, escapes, comments and variables are read as HAProxy reads them', () => {
  for (const [text, words] of [
    ['  server s1 10.0.0.1:80  # the first', ['server', 's1', '10.0.0.1:80']],
    ['bind ":${PORT}"', ['bind', ':8080']],
    ['bind :"$PORT"', ['bind', ':8080']],
    ['bind ":${NONE-90}"', ['bind', ':90']],
    ['bind :${PORT}', ['bind', ':${PORT}']],
    [`a 'b "c" \\n' "d 'e'"`, ['a', 'b "c" \\n', "d 'e'"]],
    ['tcp-check send PING\\r\\n', ['tcp-check', 'send', 'PING\r\n']],
    ['a \\#b c\\ d \\x41', ['a', '#b', 'c d', 'A']],
    ['a ^\\+PONG \\. "\\$x"', ['a', '^\\+PONG', '\\.', '$x']],
    ['a "" b', ['a', '', 'b']],
    ['x "${LONG}"', ['x', 'a b']],
    ['', []],
    ['# only a comment', []],
  ] as const) {
    assert.deepEqual(readLine(text, env).words, words, text);
  }
});

test('what is wrong with a line is told', () => {
  assert.equal(readLine('a "b', env).fault, 'a quote is not closed');
  assert.equal(readLine("a 'b", env).fault, 'a quote is not closed');
  assert.deepEqual(readLine('a "${NONE}"', env).unset, ['NONE']);
  assert.deepEqual(readLine('a "${PORT}"', env).filled, ['PORT']);
  assert.ok(readLine('a'.repeat(100_000), env).fault !== null);
});
