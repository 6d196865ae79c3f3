// In the foreground with a full stdout pipe that nobody reads: a waiting pager, a terminal after Ctrl-S.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { home as homeOf } from '../lib/paths.ts';
import { newHome, writeConfig } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { cli, environment } from './harness/cli.ts';
import { configFor } from './harness/config.ts';
import { askStatus } from './harness/control.ts';
import { forEitherEngine } from './harness/engines.ts';
import { echoes } from './harness/exchange.ts';
import { visits } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';
import { pidsOf } from './harness/processes.ts';
import { BAL } from '../lib/testing/root.ts';
import { until } from '../lib/testing/until.ts';

/** A descriptor on which every write blocks forever. */
function fullPipe(t: TestContext, home: string): number {
  const path = join(home, 'stdout');
  execFileSync('mkfifo', [path]);
  const filling = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  t.after(() => closeSync(filling));
  const page = Buffer.alloc(4096, '\n');
  for (;;) {
    try {
      writeSync(filling, page);
    } catch (error) {
      assert.equal(error instanceof Error && 'code' in error && error.code, 'EAGAIN');
      return openSync(path, 'w');
    }
  }
}

forEitherEngine(
  'a stdout that nobody reads keeps neither clients from their backends nor bal from ending',
  async (t, engine) => {
    const a = await backend(t, echo);
    const dir = newHome(t);
    const port = await freePort();
    writeConfig(dir, configFor(port, [a]), engine);
    const stdout = fullPipe(t, dir);
    const bal = spawn(process.execPath, [BAL, 'start'], {
      cwd: dir,
      env: environment(dir),
      stdio: ['ignore', stdout, 'inherit'],
    });
    closeSync(stdout);
    const { socket, pidFile } = homeOf({ BAL_HOME: dir });
    await until('bal is ready', async () => (await askStatus(socket)).state === 'running');
    assert.equal((await visits(port, echoes(), 10)).ok, 10);
    const stopped = await cli(['stop'], { home: dir });
    assert.deepEqual([stopped.code, stopped.stderr], [0, ''], 'it ends without being killed');
    const ending = await until('bal is gone', () => bal.signalCode ?? bal.exitCode);
    assert.equal(ending, 'SIGTERM');
    await until('so are its workers', () => pidsOf(dir).length === 0);
    assert.deepEqual([existsSync(pidFile), existsSync(socket)], [false, false]);
  },
);

forEitherEngine(
  'a stdout on a full disk keeps neither clients from their backends nor bal from ending',
  async (t, engine) => {
    const a = await backend(t, echo);
    const dir = newHome(t);
    const port = await freePort();
    writeConfig(dir, configFor(port, [a]), engine);
    const stdout = openSync('/dev/full', 'w');
    const bal = spawn(process.execPath, [BAL, 'start'], {
      cwd: dir,
      env: environment(dir),
      stdio: ['ignore', stdout, 'inherit'],
    });
    closeSync(stdout);
    const { socket } = homeOf({ BAL_HOME: dir });
    await until('bal is ready', async () => (await askStatus(socket)).state === 'running');
    assert.equal((await visits(port, echoes(), 10)).ok, 10);
    const stopped = await cli(['stop'], { home: dir });
    assert.deepEqual([stopped.code, stopped.stderr], [0, ''], 'it ends without being killed');
    assert.equal(await until('bal is gone', () => bal.signalCode ?? bal.exitCode), 0);
    await until('so are its workers', () => pidsOf(dir).length === 0);
  },
  existsSync('/dev/full') ? null : 'no /dev/full',
);
