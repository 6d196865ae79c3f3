// Tests the addon's TCP checks against real sockets: their results, and how the server sees them end.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { blackHole } from '../testing/black-hole.ts';
import { freePort } from '../testing/ports.ts';
import { until } from '../testing/until.ts';
import { loadAddon } from './addon.ts';
import { openTcpChecks, type TcpCheck, type TcpChecks } from './tcp-checks.ts';

const loaded = loadAddon();
const options = { skip: loaded.ok ? false : `no native engine: ${loaded.reason}` };
const descriptors = (): number => readdirSync('/proc/self/fd').length;

function open(t: TestContext): TcpChecks {
  assert.ok(loaded.ok);
  const checks = openTcpChecks(loaded.addon);
  t.after(() => checks.close());
  return checks;
}

function ask(checks: TcpChecks, ip: string, port: number, source?: string): Promise<string | null> {
  return new Promise((resolve) => {
    if (checks.start(ip, port, source, resolve) === 'accepted') resolve(null);
  });
}

/** Starts a check that cannot be over at once. */
function begin(checks: TcpChecks, port: number, done: () => void): TcpCheck {
  const check = checks.start('127.0.0.1', port, undefined, done);
  assert.ok(check !== 'accepted');
  return check;
}

/** A server, the addresses that connected, and how each connection ended: `end`, or an errno's name. */
async function serve(t: TestContext, host: string, met: (socket: Socket) => void = () => undefined) {
  const came: (string | undefined)[] = [];
  const ends: string[] = [];
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    came.push(socket.remoteAddress);
    socket.on('end', () => ends.push('end'));
    socket.on('error', (error: NodeJS.ErrnoException) => ends.push(error.code ?? 'error'));
    socket.resume();
    met(socket);
  });
  server.listen(0, host);
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return { port: address.port, came, ends };
}

const closeToo = (socket: Socket): unknown => socket.on('end', () => socket.end());

test(
  'who listens is found, over IPv4 and IPv6 and from the source asked for, and is told goodbye without a reset',
  options,
  async (t) => {
    const checks = open(t);
    const before = descriptors();
    const v4 = await serve(t, '127.0.0.1', closeToo);
    const v6 = await serve(t, '::1', closeToo);
    assert.equal(await ask(checks, '127.0.0.1', v4.port), null);
    assert.equal(await ask(checks, '127.0.0.1', v4.port, '127.0.0.7'), null);
    assert.equal(await ask(checks, '::1', v6.port), null);
    assert.equal(await ask(checks, '::1%lo', v6.port), null, 'with a scope, as link-local addresses have');
    await until('all have ended', () => v4.ends.length === 2 && v6.ends.length === 2);
    assert.deepEqual(
      [v4.ends, v6.ends],
      [
        ['end', 'end'],
        ['end', 'end'],
      ],
    );
    assert.deepEqual(
      [v4.came, v6.came],
      [
        ['127.0.0.1', '127.0.0.7'],
        ['::1', '::1'],
      ],
    );
    // The two listening sockets.
    await until('nothing is left open', () => descriptors() === before + 2);
  },
);

test('a server that speaks first sees no reset before it has said 256 KiB', options, async (t) => {
  const checks = open(t);
  const greeting = await serve(t, '127.0.0.1', (socket) => {
    socket.write('SSH-2.0-sample\r\n');
    closeToo(socket);
  });
  assert.equal(await ask(checks, '127.0.0.1', greeting.port), null);
  await until('it has ended', () => greeting.ends.length === 1);
  assert.deepEqual(greeting.ends, ['end']);
  const endless = await serve(t, '127.0.0.1', (socket) => {
    const talk = (): void => {
      while (socket.write(Buffer.alloc(65_536)));
    };
    socket.on('drain', talk);
    talk();
  });
  assert.equal(await ask(checks, '127.0.0.1', endless.port), null);
  await until('it is cut off', () => endless.ends.some((end) => end !== 'end'));
});

