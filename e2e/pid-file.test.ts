// A PID file that does not name our primary: no process is signalled, and a start is not blocked.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { newHome, pidIn, startBal } from './harness.ts';
import { cli } from './harness/cli.ts';
import { configFor } from './harness/config.ts';
import { atEnd } from '../lib/testing/owner.ts';
import { freePort } from '../lib/testing/ports.ts';
import { isAlive } from './harness/processes.ts';

for (const [what, text] of [
  ['-1', '-1\n'],
  ['0', '0\n'],
  ['text', 'hello\n'],
  ['nothing', ''],
  ['a number and text', '12abc\n'],
  ['a number beyond every PID', '99999999999999999999\n'],
] as const) {
  test(`a PID file holding ${what} signals nobody: stop, graceful and status say that bal is not running`, async (t) => {
    const home = newHome(t);
    writeFileSync(join(home, 'bal.pid'), text);
    for (const args of [['stop'], ['graceful'], ['status'], ['stop', '--now']]) {
      const result = await cli(args, { home });
      assert.equal(result.code, 3, `bal ${args.join(' ')}: ${result.stdout}${result.stderr}`);
    }
  });
}

test('the PID of a stranger, with or without a start time, is not signalled, and start takes the file over', async (t) => {
  const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  atEnd(t, () => stranger.kill('SIGKILL'));
  assert.ok(stranger.pid !== undefined);
  for (const text of [`${stranger.pid}\n`, `${stranger.pid}\n1\n`]) {
    const home = newHome(t);
    writeFileSync(join(home, 'bal.pid'), text);
    for (const args of [['stop', '--now'], ['graceful']]) {
      const result = await cli(args, { home });
      assert.equal(result.code, 3, `bal ${args.join(' ')}: ${result.stdout}${result.stderr}`);
    }
    const port = await freePort();
    const bal = await startBal(t, { home, daemon: true, config: configFor(port, [{ host: '127.0.0.1', port: 1 }]) });
    assert.notEqual(bal.pid, stranger.pid);
    assert.equal((await bal.stop()).code, 0);
  }
  assert.ok(isAlive(stranger.pid));
});

test('a start while another one is starting: one wins, the other is refused', async (t) => {
  const home = newHome(t);
  const port = await freePort();
  writeFileSync(join(home, 'config.yaml'), JSON.stringify(configFor(port, [{ host: '127.0.0.1', port: 1 }])));
  const results = await Promise.all(Array.from({ length: 3 }, () => cli(['start', '-d'], { home })));
  const codes = results.map(({ code }) => Number(code)).sort((one, other) => one - other);
  assert.deepEqual(codes, [0, 1, 1], results.map(({ stderr }) => stderr).join(''));
  const pid = pidIn(join(home, 'bal.pid'));
  assert.ok(pid !== null && isAlive(pid));
  assert.equal((await cli(['stop'], { home })).code, 0);
});
