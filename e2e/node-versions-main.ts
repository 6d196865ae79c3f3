// The core of bal on any version of Node.js, in one run: start, relay, reload with open connections, upgrade, stop.
// node-versions.test.ts runs it on the other versions.
import assert from 'node:assert/strict';
import { freePort } from '../lib/testing/ports.ts';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { gone } from './harness/processes.ts';
import { lives, session, talk } from './harness/session.ts';

forEachEngine('start, relay, reload, upgrade and stop', async (t, engine) => {
  const [a, b] = [await backend(t, echo), await backend(t, echo)];
  const port = await freePort();
  const bal = await startBal(t, { engine, daemon: true, config: configFor(port, [a], { workers: 2 }) });
  const reported: { node: string; engine: string } = JSON.parse((await bal.cli('--version', '--json')).stdout);
  assert.deepEqual([reported.node, reported.engine], [process.versions.node, 'native']);
  const clients = await Promise.all([session(t, port), session(t, port)]);
  const storm = { over: false };
  const sent = talk(storm, await connectTo(t, port), 100_000);
  // With the js engine connections stay in the old workers.
  const stay = engine === 'native' ? 0 : 3;

  bal.configure({ engine, ...configFor(port, [a, b], { workers: 1 }) });
  const reloaded = await bal.graceful();
  assert.deepEqual([reloaded.code, reloaded.verdict.draining?.connections], [0, stay]);
  const upgraded = await bal.cli('upgrade', '--json');
  assert.equal(upgraded.code, 0, upgraded.stdout + upgraded.stderr);
  clients.push(await session(t, port));
  for (const client of clients) await lives(client);
  storm.over = true;
  assert.ok((await sent) > 0);
  for (const client of clients) client.end();
  for (const client of clients) assert.equal((await client.over).how, 'fin');
  // With the js engine the predecessor stays as long as its connections.
  await gone(bal.pid);
  assert.equal((await bal.stop()).code, 0);
  const odd = bal.logs().filter(({ level }) => level === 'WARN' || level === 'ERROR');
  assert.deepEqual(odd, []);
});
