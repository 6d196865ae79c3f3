import assert from 'node:assert/strict';
import { mkdirSync, rmdirSync } from 'node:fs';
import { test } from 'node:test';
import { parseConfig } from '../../../config/load.ts';
import { home } from '../../paths.ts';
import { handlers } from '../../testing/control-server.ts';
import { ownHome } from '../../testing/own-home.ts';
import { createWatchers } from './watchers.ts';

test('a socket that cannot appear when the workers are replaced is told, and a later reload opens it', async (t) => {
  const at = home({ BAL_HOME: ownHome(t) });
  const group = process.getegid?.() ?? 0;
  const { plan } = parseConfig(
    `port: 9\ncontrol_group: "${group}"\nbackends: [{ host: 127.0.0.1, port: 8 }]\n`,
    '/config.yaml',
  );
  assert.ok(plan !== null);
  const watchers = createWatchers(at, () => handlers());
  t.after(() => watchers.close());
  assert.equal(await watchers.prepare(plan), null);
  mkdirSync(at.askSocket);
  watchers.commit();
  assert.match(watchers.obstacles()[0]?.message ?? '', /^cannot open the socket of control_group/);
  rmdirSync(at.askSocket);
  assert.equal(await watchers.prepare(plan), null);
  watchers.commit();
  assert.deepEqual(watchers.obstacles(), []);
});
