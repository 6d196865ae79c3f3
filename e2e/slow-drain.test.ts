// A reader slower than the sender, hidden by kernel buffers: bytes flow all the time, though bal sees none.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { pattern } from './harness/pattern.ts';
import { freePort } from '../lib/testing/ports.ts';

/** As much as the kernel buffers at once, and a reader that takes long for it. */
const LENGTH = 2_500_000;
const BYTES_PER_SECOND = 250_000;
const IDLE_MS = 2500;

forEachEngine('a client that reads slowly what its backend sent at once is not idle', async (t, engine) => {
  const a = await backend(t, (socket) => {
    socket.once('data', () => socket.write(pattern(3, LENGTH)));
    socket.resume();
  });
  const port = await freePort();
  const config = configFor(port, [a], {
    workers: 1,
    log_connections: 'all',
    runtime: { connection_idle_timeout_ms: IDLE_MS },
  });
  const bal = await startBal(t, { engine, config });
  const client = await connectTo(t, port);
  const { socket } = client;
  const chunks: Buffer[] = [];
  let last = performance.now();
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    const now = performance.now();
    assert.ok(now - last < IDLE_MS / 2, 'this machine stood still: the test says nothing');
    last = now;
    socket.pause();
    void pause((chunk.length / BYTES_PER_SECOND) * 1000).then(() => socket.resume());
  });
  await client.send('x');
  assert.equal((await client.over).how, 'fin');
  assert.ok(Buffer.concat(chunks).equals(pattern(3, LENGTH)), 'not a byte is missing');
  assert.equal((await bal.logged('connection.ended')).fields['reason'], 'idle');
});