test('one that does not close is closed after a second', options, async (t) => {
  const checks = open(t);
  const held: Socket[] = [];
  t.after(() => held.forEach((socket) => socket.destroy()));
  const { port } = await serve(t, '127.0.0.1', (socket) => held.push(socket));
  const before = descriptors();
  assert.equal(await ask(checks, '127.0.0.1', port), null);
  await until('the server has it', () => held.length === 1);
  assert.equal(descriptors(), before + 2);
  await until('our end is closed', () => descriptors() === before + 1);
});

test('each failure has its errno, also among many that were begun together', options, async (t) => {
  const checks = open(t);
  const port = await freePort();
  assert.equal(await ask(checks, '127.0.0.1', port), 'ECONNREFUSED');
  assert.equal(await ask(checks, 'db.example', port), 'EINVAL');
  assert.equal(await ask(checks, '127.0.0.1', port, '::1'), 'EADDRNOTAVAIL');
  assert.equal(await ask(checks, '127.0.0.1', port, 'db.example'), 'EINVAL');
  assert.equal(await ask(checks, '127.0.0.1', port, '192.0.2.1'), 'EADDRNOTAVAIL');
  const { port: good, came } = await serve(t, '127.0.0.1', closeToo);
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, i) => ask(checks, '127.0.0.1', i % 3 ? good : port)),
  );
  assert.deepEqual(
    answers,
    Array.from({ length: 300 }, (_, i) => (i % 3 ? null : 'ECONNREFUSED')),
  );
  await until('all have come', () => came.length === 200);
});

test('on this machine who listens is known at once, and closed all the same', options, async (t) => {
  const checks = open(t);
  const { port, ends } = await serve(t, '127.0.0.1', closeToo);
  const before = descriptors();
  const found = Array.from({ length: 20 }, () => checks.start('127.0.0.1', port, undefined, () => assert.fail()));
  assert.deepEqual(new Set(found), new Set(['accepted']));
  await until('all are closed', () => ends.length === 20 && descriptors() <= before);
  assert.deepEqual(new Set(ends), new Set(['end']));
});

test('one that is given up is not told of, not even by another that ended with it', options, async (t) => {
  const checks = open(t);
  const hole = await blackHole(t);
  const filled = descriptors();
  const silent = begin(checks, hole, () => assert.fail('it was given up'));
  assert.equal(descriptors(), filled + 1);
  checks.cancel(silent);
  checks.cancel(silent);
  assert.equal(descriptors(), filled);
  const port = await freePort();
  const reported: string[] = [];
  await new Promise<void>((resolve) => {
    const first = begin(checks, port, () => {
      reported.push('first');
      checks.cancel(second);
      begin(checks, port, () => {
        reported.push('third');
        resolve();
      });
    });
    const second = begin(checks, port, () => reported.push('second'));
    assert.equal(first.number, silent.number);
  });
  assert.deepEqual(reported, ['first', 'third']);
});

test('after the end nothing is told, and nothing stays open', options, async (t) => {
  const checks = open(t);
  const { port } = await serve(t, '127.0.0.1', closeToo);
  const before = descriptors();
  for (let i = 0; i < 100; i++) checks.start('127.0.0.1', port, undefined, () => assert.fail('it is closed'));
  checks.close();
  checks.close();
  await until('nothing is left open', () => descriptors() < before);
});

test('one that could not start is not told of when the end comes in the same turn', async () => {
  const native = {
    start: () => -24,
    collect: () => 0,
    cancel: () => undefined,
    sweep: () => 0,
    close: () => undefined,
  };
  const checks = openTcpChecks({ openTcpChecks: () => native });
  const told: (string | null)[] = [];
  checks.start('127.0.0.1', 1, undefined, (code) => told.push(code));
  await Promise.resolve();
  assert.equal(told.join(), 'EMFILE');
  checks.start('127.0.0.1', 1, undefined, (code) => told.push(code));
  checks.close();
  await Promise.resolve();
  assert.equal(told.join(), 'EMFILE');
});
