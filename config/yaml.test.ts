import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatProblem } from './problem.ts';
import { keyOf, readYaml } from './yaml.ts';

function problemsOf(text: string): string[] {
  return readYaml(text).problems.map((problem) => formatProblem(problem, 'f'));
}

test('data comes with the place of every key and list entry', () => {
  const { data, marks, problems } = readYaml('port: 1\nbackends:\n  - host: a\n  - host: "b"\n');
  assert.deepEqual(problems, []);
  assert.deepEqual(JSON.parse(JSON.stringify(data)), { port: 1, backends: [{ host: 'a' }, { host: 'b' }] });
  assert.deepEqual(marks.get(keyOf(['backends', 1])), { line: 4, column: 5, offset: 34 });
  assert.deepEqual(marks.get(keyOf(['backends'])), { line: 2, column: 1, offset: 8 });
});

test('a duplicate key names the line of the first', () => {
  assert.deepEqual(problemsOf('a: 1\nb:\n  c: 1\n  c: 2\na: 3\n'), [
    'f:4:3 b.c: duplicate key; it is already on line 3',
    'f:5:1 a: duplicate key; it is already on line 1',
  ]);
});

test('__proto__ and its like are keys like any other', () => {
  const { data } = readYaml('__proto__: {polluted: 1}\nconstructor: 2\n');
  assert.ok(typeof data === 'object' && data !== null);
  assert.deepEqual(Object.keys(data), ['__proto__', 'constructor']);
  assert.equal(Object.getPrototypeOf(data), null);
  assert.ok(!('polluted' in {}));
});

test('syntax errors are told in words that help, one for each line', () => {
  for (const [text, expected] of [
    ['a:\n\tb: 1\n', ['f:2:1 a tab cannot indent; use spaces']],
    ['a: b: c\n', ['f:1:4 a second ":" on one line; begin a new line, or put a text that has ": " in it in quotes']],
    ['port 1\nb: 1\n', ['f:1:1 no ":" behind the key; write "key: value"']],
    ['a: [1\n', ['f:2:1 missing "]"']],
    ['a: @b\n', ['f:1:4 a text cannot begin with @; put it in quotes']],
    ['a: "b\n', ['f:2:1 missing closing quote ("); a text in quotes began above']],
    ['a: {}}\n', ['f:1:6 unexpected "}"; is a quote, a bracket or a line end missing before it, or one too many?']],
    ['a: "b" c\n', ['f:1:8 unexpected text behind the value; put all of it in quotes']],
    ['a:\n  - b\n c: 1\n', ['f:3:2 wrong indentation; what belongs together stands in one column']],
    ['a: !x 1\n', ['f:1:4 unknown tag !x; put a text that begins with "!" in quotes']],
    [
      'a: 1\n  b: 2\n',
      [
        'f:2:3 this line is indented further than the one above, which already has a value; remove some of the spaces before it',
      ],
    ],
    [
      'a:\n  b: c\n  - d: 1\n',
      ['f:3:3 a list entry among keys; below a key stand either keys or entries that begin with "- "'],
    ],
  ] as const) {
    assert.deepEqual(problemsOf(text), expected, JSON.stringify(text));
  }
});

test('one file is one document of YAML 1.2', () => {
  assert.deepEqual(problemsOf('a: 1\n---\nb: 2\n'), [
    'f:2:1 a second document begins here; remove the line "---"; one file, one document',
  ]);
  assert.deepEqual(problemsOf('%YAML 1.1\n---\na: yes\n'), ['f:1:1 expected YAML 1.2; remove the line "%YAML …"']);
  assert.deepEqual(problemsOf('---\na: 1\n...\n'), []);
});

test('anchors and aliases work, those without an end do not', () => {
  const { data } = readYaml('a: &x {b: 1}\nc: *x\n');
  assert.deepEqual(JSON.parse(JSON.stringify(data)), { a: { b: 1 }, c: { b: 1 } });
  assert.deepEqual(problemsOf('a: *x\n'), [
    'f:1:4 a: no anchor "x" before this; put a text that begins with "*" in quotes',
  ]);
  assert.deepEqual(problemsOf('a: &x [*x]\n'), ['f:1:8 a[0][0]: an alias of itself']);
});

test('an alias bomb is an error, not a full memory', () => {
  const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x]'];
  for (let i = 1; i < 10; i++) lines.push(`a${i}: &a${i} [${Array.from({ length: 9 }, () => `*a${i - 1}`).join()}]`);
  assert.ok(problemsOf(lines.join('\n')).some((line) => line.endsWith('aliases expand to too much')));
});

test('a text nested too deeply is an error, in every notation', () => {
  for (const level of ['[', '{a: ', '- ', '? ', '[? ', 'a:\n', '{[']) {
    const text =
      level === 'a:\n'
        ? Array.from({ length: 1000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')
        : level.repeat(100_000);
    const problems = readYaml(text).problems;
    assert.equal(problems.length, 1, level);
    assert.match(problems[0]?.message ?? '', /nested too deeply|a list entry|a second/, level);
  }
});

test('a text of very many elements is refused before it is composed', () => {
  for (const part of [',', '- 1\n', 'a: 1\n', '---\n', '*a\n', '# c\n']) {
    const { problems } = readYaml(part.repeat(300_000));
    assert.equal(problems.length, 1, part);
  }
});

test('keys are plain words', () => {
  assert.deepEqual(problemsOf('? [a]\n: 1\n'), ['f:1:3 a key must be a plain word']);
  const { data } = readYaml('80: a\ntrue: b\n"c d": e\n');
  assert.deepEqual(Object.keys(Object(data)), ['80', 'true', 'c d']);
});

test('what is no text is refused: UTF-16 has a NUL for every other byte', () => {
  const text = Buffer.from('port: 1\n', 'utf16le').toString('utf8');
  assert.deepEqual(problemsOf(text), ['f:1:2 control character "\\u0000"; is this a text file?']);
  assert.deepEqual(problemsOf('a: 1\r\nb:\t2\r\n'), []);
});

test('a message does not quote the rest of the file', () => {
  for (const line of problemsOf(`a: 1\nb" ${'long '.repeat(1000)}\n: 2\n- 3 ${'x'.repeat(1000)}\n`))
    assert.ok(line.length < 200, line);
});
