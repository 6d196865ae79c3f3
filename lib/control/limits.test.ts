// The control socket against malicious or broken clients.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { test } from 'node:test';
import { STATUS, converse, serving, stillAnswers } from '../testing/control-server.ts';
import { deferred } from '../deferred.ts';
import { request } from './client.ts';
import type { Status } from './protocol.ts';

test('garbage gets a 400 and the connection is closed', async (t) => {
  const path = await serving(t);
  for (const garbage of ['hello\n\n', '\0\0\0\0', 'GET\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', '{"cmd":"stop"}\n']) {
    assert.match(await converse(path, garbage), /^HTTP\/1.1 400 Bad Request\r\n.*this is not HTTP/s, garbage);
  }
  const noise = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919 + 13) & 0xff));
  assert.match(await converse(path, noise), /^HTTP\/1.1 400 /);
  await stillAnswers(path);
});

test('a header or a body over 64 KiB is refused, whether it says so or not', async (t) => {
  const path = await serving(t);
  const header = `GET /status HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`;
  assert.match(await converse(path, header), /^(HTTP\/1.1 431 .*)?$/s);
  const big = 'x'.repeat(1 << 20);
  const head = 'POST /stop HTTP/1.1\r\nHost: x\r\n';
  // The server hangs up while we still send, so the answer may be lost. What matters is that it hangs up.
  const answers = [
    await converse(path, `${head}Content-Length: ${big.length}\r\n\r\n`, big),
    await converse(path, `${head}Transfer-Encoding: chunked\r\n\r\n100000\r\n`, big),
  ];
  for (const text of answers) assert.match(text, /^(HTTP\/1.1 413 .*)?$/s);
  await stillAnswers(path);
});

test(
  'one that sends nothing, or one byte and no more, is sent away after five seconds',
  { timeout: 20_000 },
  async (t) => {
    const path = await serving(t);
    const [silent, slow, half] = await Promise.all([
      converse(path),
      converse(path, 'G'),
      converse(path, 'POST /stop HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{'),
    ]);
    for (const text of [silent, slow, half]) assert.match(text, /^HTTP\/1.1 408 /);
    await stillAnswers(path);
  },
);

test('a client that does not read its answer loses its place after five seconds', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const big = { ...STATUS, config_path: 'x'.repeat(16 << 20) };
  const path = await serving(t, { status: () => Promise.resolve(big) });
  const socket = connect(path);
  let size = 0;
  socket.write('GET /status HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(socket, 'readable');
  t.mock.timers.tick(5000);
  socket.on('data', (chunk) => (size += chunk.length));
  await once(socket, 'close');
  assert.ok(size < 16 << 20, 'the rest of the answer was given up');
});

test('a client that is gone before its answer harms nobody', async (t) => {
  const asked = deferred<void>();
  const reply = deferred<Status>();
  const status = () => {
    asked.resolve();
    return reply.promise;
  };
  const path = await serving(t, { status });
  const socket = connect(path);
  socket.write('GET /status HTTP/1.1\r\nHost: x\r\n\r\n');
  await asked.promise;
  socket.destroy();
  await once(socket, 'close');
  reply.resolve(STATUS);
  await stillAnswers(path);
});

test('of a thousand clients at once some are turned away, none is left hanging, and the server lives', async (t) => {
  const path = await serving(t);
  const answers = await Promise.all(
    Array.from({ length: 1000 }, () => request(path, 'GET', '/status', undefined, 100_000)),
  );
  const served = answers.filter((answer) => answer.ok).length;
  const turnedAway = answers.filter((answer) => !answer.ok && answer.cause === 'bad_answer').length;
  assert.ok(served > 0);
  // EAGAIN from a full queue, or a closed connection: both are "no answer", neither is "not running".
  assert.equal(served + turnedAway, 1000);
  await stillAnswers(path);
});

test('64 idle clients fill the server up, and their leaving frees it', async (t) => {
  const path = await serving(t);
  const idle: Socket[] = [];
  for (let i = 0; i < 64; i++) {
    const socket = connect(path);
    await once(socket, 'connect');
    idle.push(socket);
  }
  assert.equal(await converse(path, 'GET /status HTTP/1.1\r\nHost: x\r\n\r\n'), '');
  const over = idle.map((socket) => once(socket, 'close'));
  for (const socket of idle) socket.destroy();
  await Promise.all(over);
  let answered = false;
  while (!answered) answered = (await request(path, 'GET', '/status', undefined, 30_000)).ok;
});
