import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { home } from '../paths.ts';
import { launch } from './launch.ts';

// ENOENT arrives as an event after the spawn, and ENOTDIR is thrown. They stand for EAGAIN and ENOMEM, which a test cannot provoke.
for (const [code, program] of [
  ['ENOENT', '/nowhere/node'],
  ['ENOTDIR', '/dev/null/node'],
] as const) {
  test(`a daemon that cannot be started (${code}) is a failure with its reason`, async (t) => {
    const before = process.execPath;
    const dir = mkdtempSync(join(tmpdir(), 'bal-launch-'));
    t.after(() => {
      process.execPath = before;
      rmSync(dir, { recursive: true });
    });
    process.execPath = program;
    const outcome = await launch(home({ BAL_HOME: dir }), join(dir, 'config.yaml'), false);
    assert.ok(outcome.kind === 'failed');
    assert.match(outcome.problem.what_happened, new RegExp(`^the daemon cannot be started: .*${code}`));
  });
}
