import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../../testing/root.ts';
import { COMMANDS, FLAGS } from '../commands.ts';
import { sharedFiles } from './files.ts';

const BASH = join(ROOT, 'share', 'bash-completion', 'completions', 'bal');

/** Returns bash's completions of the last word. */
function offered(...words: string[]): string[] {
  const script = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }
    [[ $(complete -p bal) == *"-F _bal bal" ]] && _bal && printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', BASH, ...words], {
    encoding: 'utf8',
    cwd: join(ROOT, 'sample'),
  });
  assert.equal(stderr, '');
  return stdout.split('\n').filter((word) => word !== '');
}

test('what lies in share/ is what the table of commands gives', () => {
  for (const [name, text] of Object.entries(sharedFiles())) {
    assert.equal(readFileSync(join(ROOT, 'share', name), 'utf8'), text, `${name}: npm run docs`);
  }
});

test('bash completes commands, options, actions of bal backend, and files', () => {
  assert.deepEqual(offered('bal', 'st'), ['status', 'start', 'stop']);
  assert.deepEqual(offered('bal', ''), [...Object.keys(COMMANDS), '-h', '--help', '-v', '--version']);
  assert.deepEqual(offered('bal', 'check', '--'), ['--config', '--json', '--verbose', '--strict', '--help']);
  assert.deepEqual(offered('bal', 'backend', 'dr'), ['drain']);
  assert.deepEqual(offered('bal', 'backend', 'drain', 're'), []);
  assert.deepEqual(offered('bal', 'check', '-c', 'config.a'), ['config.advanced.yaml']);
  assert.deepEqual(offered('bal', 'check', '--config', '=', 'config.a'), ['config.advanced.yaml']);
  assert.deepEqual(offered('bal', 'import', 'config.a'), ['config.advanced.yaml']);
  assert.deepEqual(offered('bal', 'import', '--v'), ['--verbose']);
  assert.deepEqual(offered('bal', 'stop', '--timeout', ''), []);
  assert.deepEqual(offered('bal', 'nonsense', ''), []);
});

test('every command and option is in every file', () => {
  for (const [name, text] of Object.entries(sharedFiles())) {
    const plain = text.replaceAll('\\-', '-');
    for (const command of Object.keys(COMMANDS)) assert.match(plain, new RegExp(`\\b${command}\\b`), name);
    for (const flag of Object.keys(FLAGS)) assert.match(plain, new RegExp(`(--|-l )${flag}\\b`), name);
  }
});

test('nothing of a text is a command to troff', () => {
  const page = sharedFiles()['man/man1/bal.1'] ?? '';
  const macros = new Set(page.split('\n').flatMap((line) => /^[.']\S+/.exec(line)?.[0] ?? []));
  assert.deepEqual([...macros].sort(), ['.B', '.I', '.PP', '.SH', '.SS', '.TH', '.TP', '.\\"', '.br', '.fi', '.nf']);
});
