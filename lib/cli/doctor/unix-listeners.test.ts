import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePath } from './unix-listeners.ts';

test('the directory of a Unix socket may be a link', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'bal-doctor-'));
  t.after(() => rmSync(dir, { recursive: true }));
  mkdirSync(join(dir, 'run'));
  symlinkSync('run', join(dir, 'link'));
  symlinkSync('nowhere', join(dir, 'broken'));
  writeFileSync(join(dir, 'file'), '');
  const levels = ['run', 'link', 'broken', 'none', 'file'].map(
    (its) => freePath('x', join(dir, its, 's'), 'later').level,
  );
  assert.deepEqual(levels, ['ok', 'ok', 'critical', 'critical', 'critical']);
});
