// Real sessions that go on through reload after reload, each reload leaving another one behind: nobody is harmed, an old
// worker without connections is gone, and what the others hold of the machine is little and given back.
import assert from 'node:assert/strict';
import { startBal } from '../harness.ts';
import { forEachEngine } from '../harness/engines.ts';
import { proportionalBytes } from '../harness/processes.ts';
import { until } from '../../lib/testing/until.ts';
import { psqlAtPrompt } from '../sessions/clients/postgres.ts';
import { redisAtPrompt } from '../sessions/clients/redis.ts';
import { type Seat, takeSeat } from '../sessions/seat.ts';
import { servicesFor, startServers } from '../sessions/services.ts';
import { owned } from './owned.ts';
import { footprintOf, inWords, MIB } from './footprint.ts';
import { scale } from './scale.ts';

/** Fewer than the old generations that may live. */
const RELOADS = scale(6, 30);
const KINDS = [psqlAtPrompt, redisAtPrompt] as const;
/**
 * What each old worker with a session holds: of memory what it has to itself and its share of what several have (seen were
 * 9.5 MiB at most), and descriptors of the primary, seen were 2: its channel and its records.
 */
const MEMORY_EACH = 24 * MIB;
const DESCRIPTORS_EACH = 3;

forEachEngine(
  `${RELOADS} reloads, and a session left behind by each: all go on, and what they hold is little and given back`,
  async (t, engine) => {
    const services = await servicesFor(await startServers(t, KINDS, 'all'));
    const config = services.config();
    const bal = await startBal(t, { engine, config });
    const before = footprintOf(bal);
    await owned(async (clients) => {
      const seats: Seat[] = [];
      for (let round = 0; round < RELOADS; round++) {
        const kind = KINDS[round % 2] ?? psqlAtPrompt;
        seats.push(await takeSeat(kind, () => kind.open(services.place(kind, clients, engine))));
        bal.configure({ ...config, log_level: round % 3 === 0 ? 'warn' : 'info' });
        assert.equal((await bal.graceful()).code, 0);
        await Promise.all(seats.map((seat) => seat.works()));
      }
      assert.deepEqual(
        seats.map((seat) => seat.harm()),
        Array(RELOADS).fill(null),
      );
      // One session is on one of the two workers of its generation; the other one has nothing to wait for.
      const { workers } = await bal.statusWhen(
        'old workers without connections are gone',
        (status) => status.workers.length === 2 + RELOADS,
      );
      const during = footprintOf(bal);
      const old = workers.filter(({ state }) => state === 'draining').map(({ pid }) => proportionalBytes(pid));
      t.diagnostic(
        `before: ${inWords(before)}; with ${RELOADS} sessions: ${inWords(during)}; an old worker has ` +
          `${(Math.max(...old) / MIB).toFixed(1)} MiB at most`,
      );
      assert.ok(Math.max(...old) < MEMORY_EACH, `${Math.max(...old) / MIB} MiB`);
      assert.ok(during.primaryDescriptors <= before.primaryDescriptors + RELOADS * DESCRIPTORS_EACH, inWords(during));
    });
    await until('processes and descriptors are back where they were', () => {
      const { processes, primaryDescriptors } = footprintOf(bal);
      return processes === before.processes && primaryDescriptors <= before.primaryDescriptors;
    });
  },
  KINDS.map(({ server }) => server.lacks).find((reason) => reason !== null),
);
