// The part of half-open.test.ts inside its namespace: a second network whose cable takes every answer to the wrong place.
// Clients there begin connections and never complete one.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { startBal } from '../harness.ts';
import { backend } from '../harness/backend.ts';
import { echo } from '../harness/behaviours.ts';
import { configFor } from '../harness/config.ts';
import { ENGINES } from '../harness/engines.ts';
import { echoes } from '../harness/exchange.ts';
import { startLoad, troubles } from '../harness/load.ts';
import { atEnd } from '../../lib/testing/owner.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { until } from '../../lib/testing/until.ts';
import { elsewhere, HERE, run, THERE } from './elsewhere.ts';
import { owned } from './owned.ts';
import { finishAll, openStreams } from './streams.ts';

const [engineName, count] = process.argv.slice(2);
const engine = ENGINES.find((name) => name === engineName);
assert.ok(engine !== undefined);
const HALF_OPEN = Number(count);
/** An unused address. */
const NOWHERE = '02:00:00:00:00:99';

/** Counts connections in SYN_RECV. */
function halfOpen(port: number): number {
  const RECEIVED = '03';
  const at = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .filter((line) => {
      const [, local = '', , state] = line.trim().split(/\s+/);
      return local.endsWith(at) && state === RECEIVED;
    }).length;
}

await owned(async (t) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const pid = await elsewhere(t);
  run('ip', 'neigh', 'replace', THERE, 'lladdr', NOWHERE, 'dev', 'here', 'nud', 'permanent');
  const bal = await startBal(t, { engine, config: configFor(port, [a], { bind_address: '0.0.0.0' }) });
  const streams = await openStreams(t, port, 4);
  const load = startLoad(t, port, echoes(), { clients: 4 });
  const code = `for (let i = 0; i < ${HALF_OPEN}; i++)
    require('node:net').connect(${port}, '${HERE}').on('error', () => {}).on('connect', () => console.log('connected'));`;
  const syns = spawn('nsenter', ['-t', `${pid}`, '-n', process.execPath, '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  atEnd(t, () => syns.kill('SIGKILL'));
  let said = '';
  syns.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  // Beyond its queue the kernel answers with SYN cookies and keeps nothing.
  const seen = await until('many are half open', () => (halfOpen(port) >= HALF_OPEN / 2 ? halfOpen(port) : null));
  await load.succeeds(200);
  assert.equal((await bal.graceful()).code, 0, 'a reload works as well');
  await load.succeeds(200);
  const { totals } = await bal.status();
  // Connections that just ended may still be counted, but never half as many as are half open.
  assert.ok((totals?.active_connections ?? 0) < HALF_OPEN / 4, 'a connection that is not complete is none');
  syns.kill('SIGKILL');
  assert.deepEqual(troubles(await load.stop()), {});
  assert.deepEqual(await finishAll(streams), { ok: 4 });
  assert.equal(said, '', 'nobody there has a connection');
  assert.equal((await bal.status()).totals?.rejected_total, 0);
  console.log(`${seen} half-open`);
});
