// Clients that connect and never send anything: each takes a slot for a bounded time only, and everybody else is served.
import assert from 'node:assert/strict';
import { startBal } from '../harness.ts';
import { backend } from '../harness/backend.ts';
import { echo, silent } from '../harness/behaviours.ts';
import { connectTo } from '../harness/client.ts';
import { configFor } from '../harness/config.ts';
import { forEitherEngine } from '../harness/engines.ts';
import { echoes } from '../harness/exchange.ts';
import { startLoad, troubles, visits } from '../harness/load.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { scale } from './scale.ts';
import { finishAll, openStreams } from './streams.ts';

const SILENT = scale(200, 2000);
const ROOM = 40;
const STREAMS = 4;
const IDLE_MS = 2000;
/** Long enough for others to try before it is over, even on a busy machine. */
const LONG_IDLE_MS = 8000;

forEitherEngine(
  `${SILENT} clients that connect and say nothing are served beside others, and go when their idle time is over`,
  async (t, engine) => {
    const a = await backend(t, echo);
    const port = await freePort();
    const runtime = { max_concurrent_connections: SILENT + ROOM, connection_idle_timeout_ms: IDLE_MS };
    const bal = await startBal(t, { engine, config: configFor(port, [a], { runtime }) });
    const streams = await openStreams(t, port, STREAMS);
    const load = startLoad(t, port, echoes(), { clients: 8 });
    const mutes = await Promise.all(Array.from({ length: SILENT }, () => connectTo(t, port)));
    await load.succeeds(100);
    // Each gives its slot back by itself.
    const ends = await Promise.all(mutes.map(({ over }) => over));
    assert.deepEqual(new Set(ends.map(({ how }) => how)), new Set(['fin']));
    await load.succeeds(100);
    assert.deepEqual(troubles(await load.stop()), {});
    assert.deepEqual(await finishAll(streams), { ok: STREAMS }, 'who says something stays');
    const { services } = await bal.statusWhen('all is counted', (now) => now.services[0]?.ends?.['idle'] === SILENT);
    assert.equal(services[0]?.ends?.['overload'], 0);
  },
);

forEitherEngine(
  'silent clients that take every place keep the others out only until their idle time is over',
  async (t, engine) => {
    const a = await backend(t, silent);
    const port = await freePort();
    const runtime = { max_concurrent_connections: ROOM, connection_idle_timeout_ms: LONG_IDLE_MS };
    const bal = await startBal(t, { engine, config: configFor(port, [a], { runtime }) });
    const mutes = await Promise.all(Array.from({ length: ROOM }, () => connectTo(t, port)));
    await bal.statusWhen('every place is taken', (now) => now.totals?.active_connections === ROOM);
    const late = await visits(port, echoes(), 10);
    assert.equal(late.reset, 10);
    await Promise.all(mutes.map(({ over }) => over));
    a.behave(echo);
    await bal.statusWhen('every place is free', (now) => now.totals?.active_connections === 0);
    assert.deepEqual(troubles(await visits(port, echoes(), 50)), {});
    const { totals } = await bal.status();
    assert.equal(totals?.rejected_total, 10);
  },
);
