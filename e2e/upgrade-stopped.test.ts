// A stop ends an upgrade that is under way, and those that wait for their turn.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { UpgradeVerdict } from '../lib/control/upgrade.ts';
import { freePort } from '../lib/testing/ports.ts';
import { workFolder } from '../lib/testing/program.ts';
import { BAL } from '../lib/testing/root.ts';
import { until } from '../lib/testing/until.ts';
import { startBal } from './harness.ts';
import { QUICK } from './harness/config.ts';
import { forEitherEngine } from './harness/engines.ts';
import { pidsOf } from './harness/processes.ts';

/** Asks for an upgrade as `bal upgrade` does. Resolves, when the question is there, with a promise of the answer. */
async function waitingUpgrade(socketPath: string): Promise<{ readonly answer: Promise<string> }> {
  const question = request({ socketPath, method: 'POST', path: '/upgrade' });
  const answer = once(question, 'response').then(([response]: IncomingMessage[]) =>
    response === undefined ? '' : text(response),
  );
  question.end(JSON.stringify({ program: BAL, node: process.execPath }));
  await once(question, 'finish');
  return { answer };
}

forEitherEngine('a stop ends the upgrade under way, and the next one does not begin', async (t, engine) => {
  const config = {
    bind_address: '127.0.0.1',
    port: await freePort(),
    workers: 1,
    runtime: QUICK,
    backends: [{ host: '127.0.0.1', port: 1 }],
  };
  const bal = await startBal(t, { engine, daemon: true, config });
  const silent = join(workFolder(t), 'silent.mjs');
  writeFileSync(silent, 'setInterval(() => undefined, 1000);\n');
  const first = bal.cli('upgrade', '--to', silent);
  await until('the new program runs, beside the command', () => pidsOf(bal.home.dir).length === 4);
  const second = await waitingUpgrade(bal.home.socket);
  // An answer to this says that the question before it was read.
  assert.equal((await bal.status()).state, 'running');
  const stopped = await bal.cli('stop');
  assert.equal(stopped.code, 0);
  assert.equal((await first).code, 1);
  const verdict: UpgradeVerdict = JSON.parse(await second.answer);
  assert.match(verdict.problem?.what_happened ?? '', /is being stopped/);
  await until('nothing is left', () => pidsOf(bal.home.dir).length === 0);
  assert.equal(existsSync(bal.home.pidFile), false);
});
