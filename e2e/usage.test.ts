import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newHome } from './harness.ts';
import { cli } from './harness/cli.ts';

test('a wrong command line prints one line on stderr and exits 2', async (t) => {
  const home = newHome(t);
  const wrong = [
    ['fly'],
    ['status', '--fast'],
    ['status', 'extra'],
    ['check', '--json', '--json'],
    ['check', '-c', 'a', '-c', 'b'],
    ['check', '--config'],
    ['stop', '--timeout'],
    ['stop', '--timeout', 'soon'],
    ['graceful', '--daemon'],
  ];
  for (const args of wrong) {
    const { code, stdout, stderr } = await cli(args, { home });
    assert.equal(code, 2, `bal ${args.join(' ')}: ${stdout}${stderr}`);
    assert.equal(stdout, '');
    assert.equal(stderr.trimEnd().split('\n').length, 1, `bal ${args.join(' ')}: ${stderr}`);
  }
});

test('help and version, of bal and of every command', async (t) => {
  const home = newHome(t);
  const version = await cli(['--version'], { home });
  assert.equal(version.code, 0);
  assert.match(version.stdout, /\d+\.\d+\.\d+/);
  const all = await cli(['--help'], { home });
  assert.equal(all.code, 0);
  const commands = ['check', 'doctor', 'status', 'start', 'stop', 'graceful'];
  for (const command of commands) {
    assert.ok(all.stdout.includes(command));
    const help = await cli([command, '--help'], { home });
    assert.equal(help.code, 0);
    assert.ok(help.stdout.includes(command));
    assert.equal(help.stderr, '');
  }
});

test('a config path that looks like a number is a path', async (t) => {
  const home = newHome(t);
  const { code, stdout, stderr } = await cli(['check', '-c', '0123'], { home });
  assert.equal(code, 1);
  assert.ok((stdout + stderr).includes(`${home}/0123`), stdout + stderr);
});
