// `bal logs` with a running bal.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { test } from 'node:test';
import { newHome, startBal } from './harness.ts';
import { cli, environment } from './harness/cli.ts';
import { configFor } from './harness/config.ts';
import { freePort } from '../lib/testing/ports.ts';
import { BAL } from '../lib/testing/root.ts';
import { until } from '../lib/testing/until.ts';

test('the log of a daemon is shown for people, and followed over rotation and restart', async (t) => {
  // The log size makes each reload fill a file.
  const config = configFor(await freePort(), [{ host: '127.0.0.1', port: 1 }], { workers: 1 });
  const bal = await startBal(t, { daemon: true, config, env: { BAL_LOG_SIZE: '1k' } });
  const shown = await bal.cli('logs');
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d INFO {2}\S/);
  assert.match(shown.stdout, /WARN {2}backend 127\.0\.0\.1:1 is down {2}service=default/);
  const warnings = await bal.cli('logs', '--level', 'warn', '--since', '1h');
  assert.match(warnings.stdout, /is down/);
  assert.doesNotMatch(warnings.stdout, /INFO/);
  assert.equal((await bal.cli('logs', '-n', '2')).stdout.split('\n').length, 3);
  const records = (await bal.cli('logs', '-n', '1000000', '--json')).stdout.trimEnd().split('\n');
  assert.equal(JSON.parse(records[0] ?? '').event, 'bal.starting');
  assert.deepEqual(
    records.filter((line) => !line.startsWith('{"timestamp":')),
    [],
  );

  const follower = spawn(process.execPath, [BAL, 'logs', '-f', '-n', '0', '--json'], {
    env: environment(bal.home.dir),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => follower.kill());
  const ended = once(follower, 'close');
  let out = '';
  follower.stdout.on('data', (chunk) => (out += String(chunk)));
  // It may not have determined its start position yet.
  await until('it follows', async () => {
    await bal.graceful();
    return out.includes('config.reloaded');
  });
  assert.equal((await bal.cli('stop')).code, 0);
  assert.equal((await bal.cli('start', '-d')).code, 0);
  await until('the restart is seen', () => out.includes('"bal.started"'));
  const events = out.split('\n').map((line) => /"event":"([^"]*)"/.exec(line)?.[1] ?? '');
  const order = ['config.reloaded', 'bal.stopped', 'bal.starting', 'bal.started'];
  assert.deepEqual(
    order.map((event) => events.lastIndexOf(event)),
    order.map((event) => events.lastIndexOf(event)).toSorted((a, b) => a - b),
  );
  assert.equal(events.filter((event) => event === 'bal.stopped').length, 1);
  follower.stdout.destroy();
  await bal.graceful();
  assert.deepEqual(await ended, [0, null]);

  const file = (await bal.status()).log?.file ?? assert.fail();
  appendFileSync(file, `\u001b[31mno record\u0007\n${'x'.repeat(3 * 1024 * 1024)}\n`);
  const odd = await bal.cli('logs');
  assert.match(odd.stdout, /\\u001b\[31mno record\\u0007\n/);
  assert.equal(/x{100} … \((\d.*) more\)/.exec(odd.stdout)?.[1]?.[0], '3');
  assert.ok(odd.stdout.length < 100_000);
  assert.equal((await bal.cli('logs', '-n', '2', '--json')).stdout, '\\u001b[31mno record\\u0007\n');
});

test('a log that is elsewhere, or is none, is told', async (t) => {
  const config = configFor(await freePort(), [{ host: '127.0.0.1', port: 1 }], { workers: 1 });
  const bal = await startBal(t, { config });
  const { code, stdout, stderr } = await bal.cli('logs');
  assert.equal(code, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /what_happened: bal \(PID \d+\) runs in the foreground, and has no log files\n/);
  const none = await cli(['logs'], { home: newHome(t) });
  assert.equal(none.code, 1);
  assert.match(none.stderr, /there is no log in /);
  for (const wrong of [
    ['--level', 'loud'],
    ['--since', 'then'],
    ['-n', 'x'],
  ])
    assert.equal((await cli(['logs', ...wrong], { home: bal.home.dir })).code, 2);
});
