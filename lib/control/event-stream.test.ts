import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { createEvents } from '../primary/log/events.ts';
import { type EventSource, streamEvents } from './event-stream.ts';

/** A client of a stream that has read nothing yet. */
async function client(t: TestContext, source: EventSource, format: 'ndjson' | 'sse', method = 'GET'): Promise<Socket> {
  const over: Promise<unknown>[] = [];
  const server = createServer((_request, response) => {
    over.push(once(response, 'close'));
    streamEvents(source, response, format);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  // Close everything before the next test mocks its timers.
  t.after(async () => {
    socket.destroy();
    server.close();
    await Promise.all([once(server, 'close'), ...over]);
  });
  socket.write(`${method} / HTTP/1.1\r\nHost: x\r\n\r\n`);
  return socket;
}

const event = { level: 'INFO', module: 'test', event: 'test.it', message: 'it happened' } as const;

test('events that are remembered come first, then each new one, with an id a browser can name', async (t) => {
  const events = createEvents();
  events.add({ ...event, fields: { n: 1 } });
  const socket = await client(t, events, 'sse');
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  while (!text.includes('"n":1')) await once(socket, 'data');
  events.add({ ...event, fields: { n: 2 } });
  while (!text.includes('"n":2')) await once(socket, 'data');
  assert.match(text, /id: 1\nevent: event\ndata: \{"seq":1,.*\}\n\n.*id: 2\nevent: event\ndata: \{"seq":2,/s);
});

for (const [format, ends] of [
  ['sse', true],
  ['ndjson', false],
] as const) {
  test(`a client that never reads ${ends ? 'loses its place after half a minute' : 'keeps it'}: ${format}`, async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const events = createEvents();
    // More than the kernel buffers for it.
    for (let i = 0; i < 16; i++) events.add({ ...event, fields: { text: 'x'.repeat(1 << 20) } });
    const socket = await client(t, events, format);
    await once(socket, 'readable');
    for (let beat = 0; beat < 20; beat++) t.mock.timers.tick(5000);
    let size = 0;
    socket.on('data', (chunk: Buffer) => (size += chunk.length));
    socket.on('error', () => undefined);
    if (ends) {
      await once(socket, 'close');
      assert.ok(size < 16 << 20, 'it was cut before the end');
    } else {
      while (size < 16 << 20) await once(socket, 'data');
    }
  });
}

test('a client that asks for the head only gets the head only', async (t) => {
  const socket = await client(t, createEvents(), 'sse', 'HEAD');
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, 'end');
  assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
  assert.ok(text.endsWith('\r\n\r\n'));
});
