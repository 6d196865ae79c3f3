// A backend that accepts and drops its clients at once passes checks and looks idle to least_connections.
import assert from 'node:assert/strict';
import { freePort } from '../lib/testing/ports.ts';
import { startBal } from './harness.ts';
import { backend, type Behaviour } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine, forEitherEngine } from './harness/engines.ts';
import { echoes } from './harness/exchange.ts';
import { visits } from './harness/load.ts';

const CLIENTS = 16;

/** Reads the client's first bytes, then resets. */
const breaks: Behaviour = (socket) => {
  socket.once('data', () => socket.resetAndDestroy());
  socket.resume();
};

forEachEngine('a backend that fails fast does not draw all clients to itself, and is told', async (t, engine) => {
  const all = [await backend(t, echo), await backend(t, echo), await backend(t, echo)];
  const [bad] = all;
  const port = await freePort();
  const config = configFor(port, all, {
    method: 'least_connections',
    workers: 2,
    // Longer than a busy machine takes from the event to the answer of why.
    runtime: { backend_cooldown_ms: 5000, failover_backoff_max_ms: 10_000 },
  });
  const bal = await startBal(t, { engine, config });
  await bal.checked();
  assert.equal((await visits(port, echoes(), 60, { clients: 6 })).ok, 60);
  bad?.behave(breaks);
  const visiting = visits(port, echoes(), 3000, { clients: CLIENTS });
  await bal.logged('backend.early_failures');
  const { stdout } = await bal.cli('why');
  const counts = await visiting;
  const failed = counts.reset + counts.short;
  assert.equal(counts.ok + failed, 3000);
  // Five failures mark the backend per worker. Then, each time it is retried, up to as many clients per worker fail as are under
  // way. Without the feature two thirds or more fail, because the fast failing backend has the fewest connections.
  const times = bal.logs().filter(({ event }) => event === 'backend.early_failures').length;
  assert.ok(failed >= 5 && failed <= 2 * 5 + 2 * CLIENTS * (times + 1), `${times}: ${JSON.stringify(counts)}`);
  assert.ok(failed < 1000, JSON.stringify(counts));
  assert.match(stdout, /closes without sending a byte/);
  bad?.behave(echo);
  await bal.statusWhen('it is used again', ({ backends }) => backends[0]?.cooldown_ms === 0);
  const after = await visits(port, echoes(), 300, { clients: 6 });
  assert.equal(after.ok, 300);
});

forEitherEngine('where clients only send, or the only backend fails, nobody is left alone', async (t, engine) => {
  const ends: Behaviour = (socket) => {
    socket.once('data', () => socket.end());
    socket.resume();
  };
  const all = [await backend(t, ends), await backend(t, ends)];
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, all, { workers: 1 }) });
  await bal.checked();
  const counts = await visits(port, echoes(), 60);
  assert.equal(counts.short, 60);
  const accepted = all.map(({ accepted: count }) => count);
  assert.ok(Math.min(...accepted) >= 30, String(accepted));
  assert.ok(!bal.logs().some(({ event }) => event === 'backend.early_failures'));
});
