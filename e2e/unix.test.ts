// Backends at Unix sockets: a real Redis, and servers that come and go while an operator changes backends.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { atEnd, type Owner } from '../lib/testing/owner.ts';
import { freePort } from '../lib/testing/ports.ts';
import { lacking, run, serve, workFolder } from '../lib/testing/program.ts';
import { until } from '../lib/testing/until.ts';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { namedAndStays } from './harness/behaviours.ts';
import { connectTo } from './harness/client.ts';
import { QUICK } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { greeted, served } from './harness/greeted.ts';

/** Starts a server at a path that sends its name and stays connected. */
async function at(t: Owner, path: string, name: string): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    namedAndStays(name)(socket);
  }).listen(path);
  await once(server, 'listening');
  atEnd(t, () => void server.close());
  return server;
}

forEachEngine(
  'Redis at a Unix socket is checked, serves a benchmark, and backends at paths are drained, reset, added and lost',
  async (t, engine) => {
    const folder = workFolder(t);
    const [redis, a, c] = [join(folder, 'redis.sock'), join(folder, 'a.sock'), join(folder, 'c.sock')];
    const direct = await freePort();
    const args = ['--port', String(direct), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    await serve(t, 'redis-server', [...args, '--unixsocket', redis], { port: direct, cwd: folder });
    const first = await at(t, a, 'a');
    const b = await backend(t, namedAndStays('b'));
    const [cache, app] = [await freePort(), await freePort()];
    const config = {
      bind_address: '127.0.0.1',
      workers: 1,
      runtime: QUICK,
      services: {
        cache: {
          port: cache,
          backends: [{ unix: redis }],
          health_check: { type: 'expect', send: 'PING\r\n', expect: '+PONG' },
        },
        app: { port: app, backends: [{ unix: a }, { host: b.host, port: b.port }] },
      },
    };
    const bal = await startBal(t, { engine, config });
    await bal.checked();
    const { services } = await bal.status();
    assert.deepEqual(
      services.map(({ backends }) => backends.map(({ address, state }) => [address, state])),
      [
        [[`unix:${redis}`, 'up']],
        [
          [`unix:${a}`, 'up'],
          [b.address, 'up'],
        ],
      ],
    );

    const bench = ['-h', '127.0.0.1', '-p', String(cache), '-q', '-t', 'ping,set,get', '-c', '20'];
    for (const more of [
      ['-n', '3000', '-d', '20000'],
      ['-n', '200', '-k', '0'],
    ]) {
      const { code, stdout, stderr } = await run('redis-benchmark', [...bench, ...more]);
      assert.equal(code, 0, stderr);
      assert.doesNotMatch(stdout.toString() + stderr, /err|reset|refused|closed/i);
    }

    assert.deepEqual(await served(t, app, 4), { a: 2, b: 2 });
    const held = [await greeted(t, app), await greeted(t, app)].find(({ by }) => by === 'a');
    assert.ok(held !== undefined);
    assert.equal((await bal.cli('backend', 'drain', a)).code, 0);
    assert.deepEqual(await served(t, app, 3), { b: 3 });
    assert.match((await bal.cli('backend', 'reset', `unix:${a}`)).stdout, /1 connection cut/);
    assert.equal((await held.client.over).how, 'fin');
    assert.equal((await bal.cli('backend', 'ready', a)).code, 0);

    await at(t, c, 'c');
    assert.match((await bal.cli('backend', 'add', `${folder}/../x/`, '--service', 'app')).stderr, /absolute path/);
    const added = await bal.cli('backend', 'add', c, '--service', 'app', '--save');
    assert.equal(added.code, 0, added.stderr);
    assert.ok(readFileSync(bal.configFile, 'utf8').includes(`"unix": ${JSON.stringify(c)}`), 'it is written as a path');
    await bal.statusWhen('it is up', (now) => now.services[1]?.backends.every(({ state }) => state === 'up') === true);
    assert.deepEqual(
      Object.keys(await served(t, app, 6)).sort((x, y) => x.localeCompare(y)),
      ['a', 'b', 'c'],
    );
    const session = await connectTo(t, cache);
    await session.send('PING\r\n');
    assert.equal((await session.reads(7)).toString(), '+PONG\r\n');
    assert.equal((await bal.graceful()).code, 0, 'the saved file is valid');
    await session.send('PING\r\n');
    assert.equal((await session.reads(7)).toString(), '+PONG\r\n');
    const { draining } = await bal.status();
    assert.equal(draining?.workers, engine === 'native' ? 0 : 1, 'it was handed over, where engines can');
    assert.equal((await bal.cli('why', c)).code, 0);

    // Its server ends and removes the file.
    first.close();
    await bal.statusWhen('it is down', (now) => now.services[1]?.backends[0]?.state === 'down');
    assert.deepEqual(
      Object.keys(await served(t, app, 4)).sort((x, y) => x.localeCompare(y)),
      ['b', 'c'],
    );
    assert.match((await bal.cli('doctor')).stdout, /a\.sock refuses connections \(ENOENT\)/);
    assert.match((await bal.cli('why', a)).stdout, /why_likely: nothing listens on that socket/);
    await at(t, a, 'a');
    await bal.statusWhen('it is up again', (now) => now.services[1]?.backends[0]?.state === 'up');
    await until('it serves again', async () => (await served(t, app, 3))['a'] !== undefined);
  },
  lacking('redis-server', 'redis-benchmark'),
);
