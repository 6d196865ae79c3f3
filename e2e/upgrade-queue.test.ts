// Clients that wait (overload_policy: queue) for a permit while bal is upgraded: the limit holds, and they are served.
import assert from 'node:assert/strict';
import { freePort } from '../lib/testing/ports.ts';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEngine } from './harness/engines.ts';
import { lives, session } from './harness/session.ts';

forEngine('native', 'clients that wait during an upgrade do not exceed a limit, and are served', async (t, engine) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const queue = { overload_policy: 'queue', queue_timeout_ms: 60_000 };
  const bal = await startBal(t, {
    engine,
    daemon: true,
    config: configFor(port, [a], {
      workers: 2,
      health_check: { type: 'none' },
      runtime: { ...queue, max_concurrent_connections: 3 },
      services: { db: { port, runtime: { max_concurrent_connections: 2 } } },
    }),
  });
  const open = [await session(t, port), await session(t, port)];
  const waiting = await Promise.all(['a', 'b', 'c'].map(() => connectTo(t, port)));
  for (const client of waiting) await client.send('w');
  await bal.statusWhen('three wait', ({ services }) => services[0]?.waiting === 3);
  assert.equal((await bal.cli('upgrade')).code, 0);
  for (const client of open) await lives(client);
  assert.equal(a.accepted, 2, 'nobody who waited has a backend');
  for (const client of open) client.end();
  const served = await Promise.all(
    waiting.map(async (client) => {
      const answer = await client.reads(1);
      client.end();
      return answer.toString();
    }),
  );
  assert.deepEqual(served, ['w', 'w', 'w']);
});
