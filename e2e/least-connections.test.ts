import assert from 'node:assert/strict';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { freePort } from '../lib/testing/ports.ts';

forEachEngine('least_connections evens out what is open, also what another worker opened', async (t, engine) => {
  const [a, b] = [await backend(t, echo), await backend(t, echo)];
  const port = await freePort();
  // Checks would count as open connections of the backends.
  const config = configFor(port, [a, b], {
    method: 'least_connections',
    workers: 2,
    runtime: { health_check_interval_ms: 60_000 },
  });
  const bal = await startBal(t, { engine, config });
  await bal.checked();
  const open = async (): Promise<void> => {
    const client = await connectTo(t, port);
    await client.send('x');
    await client.reads(1);
  };
  for (let i = 0; i < 12; i++) await open();
  const even = await bal.statusWhen('12 are open', ({ totals }) => totals?.active_connections === 12);
  const spread = even.backends.map(({ active_connections }) => Number(active_connections));
  assert.ok(
    Math.abs(Number(spread[0]) - Number(spread[1])) <= 2,
    `12 opened one after the other: ${spread.join(' and ')}`,
  );

  // All of a's clients leave. New clients, on any worker, must go to a until it has as many as b.
  const left = a.live.size;
  for (const socket of a.live) socket.resetAndDestroy();
  await bal.statusWhen('a is empty', ({ backends }) => backends[0]?.active_connections === 0);
  const before = b.live.size;
  for (let i = 0; i < left - 2; i++) {
    await open();
    await bal.statusWhen('it is counted', ({ backends }) => backends[0]?.active_connections === a.live.size);
  }
  assert.ok(b.live.size - before <= 1, `b had ${before} and has ${b.live.size}, a has ${a.live.size}`);
});
