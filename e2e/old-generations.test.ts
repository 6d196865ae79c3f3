// Frequent reloads: old workers kept alive by sessions are bounded, and a stop ends all of them.
import assert from 'node:assert/strict';
import type { DrainingStatus } from '../lib/control/protocol.ts';
import { type Bal, startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import type { Client } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEitherEngine } from './harness/engines.ts';
import { cutBy, lives, session } from './harness/session.ts';
import { freePort } from '../lib/testing/ports.ts';
import { pidsOf } from './harness/processes.ts';
import { until } from '../lib/testing/until.ts';
import { askReload } from './soak/control.ts';

/** Maximum of old generations beside the serving one. */
const MOST = 32;

async function reloaded(bal: Bal): Promise<DrainingStatus | null> {
  const { ok, draining } = await askReload(bal.home.socket);
  assert.ok(ok);
  return draining;
}

forEitherEngine(
  'at most 32 old generations live: the oldest one is told to end, and a stop ends all of them in its time',
  async (t, engine) => {
    const a = await backend(t, echo);
    const port = await freePort();
    const config = configFor(port, [a], { workers: 1, runtime: { drain_timeout_ms: 1000 } });
    const bal = await startBal(t, { engine, daemon: true, env: { BAL_NATIVE_DISABLE: 'handover' }, config });
    const clients: Client[] = [];
    for (let i = 0; i < MOST; i++) {
      clients.push(await session(t, port));
      await reloaded(bal);
    }
    // A generation without connections does not count.
    assert.deepEqual(await reloaded(bal), { connections: MOST, workers: MOST, generations: MOST, until: null });
    for (const client of clients) await lives(client);
    assert.equal(bal.logs().filter(({ event }) => event === 'generation.ending').length, 0);

    clients.push(await session(t, port));
    assert.deepEqual(await reloaded(bal), { connections: MOST, workers: MOST, generations: MOST, until: null });
    const [oldest, ...others] = clients;
    await oldest?.over;
    for (const client of others) await lives(client);
    const { level, fields } = await bal.logged('generation.ending');
    assert.deepEqual([level, fields['generation'], fields['workers'], fields['connections']], ['WARN', 1, 1, 1]);
    await until('the cut is told', () => cutBy(bal) === 1);

    const { code, stdout } = await bal.stop();
    assert.equal(code, 0);
    const ends = bal.logs().filter(({ event, fields }) => event === 'worker.exited' && fields['cut'] !== 1);
    assert.match(stdout, /; 32 connections were cut\n$/, JSON.stringify(ends));
    for (const client of others) await client.over;
    assert.deepEqual(pidsOf(bal.home.dir), []);
    assert.equal(cutBy(bal), MOST + 1);
    const stopped = await bal.logged('bal.stopped');
    assert.deepEqual([stopped.level, stopped.fields['cut']], ['WARN', MOST]);
  },
);
