// A stop while bal is still starting.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newHome, writeConfig } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { environment } from './harness/cli.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { heldBack } from './harness/held-back.ts';
import { freePort } from '../lib/testing/ports.ts';
import { pidsOf } from './harness/processes.ts';
import { recordsIn } from './harness/records.ts';
import { BAL } from '../lib/testing/root.ts';
import { until } from '../lib/testing/until.ts';

forEachEngine('a stop before the address to listen on is known leaves nothing behind', async (t, engine) => {
  const a = await backend(t, echo);
  const home = newHome(t);
  const admin = `127.0.0.1:${await freePort()}`;
  writeConfig(home, { ...configFor(await freePort(), [a]), bind_address: 'localhost', admin }, engine);
  const go = join(home, 'go');
  const bal = spawn(process.execPath, [BAL, 'start'], {
    cwd: home,
    env: environment(home, { NODE_OPTIONS: heldBack(go) }),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  bal.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  const said = (event: string) =>
    until(`the log says ${event}`, () => recordsIn(out).some((record) => record.event === event));
  await said('bal.starting');
  bal.kill('SIGTERM');
  await said('bal.stopped');
  writeFileSync(go, '');
  await until('bal is gone', () => bal.exitCode !== null && pidsOf(home).length === 0);
  assert.equal(bal.exitCode, 0);
  assert.equal(existsSync(join(home, 'bal.pid')), false);
  assert.deepEqual(
    recordsIn(out).filter(({ event }) => event === 'bal.started'),
    [],
  );
});
