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

test('what begins like a variable and is not closed stays as it is', () => {
  assert.deepEqual(readLine('a "${PORT} ${PORT-"', env).words, ['a', '8080 ${PORT-']);
  const many = `"${'${A-'.repeat(16_000)}"`;
  assert.deepEqual(readLine(many, env).words, [many.slice(1, -1)]);
  assert.deepEqual(readLine(many, env).filled, []);
});

test('variables that hold each other do not become a line of any length, nor many lines a file of any length', () => {
  const held = { A: 'x'.repeat(1000) };
  const within = readLine(`setenv B "${'$A'.repeat(65)}"`, held);
  assert.deepEqual([within.fault, within.added, within.words[2]?.length], [null, 65_000, 65_000]);
  const beyond = readLine(`setenv B "${'$A'.repeat(66)}"`, held);
  assert.match(beyond.fault ?? '', /^its variables hold more than 65536 characters/);
  assert.ok((beyond.words[2]?.length ?? 0) <= 65_536);
  assert.equal(readLine('a "$A"', held, 1000).fault, null);
  assert.match(readLine('a "$A"', held, 999).fault ?? '', /or with the lines before it more than 1048576$/);
});
