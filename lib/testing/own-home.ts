// A home for commands that run in the test's own process.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Behaviour, type FakePrimary, startFake } from './fake-primary.ts';

/** Sets BAL_HOME to a new directory, which is removed after the test. */
export function ownHome(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'bal-cli-'));
  const before = process.env['BAL_HOME'];
  process.env['BAL_HOME'] = dir;
  t.after(() => {
    if (before === undefined) delete process.env['BAL_HOME'];
    else process.env['BAL_HOME'] = before;
    rmSync(dir, { recursive: true, force: true });
  });
  return dir;
}

/** Starts a fake primary in a home of its own. It is killed after the test if it still runs. */
export async function fakeInOwnHome(t: TestContext, behaviour: Behaviour): Promise<FakePrimary> {
  const fake = await startFake(ownHome(t), behaviour);
  t.after(() => fake.kill());
  return fake;
}
