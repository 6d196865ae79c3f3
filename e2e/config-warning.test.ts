// A configuration with warnings is accepted, and the warnings are logged.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { freePort } from '../lib/testing/ports.ts';

test('what bal check warns about is in the log, at start and after each reload', async (t) => {
  const a = await backend(t, echo);
  const config = configFor(await freePort(), [a]);
  const bal = await startBal(t, { config: { ...config, mode: 'tcp' } });
  const { level, fields } = await bal.logged('config.warning');
  assert.equal(level, 'WARN');
  assert.deepEqual([fields['path'], fields['do_this_now']], ['mode', 'remove the line']);

  assert.equal((await bal.graceful()).code, 0);
  await bal.logged('config.reloaded');
  const warnings = (): number => bal.logs().filter(({ event }) => event === 'config.warning').length;
  await bal.logged('config.warning', () => warnings() === 2);
  bal.configure(config);
  assert.equal((await bal.graceful()).code, 0);
  await bal.logged('config.reloaded', ({ fields: { generation } }) => generation === 3);
  assert.equal(warnings(), 2, 'and no longer than the line is there');
});
