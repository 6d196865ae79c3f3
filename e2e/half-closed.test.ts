// A backend that has ended, with a client that stays silent: a pool that has not noticed, or a crashed server.
import assert from 'node:assert/strict';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { freePort } from '../lib/testing/ports.ts';

forEachEngine(
  'a silent client whose backend has ended gives its place back, and a backend counts as loaded no longer',
  async (t, engine) => {
    const a = await backend(t, (socket) => {
      socket.once('data', () => socket.destroy());
      socket.resume();
    });
    const port = await freePort();
    const config = configFor(port, [a], {
      method: 'least_connections',
      log_connections: 'all',
      runtime: { half_closed_timeout_ms: 500, max_concurrent_connections: 1 },
    });
    const bal = await startBal(t, { engine, config });
    const first = await connectTo(t, port);
    await first.send('x');
    assert.equal((await first.over).how, 'fin');
    const record = await bal.logged('connection.ended');
    assert.equal(record.fields['reason'], 'backend_closed');
    assert.ok(Number(record.fields['duration_ms']) >= 500);
    const { services } = await bal.statusWhen('its place is free', ({ totals }) => totals?.active_connections === 0);
    assert.equal(services[0]?.backends[0]?.active_connections, 0);
    const second = await connectTo(t, port);
    await second.send('x');
    assert.equal((await second.over).how, 'fin');
  },
);
