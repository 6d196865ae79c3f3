// Hostile and broken clients of the control socket and the admin listener, while bal carries traffic that must not notice.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, statSync } from 'node:fs';
import { connect, type NetConnectOpts } from 'node:net';
import { test } from 'node:test';
import { startBal } from '../harness.ts';
import { backend } from '../harness/backend.ts';
import { echo } from '../harness/behaviours.ts';
import { configFor } from '../harness/config.ts';
import { askStatus } from '../harness/control.ts';
import { forEachEngine } from '../harness/engines.ts';
import { echoes } from '../harness/exchange.ts';
import { startLoad, troubles } from '../harness/load.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { residentBytes } from '../harness/processes.ts';
import { lacking } from '../../lib/testing/program.ts';
import { until } from '../../lib/testing/until.ts';
import { MIB } from './footprint.ts';
import { scale } from './scale.ts';

const ROUNDS = scale(60, 20_000);
const CROWD = scale(300, 1000);

/** Sends bytes and waits for the end from either side; the server disconnects a hanging client. */
function say(where: NetConnectOpts, what: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(where);
    socket.on('error', () => undefined);
    socket.on('data', () => undefined);
    socket.once('close', () => resolve());
    socket.end(what);
  });
}

/** Valid requests with bytes changed, dropped, doubled or invented; deterministic per round. */
function mutant(round: number): Buffer {
  const seeds = [
    'GET /status HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET /nothing/../of?the=kind HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
    'PUT /status HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{"a":',
    'POST /stopp HTTP/1.1\r\nHost: x\r\nContent-Length: 18\r\n\r\n{"timeout_ms":"x"}',
    'GET /events HTTP/1.0\r\n\r\n',
    'GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n',
    `GET /${'a'.repeat(100_000)} HTTP/1.1\r\n\r\n`,
    'POST /stopp HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n',
  ];
  let state = round * 2_654_435_761 + 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const bytes = Buffer.from(seeds[random(seeds.length)] ?? '');
  // None is close to a valid `stop`: one that lost its Content-Length would be obeyed.
  for (let i = random(4); i > 0; i--) bytes[5 + random(bytes.length - 5)] = random(256);
  const cut = random(3) === 0 ? random(bytes.length) : bytes.length;
  return bytes.subarray(0, cut);
}

forEachEngine('garbage on the control socket and the admin listener disturbs no traffic', async (t, engine) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const adminPort = await freePort();
  const bal = await startBal(t, {
    engine,
    daemon: true,
    config: configFor(port, [a], { admin: `127.0.0.1:${adminPort}` }),
  });
  await bal.checked();
  const load = startLoad(t, port, echoes(), { clients: 4 });
  await load.succeeds(20);
  const before = residentBytes(bal.pid);
  const doors: NetConnectOpts[] = [{ path: bal.home.socket }, { port: adminPort, host: '127.0.0.1' }];

  for (let round = 0; round < ROUNDS; round += 10) {
    await Promise.all(Array.from({ length: 10 }, (_, i) => doors.map((door) => say(door, mutant(round + i)))).flat());
  }
  await load.succeeds(20);
  const status = Buffer.from('GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  for (const door of doors) await Promise.all(Array.from({ length: CROWD }, () => say(door, status)));
  await load.succeeds(20);
  await until('the control socket answers again', () =>
    askStatus(bal.home.socket).then(
      ({ state }) => state === 'running',
      () => false,
    ),
  );
  assert.deepEqual(troubles(await load.stop()), {});
  assert.equal((await bal.status()).pid, bal.pid);
  const grown = residentBytes(bal.pid) - before;
  assert.ok(grown < 64 * MIB, `the primary has grown by ${(grown / MIB).toFixed(0)} MiB`);
  assert.equal(bal.logs().filter(({ level }) => level === 'ERROR').length, 0);
});

const stranger = process.getuid?.() !== 0 ? 'only root can become somebody else' : lacking('setpriv');
const title = "the control socket is its owner's alone, whatever the folder allows";
test(stranger === null ? title : `${title} (skipped: ${stranger})`, { skip: stranger ?? false }, async (t) => {
  const a = await backend(t, echo);
  const bal = await startBal(t, { daemon: true, config: configFor(await freePort(), [a]) });
  assert.equal(statSync(bal.home.dir).mode & 0o777, 0o700);
  assert.equal(statSync(bal.home.socket).mode & 0o777, 0o600);
  chmodSync(bal.home.dir, 0o755);
  const code = `require('node:net').connect(${JSON.stringify(bal.home.socket)})
    .on('error', (error) => console.log(error.code)).on('connect', () => process.exit(console.log('connected')));`;
  const as = ['--reuid', '65534', '--regid', '65534', '--clear-groups', process.execPath, '-e', code];
  const result = spawnSync('setpriv', as, { encoding: 'utf8', timeout: 30_000 });
  assert.equal(result.stdout.trim(), 'EACCES', result.stderr);
  chmodSync(bal.home.dir, 0o700);
});
