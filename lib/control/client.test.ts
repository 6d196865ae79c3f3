import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type Server, type Socket, createServer } from 'node:net';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { socketPath } from '../testing/control-server.ts';
import { request, stream } from './client.ts';

/** A server that is not bal. */
async function fake(path: string, onSocket: (socket: Socket) => void): Promise<Server> {
  const server = createServer(onSocket).listen(path);
  await once(server, 'listening');
  return server;
}

test('the client tells a silent, a broken and a talkative server apart from none', async (t) => {
  const cases: readonly (readonly [(socket: Socket) => void, string])[] = [
    [() => {}, 'timeout'],
    [(socket) => socket.destroy(), 'bad_answer'],
    [(socket) => socket.end('hello\r\n\r\n'), 'bad_answer'],
    [(socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'), 'bad_answer'],
    [(socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"running":'), 'bad_answer'],
    [(socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"running":'), 'timeout'],
  ];
  for (const [behaviour, cause] of cases) {
    const path = socketPath(t);
    const sockets = new Set<Socket>();
    const server = await fake(path, (socket) => {
      sockets.add(socket.on('error', () => {}));
      behaviour(socket);
    });
    const answers = [
      await request(path, 'GET', '/status', undefined, 300),
      await stream(path, 'POST', '/stop', {}, 300, () => {}),
    ];
    for (const got of answers) assert.equal(got.ok ? got.status : got.cause, cause, behaviour.toString());
    for (const socket of sockets) socket.destroy();
    server.close();
  }
  for (const path of [socketPath(t), dirname(socketPath(t))]) {
    const nobody = await request(path, 'GET', '/status', undefined, 300);
    assert.equal(!nobody.ok && nobody.cause, 'not_running');
  }
});

test('who has given up already gets no answer and waits for none', async (t) => {
  const path = socketPath(t);
  const server = await fake(path, (socket) => void socket.on('error', () => {}));
  t.after(() => server.close());
  const signal = AbortSignal.abort();
  const day = 86_400_000;
  for (const got of [
    await request(path, 'GET', '/status', undefined, day, signal),
    await stream(path, 'POST', '/stop', {}, day, () => {}, signal),
  ])
    assert.equal(!got.ok && got.cause, 'timeout');
});

test('lines may come for ever, but a line, as a document, has a limit', async (t) => {
  const path = socketPath(t);
  const line = `${JSON.stringify('x'.repeat(1024 * 1024 - 3))}\n`;
  const server = await fake(path, (socket) => {
    socket.on('error', () => {});
    socket.once('data', (asked) => {
      socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n');
      const each = asked.toString().startsWith('POST') ? line : line.slice(0, -2);
      const lines = Array.from({ length: 20 }, () => each);
      socket.end(lines.join(''));
    });
  });
  t.after(() => server.close());
  let count = 0;
  const lines = await stream(path, 'POST', '/stop', {}, 5000, () => count++);
  assert.deepEqual([lines.ok, count], [true, 20]);
  const endless = await stream(path, 'GET', '/events/follow', {}, 5000, () => assert.fail('a line'));
  assert.match(endless.ok ? '' : endless.detail, /over 16777216 bytes/);
  const document = await request(path, 'GET', '/status', undefined, 5000);
  assert.match(document.ok ? '' : document.detail, /over 16777216 bytes/);
});
