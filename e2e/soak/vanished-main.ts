// The part of vanished.test.ts inside its namespace: clients of one service and the backend of another are in a second network,
// whose cable is cut while some connections are idle and others have bytes in flight.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { startBal } from '../harness.ts';
import { backend } from '../harness/backend.ts';
import { connectTo } from '../harness/client.ts';
import { QUICK } from '../harness/config.ts';
import { ENGINES } from '../harness/engines.ts';
import { atEnd, type Owner } from '../../lib/testing/owner.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { until } from '../../lib/testing/until.ts';
import { elsewhere, HERE, runThere, THERE } from './elsewhere.ts';
import { owned } from './owned.ts';

const engine = ENGINES.find((name) => name === process.argv[2]);
assert.ok(engine !== undefined);
/** The js engine cannot see that bytes in flight are unacknowledged: TCP takes a quarter of an hour for that. */
const UNDER_WAY = engine === 'native' ? 1 : 0;
const WITHIN_MS = 120_000;

/** Runs a script in the other network; resolves when it has printed `lines` lines. */
async function there(t: Owner, pid: number, code: string, lines: number): Promise<void> {
  const child = spawn('nsenter', ['-t', `${pid}`, '-n', process.execPath, '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  atEnd(t, () => child.kill('SIGKILL'));
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  await until('it is ready there', () => said.split('\n').length > lines);
}

await owned(async (t) => {
  const served: Socket[] = [];
  const a = await backend(t, (socket) => {
    socket.once('data', (chunk: Buffer) => {
      served.push(socket);
      socket.write(chunk);
    });
    socket.resume();
  });
  const [inwards, outwards, far] = [await freePort(), await freePort(), await freePort()];
  const pid = await elsewhere(t);
  const echo = `require('node:net').createServer((s) => s.on('error', () => {}).pipe(s)).listen(${far}, '${THERE}', () => console.log('listens'))`;
  await there(t, pid, echo, 1);
  const bal = await startBal(t, {
    engine,
    config: {
      bind_address: '0.0.0.0',
      workers: 1,
      log_connections: 'all',
      runtime: { ...QUICK, tcp_keepalive_ms: 1000 },
      services: {
        inwards: { port: inwards, backends: [{ host: a.host, port: a.port }] },
        outwards: { port: outwards, backends: [{ host: THERE, port: far }] },
      },
    },
  });
  const count = 1 + UNDER_WAY;
  const visit = `for (let i = 0; i < ${count}; i++) require('node:net').connect(${inwards}, '${HERE}').on('data', () => console.log('answered')).write('x')`;
  await there(t, pid, visit, count);
  const clients = await Promise.all(Array.from({ length: count }, () => connectTo(t, outwards)));
  for (const client of clients) {
    await client.send('x');
    await client.reads(1);
  }
  runThere(pid, 'ip', 'link', 'set', 'there', 'down');
  if (UNDER_WAY > 0) {
    served[0]?.write('nobody gets this');
    await clients[0]?.send('nor this');
  }
  const gone = performance.now();
  const active = async (): Promise<number | undefined> => (await bal.status()).totals?.active_connections;
  await until('every place is free', async () => (await active()) === 0, { withinMs: WITHIN_MS, everyMs: 500 });
  const tookMs = performance.now() - gone;
  for (const client of clients) assert.equal((await client.over).how, 'reset');
  await until('the backend has been told', () => served.every(({ destroyed }) => destroyed));
  const { services } = await bal.statusWhen('the ends are counted', (now) =>
    now.services.every(({ ends }) => Object.values(ends ?? {}).reduce((sum, n) => sum + n, 0) === count),
  );
  assert.deepEqual(
    services.map(({ ends }) => [ends?.['client_reset'], ends?.['backend_reset']]),
    [
      [count, 0],
      [0, count],
    ],
  );
  console.log(`${2 * count} found after ${(tookMs / 1000).toFixed(1)} s`);
});
