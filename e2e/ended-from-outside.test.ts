// A runner ends tests that exceed their time: nothing that they started may keep running.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { childrenOf, cwdOf, isAlive, signal } from './harness/processes.ts';
import { lacking } from '../lib/testing/program.ts';
import { until } from '../lib/testing/until.ts';

const reason = lacking('nginx', 'openssl');

test(
  `tests that are ended from outside leave no server, no worker of one and no folder${reason === null ? '' : ` (skipped: ${reason})`}`,
  { skip: reason ?? false },
  async (t) => {
    const main = spawn(process.execPath, [join(import.meta.dirname, 'ended-from-outside-main.js')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const started: number[] = [];
    t.after(() => [main.pid ?? 0, ...started].forEach((pid) => pid > 0 && signal(pid, 'SIGKILL')));
    await once(main.stdout, 'data');
    const [master] = childrenOf(main.pid ?? 0);
    assert.ok(master !== undefined);
    const workers = await until('nginx has a worker', () => {
      const pids = childrenOf(master);
      return pids.length > 0 && pids;
    });
    started.push(master, ...workers);
    const folder = cwdOf(master);
    assert.ok(existsSync(folder));
    main.kill('SIGTERM');
    await until('all of them are gone', () => !started.some(isAlive));
    await until('the folder is gone', () => !existsSync(folder));
  },
);
