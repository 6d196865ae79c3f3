import assert from 'node:assert/strict';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo, resets, sendsThenResets, silent } from './harness/behaviours.ts';
import { blackHole } from '../lib/testing/black-hole.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { pattern } from './harness/pattern.ts';
import { freePort } from '../lib/testing/ports.ts';
import { until } from '../lib/testing/until.ts';

const noChecks = { workers: 1, runtime: { health_check_interval_ms: 60_000 } };

forEachEngine('a reset of the client reaches the backend as a reset', async (t, engine) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a], noChecks) });
  // A health check does not end with a reset.
  const seen = (): number => a.endings.filter((how) => how === 'reset').length;
  for (let i = 1; i <= 10; i++) {
    const client = await connectTo(t, port);
    await client.send('x');
    await client.reads(1);
    client.reset();
    await until('the backend has seen a reset', () => seen() === i);
  }
  await bal.statusWhen('no connection is left', ({ totals }) => totals?.active_connections === 0);
});

forEachEngine('a reset of the backend reaches the client as a reset, never as an end', async (t, engine) => {
  const a = await backend(t, silent);
  const port = await freePort();
  await startBal(t, { engine, config: configFor(port, [a], noChecks) });
  for (let i = 0; i < 10; i++) {
    const client = await connectTo(t, port);
    await client.send('x');
    await until('the backend has read it', () => a.received === i + 1);
    for (const socket of a.live) socket.resetAndDestroy();
    assert.equal((await client.over).how, 'reset');
  }
});

forEachEngine(
  'a reset right after accepting, and one that comes together with data, are resets too',
  async (t, engine) => {
    const a = await backend(t, resets);
    const port = await freePort();
    await startBal(t, { engine, config: configFor(port, [a], noChecks) });
    for (let i = 0; i < 10; i++) {
      assert.equal((await (await connectTo(t, port)).over).how, 'reset');
    }
    const length = 1000;
    a.behave(sendsThenResets(9, length));
    const whole = pattern(9, length);
    for (let i = 0; i < 30; i++) {
      const { how, data } = await (await connectTo(t, port)).over;
      assert.equal(how, 'reset', `round ${i}: a truncated answer must not look complete`);
      assert.ok(whole.subarray(0, data.length).equals(data), 'what came is the beginning of what was sent');
    }
  },
);

forEachEngine('a client that goes away while its backend is being connected frees its slot', async (t, engine) => {
  const hole = await blackHole(t);
  const port = await freePort();
  const config = configFor(port, [{ host: '127.0.0.1', port: hole }], {
    workers: 1,
    runtime: { health_check_interval_ms: 60_000, backend_connect_timeout_ms: 30_000 },
  });
  const bal = await startBal(t, { engine, config });
  const client = await connectTo(t, port);
  await bal.statusWhen('the client is counted', ({ totals }) => totals?.active_connections === 1);
  client.reset();
  await bal.statusWhen('the slot is free', ({ totals }) => totals?.active_connections === 0);
});
