// Services that listen on Unix sockets, with or without a port: over reloads and deaths, and the life of the socket file.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, linkSync, lstatSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { atEnd, type Owner } from '../lib/testing/owner.ts';
import { freePort } from '../lib/testing/ports.ts';
import { workFolder } from '../lib/testing/program.ts';
import { until, within } from '../lib/testing/until.ts';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { cli } from './harness/cli.ts';
import { connectTo } from './harness/client.ts';
import { QUICK } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { pattern } from './harness/pattern.ts';

/** Sends these bytes to a path, ends, and returns everything that comes back. */
async function echoed(t: Owner, path: string, bytes: Buffer): Promise<Buffer> {
  const socket = connect({ path, allowHalfOpen: true });
  atEnd(t, () => socket.destroy());
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = once(socket, 'end');
  socket.end(bytes);
  await within('the echo is over', ended);
  return Buffer.concat(chunks);
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}

forEachEngine(
  'a service listens at a Unix socket, whose file comes, stays and goes with the configuration',
  async (t, engine) => {
    const folder = workFolder(t);
    const [path, other] = [join(folder, 'in.sock'), join(folder, 'other.sock')];
    const a = await backend(t, echo);
    const port = await freePort();
    const backends = [{ host: a.host, port: a.port }];
    const config = (its: object): Record<string, unknown> => ({
      workers: 2,
      log_connections: 'all',
      runtime: QUICK,
      services: { both: { port, bind_address: '127.0.0.1', bind_unix: path, backends }, ...its },
    });
    // A stale socket file, as left by a server that was killed.
    const gone = createServer().listen(other);
    await once(gone, 'listening');
    linkSync(other, path);
    gone.close();
    await once(gone, 'close');
    const alone = { bind_unix: other, bind_unix_mode: '0600', method: 'source_hash', backends };
    const bal = await startBal(t, { engine, config: config({ alone }) });
    await bal.checked();
    assert.deepEqual([modeOf(path), modeOf(other)], [0o660, 0o600]);
    const { services } = await bal.status();
    assert.deepEqual(
      services.map(({ bind_address, port: at, bind_unix }) => [bind_address, at, bind_unix]),
      [
        ['127.0.0.1', port, path],
        [other, 0, other],
      ],
    );

    const bytes = pattern(3, 3_000_000);
    assert.ok((await echoed(t, path, bytes)).equals(bytes));
    assert.equal((await echoed(t, other, Buffer.from('x'))).toString(), 'x');
    const client = await connectTo(t, port);
    await client.send('tcp');
    assert.equal((await client.reads(3)).toString(), 'tcp');
    const record = await bal.logged('connection.ended', ({ fields }) => fields['service'] === 'both');
    assert.deepEqual([record.fields['client'], record.fields['bytes_in']], ['unix', bytes.length]);
    assert.match((await bal.cli('status')).stdout, new RegExp(`127.0.0.1:${port} and unix:${path}`));

    // The socket survives workers and reloads: clients in its queue are served.
    const { ino } = lstatSync(path);
    const open = connect({ path, allowHalfOpen: true });
    atEnd(t, () => open.destroy());
    open.on('error', () => undefined); // its worker gets killed below
    open.write('held');
    await once(open, 'data');
    bal.configure(config({ alone: { ...alone, bind_unix_mode: '0666' } }));
    const { code, verdict } = await bal.graceful();
    assert.equal(code, 0);
    assert.match(JSON.stringify(verdict), /alone\.bind_unix_mode.*0600.*0666/);
    assert.deepEqual([lstatSync(path).ino, modeOf(other)], [ino, 0o666]);
    open.write('on');
    assert.equal(String((await once(open, 'data'))[0]), 'on', 'it goes on');
    for (const pid of await bal.workerPids()) process.kill(pid, 'SIGKILL');
    assert.equal((await echoed(t, path, Buffer.from('y'))).toString(), 'y', 'those that replace them serve');
    assert.equal(lstatSync(path).ino, ino);

    // Another server's socket, or another file, is not replaced.
    const theirs = createServer((socket) => socket.resume().on('error', () => undefined)).listen(
      join(folder, 'theirs.sock'),
    );
    await once(theirs, 'listening');
    atEnd(t, () => void theirs.close());
    writeFileSync(join(folder, 'file'), 'kept');
    for (const [name, why] of [
      ['theirs.sock', /another program listens at this socket/],
      ['file', /there is a file, and it is no socket/],
      ['missing/x.sock', /make the folder/],
    ] as const) {
      bal.configure(config({ alone, more: { bind_unix: join(folder, name), backends } }));
      const refused = await bal.graceful();
      assert.equal(refused.code, 1);
      assert.match(JSON.stringify(refused.verdict), why);
    }
    assert.ok(existsSync(join(folder, 'file')) && existsSync(join(folder, 'theirs.sock')));

    bal.configure(config({}));
    assert.equal((await bal.graceful()).code, 0);
    assert.deepEqual([existsSync(other), existsSync(path)], [false, true]);
    assert.match((await bal.cli('doctor')).stdout, /in\.sock is listened at/);
    await bal.stop('--now');
    await until('the file is gone', () => !existsSync(path));
    const { stdout } = await cli(['doctor'], { home: bal.home.dir });
    assert.match(stdout, /in\.sock is free/);
    rmSync(join(folder, 'file'));
  },
);
