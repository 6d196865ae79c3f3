import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupId, groupsIn, judgeGroup } from './groups.ts';
import { parseConfig } from './load.ts';
import { ANY_MACHINE } from './machine.ts';
import { formatProblem } from './problem.ts';

const GROUPS = groupsIn('root:x:0:\n# not one:x:7:\nops:x:4000:ann,bob\nbroken\nbig:x:99999999999:\nstaff:*:50:\n');

function reported(value: string, ownGroups: readonly number[] | null = null): { errors: string[]; warnings: string[] } {
  const text = `backends: [{host: a, port: 1}]\ncontrol_group: ${value}\n`;
  const { errors, warnings } = parseConfig(text, 'f', { ...ANY_MACHINE, groups: GROUPS, ownGroups });
  const shown = (all: typeof errors): string[] => all.map((problem) => formatProblem(problem, 'f'));
  return { errors: shown(errors), warnings: shown(warnings) };
}

test('groups are read from /etc/group, and numbers are taken as they are', () => {
  assert.deepEqual(
    [...GROUPS],
    [
      ['root', 0],
      ['ops', 4000],
      ['staff', 50],
    ],
  );
  assert.equal(groupId('ops', GROUPS), 4000);
  assert.equal(groupId('4711', GROUPS), 4711);
  assert.equal(groupId('nobody', GROUPS), null);
});

test('a name that cannot be one of a group is none', () => {
  for (const good of ['ops', 'domain.users', '0', '4294967294', 'büro', 'WORK$']) assert.equal(judgeGroup(good), null);
  for (const bad of ['', 'a b', 'a:b', '-1', '4294967295', '99999999999', 'a\nb', '/x', 'x'.repeat(300)])
    assert.notEqual(judgeGroup(bad), null, bad);
});

test('a group that this machine has not is an error with its line, and one may be meant', () => {
  assert.deepEqual(reported('ops'), { errors: [], warnings: [] });
  assert.deepEqual(reported('4711'), { errors: [], warnings: [] });
  assert.match(
    reported('opps').errors.join(),
    /f:2:1 control_group: this machine has no group "opps"; did you mean "ops"\?/,
  );
  assert.match(reported('wheel').errors.join(), /f:2:1 control_group: this machine has no group "wheel"; make it/);
  for (const bad of ['[ops]', '-1', '""', '1.5', 'true'])
    assert.match(reported(bad).errors.join(), /^f:2:\d+ control_group/);
});

test('a user is told that it is not in the group', () => {
  assert.deepEqual(reported('ops', [1, 4000]).warnings, []);
  assert.match(reported('ops', [1]).warnings.join(), /control_group: this user is not in group "ops"/);
});

test('without the key, or where groups are unknown, there is nothing to say', () => {
  const text = 'backends: [{host: a, port: 1}]\n';
  assert.equal(parseConfig(text, 'f').plan?.controlGroup, null);
  assert.equal(parseConfig(`${text}control_group: ops\n`, 'f').plan?.controlGroup, 'ops');
});
