import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { judgeInclude, matches, patternsOf } from './pattern.ts';

test('`*` stands for any characters and `?` for one; what begins with a dot has to be named so', () => {
  const cases: [string, string, boolean][] = [
    ['*.yaml', 'web.yaml', true],
    ['*.yaml', '.yaml', false],
    ['*.yaml', '.web.yaml', false],
    ['.*.yaml', '.web.yaml', true],
    ['*.yaml', 'web.yaml~', false],
    ['*.yaml', 'web.yml', false],
    ['w?b.yaml', 'web.yaml', true],
    ['w?b.yaml', 'wb.yaml', false],
    ['w?b.yaml', 'w한b.yaml', true],
    ['*a*b*', 'xxaxxbxx', true],
    ['*a*b', 'xxaxxbxx', false],
    ['web.yaml', 'webxyaml', false],
    ['*', '..data', false],
  ];
  for (const [pattern, name, is] of cases) assert.equal(matches(`/d/${pattern}`, name), is, `${pattern} ${name}`);
});

test('a pattern means what the regular expression of it means, and takes no time', () => {
  const letters = fc.array(fc.constantFrom('a', 'b', '*', '?'), { maxLength: 12 });
  const names = fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(letters, names, (pattern, name) => {
      const source = pattern.map((it) => (it === '*' ? '.*' : it === '?' ? '.' : it)).join('');
      const wanted = pattern.join('');
      if (wanted === '' || basename(`/${wanted}`) !== wanted) return;
      assert.equal(matches(`/${wanted}`, name.join('')), new RegExp(`^${source}$`).test(name.join('')));
    }),
  );
  assert.equal(matches(`/${'*a'.repeat(120)}`, 'a'.repeat(119) + 'b'.repeat(136)), false);
});

test('what is no file and no pattern is told with what to do', () => {
  const hint = (value: unknown): string | null => {
    const complaint = judgeInclude(value);
    return complaint === null ? null : (complaint.hint ?? complaint.expected);
  };
  for (const sound of ['a.yaml', 'conf.d/*.yaml', '/etc/bal/*', '../x/?.yaml', ['a.yaml', 'b/*']]) {
    assert.equal(hint(sound), null, JSON.stringify(sound));
  }
  assert.match(hint(7) ?? '', /each must be a text/);
  assert.match(hint([]) ?? '', /expected a file or a pattern/);
  assert.match(hint('') ?? '', /empty/);
  assert.match(hint('~/x.yaml') ?? '', /shell/);
  assert.match(hint('conf.d/') ?? '', /"conf\.d\/\*\.yaml"/);
  assert.match(hint('..') ?? '', /"\.\.\/\*\.yaml"/);
  assert.match(hint('*/a.yaml') ?? '', /not in that of a directory/);
  assert.match(hint('a/**/b.yaml') ?? '', /only "\*" and "\?"/);
  assert.match(hint('{a,b}.yaml') ?? '', /only "\*" and "\?"/);
  assert.match(hint('a\u0000b') ?? '', /control/);
  assert.match(hint(['a', 'a']) ?? '', /each once/);
  assert.match(hint(Array.from({ length: 33 }, (_, i) => `${i}`)) ?? '', /up to 32/);
});

test('relative ones are so to the directory of the file that includes', () => {
  assert.deepEqual(patternsOf(['conf.d/*.yaml', '/x/y'], '/etc/bal/config.yaml'), ['/etc/bal/conf.d/*.yaml', '/x/y']);
});
