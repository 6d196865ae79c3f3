import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { freePort } from '../lib/testing/ports.ts';
import { until } from '../lib/testing/until.ts';

const IDLE_MS = 1200;

forEachEngine(
  'an idle connection is ended on both sides; one with bytes in either direction never',
  async (t, engine) => {
    // Sends continuously after a client's `+`; after anything else it only reads.
    const a = await backend(t, (socket) => {
      let talking: NodeJS.Timeout | undefined;
      socket.once('data', (chunk: Buffer) => {
        if (chunk.toString() === '+') talking = setInterval(() => socket.write('.'), 100);
      });
      socket.on('close', () => clearInterval(talking));
      socket.on('end', () => socket.end());
      socket.resume();
    });
    const port = await freePort();
    const config = configFor(port, [a], {
      workers: 1,
      runtime: { connection_idle_timeout_ms: IDLE_MS, health_check_interval_ms: 60_000 },
    });
    const bal = await startBal(t, { engine, config });
    await bal.checked();
    await until('the checks are over', () => a.live.size === 0);
    const [sending, receiving, idle] = [await connectTo(t, port), await connectTo(t, port), await connectTo(t, port)];
    await receiving.send('+');
    await idle.send('-');
    const began = performance.now();
    const end: { after?: number } = {};
    const cut = idle.over.then((over) => {
      end.after = performance.now() - began;
      return over;
    });
    // Send a byte now and then for three idle timeouts. If the machine stalls for longer than the timeout, the test proves nothing.
    let last = began;
    while (end.after === undefined || performance.now() - began < 3 * IDLE_MS) {
      await sending.send('.');
      const now = performance.now();
      assert.ok(
        now - last < IDLE_MS,
        `this machine stood still for ${Math.round(now - last)} ms: the test says nothing`,
      );
      assert.ok(now - began < 20 * IDLE_MS, 'the idle connection is closed');
      last = now;
      await pause(100);
    }
    assert.equal((await cut).how, 'fin');
    assert.ok(end.after >= IDLE_MS - 20, `never early: after ${Math.round(end.after)} ms`);
    await until('the backend has lost the idle one only', () => a.live.size === 2);
    const before = a.received;
    await sending.send('still');
    await until('the backend hears the sending one', () => a.received === before + 5);
    const receivedBytes = receiving.unread().length;
    await until('the backend is heard', () => receiving.unread().length > receivedBytes);
    await bal.statusWhen('two are counted', ({ totals }) => totals?.active_connections === 2);
  },
);
