// Homes with unusual names: everything works there, including the log.
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Status } from '../lib/control/protocol.ts';
import { newHome, startBal } from './harness.ts';
import { cli } from './harness/cli.ts';
import { configFor } from './harness/config.ts';
import { freePort } from '../lib/testing/ports.ts';
import { logFiles, recordsBelow } from './harness/records.ts';
import { until } from '../lib/testing/until.ts';

const somewhere = [{ host: '127.0.0.1', port: 1 }];

async function findings(home: string): Promise<Map<string, { level: string; summary: string }>> {
  const { stdout } = await cli(['doctor', '--json'], { home });
  const checks: { name: string; level: string; summary: string }[] = JSON.parse(stdout).checks;
  return new Map(checks.map((check) => [check.name, check]));
}

// Each has characters that are special to something on the way: a shell, a format, a pattern, pino-roll.
for (const name of ['a:b|c what? <d> say "x"', '*', "back\\slash 100%s 홈 it's", 'two\nlines']) {
  test(`a daemon in a home called ${JSON.stringify(name)} starts, logs, reloads and stops`, async (t) => {
    const home = join(newHome(t), name);
    mkdirSync(home);
    const config = configFor(await freePort(), somewhere, { workers: 1 });
    const bal = await startBal(t, { home, daemon: true, config });
    await bal.logged('bal.started');
    const { log } = await bal.status();
    assert.deepEqual(log, { file: logFiles(bal.home.logDir)[0], fault: null });
    assert.deepEqual((await findings(home)).get('log'), {
      name: 'log',
      level: 'ok',
      summary: `goes to ${log?.file ?? ''}`,
      hint: null,
    });
    assert.equal((await bal.graceful()).code, 0);
    assert.equal((await bal.stop()).code, 0);
    assert.ok(recordsBelow(bal.home.logDir).some(({ event }) => event === 'bal.stopped'));
  });
}

test('a home through a link, with a slash at its end, is the home', async (t) => {
  const above = newHome(t);
  mkdirSync(join(above, 'real'));
  symlinkSync('real', join(above, 'link'));
  const bal = await startBal(t, {
    home: join(above, 'real'),
    daemon: true,
    config: configFor(await freePort(), somewhere, { workers: 1 }),
  });
  for (const other of [`${above}/link`, `${above}/link/`, `${above}//real/./`]) {
    const status = await cli(['status', '--json'], { home: other });
    assert.equal(JSON.parse(status.stdout).pid, bal.pid);
    assert.match((await cli(['start', '-d'], { home: other })).stderr, new RegExp(`already running, PID ${bal.pid}\n`));
  }
});

test('start -d where there can be no log: bal runs, and that it has none is told by start, status and doctor until it has', async (t) => {
  const home = newHome(t);
  const logs = join(home, 'logs');
  writeFileSync(logs, 'in the way');
  writeFileSync(join(home, 'config.yaml'), JSON.stringify(configFor(await freePort(), somewhere, { workers: 1 })));
  const started = await cli(['start', '-d'], { home });
  assert.equal(started.code, 0, started.stderr);
  assert.match(started.stdout, /^bal is running, PID \d+; every worker accepts connections\n {2}default: /);
  assert.match(started.stderr, /^ {2}what_happened: bal has no log: E.*\n {2}why_likely: .+\n {2}do_this_now: .+\n$/);
  const logOf = async (): Promise<{ file: string | null; fault: string | null }> => {
    const status: Status = JSON.parse((await cli(['status', '--json'], { home })).stdout);
    return status.log ?? { file: null, fault: null };
  };
  const { file, fault } = await logOf();
  assert.equal(file, null);
  assert.match(fault ?? '', /^E/);
  const found = await findings(home);
  assert.equal(found.get('log')?.level, 'warn');
  assert.ok(found.get('log')?.summary.startsWith('bal has no log: E'));
  rmSync(logs);
  await until('it has its log', async () => (await logOf()).fault === null);
  assert.equal((await findings(home)).get('log')?.level, 'ok');
  assert.equal((await cli(['stop'], { home })).code, 0);
});

test('a size of log files that is none is told as the reason why there is no log', async (t) => {
  const home = newHome(t);
  writeFileSync(join(home, 'config.yaml'), JSON.stringify(configFor(await freePort(), somewhere, { workers: 1 })));
  const started = await cli(['start', '-d'], { home, env: { BAL_LOG_SIZE: 'huge' } });
  assert.equal(started.code, 0, started.stderr);
  assert.match(started.stderr, /what_happened: bal has no log: .*"huge" \(BAL_LOG_SIZE\) is no size such as 50m\n/);
  assert.equal((await cli(['stop'], { home })).code, 0);
});
