// Repeated reloads under load: no client is refused or cut, no byte is wrong, and nothing is left behind.
import assert from 'node:assert/strict';
import { startBal } from '../harness.ts';
import { backend, type Backend } from '../harness/backend.ts';
import { echo } from '../harness/behaviours.ts';
import { QUICK } from '../harness/config.ts';
import { forEitherEngine } from '../harness/engines.ts';
import { echoes } from '../harness/exchange.ts';
import { startLoad, troubles, visits } from '../harness/load.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { until } from '../../lib/testing/until.ts';
import { HEAP_ENVIRONMENT, liveHeap } from './heap.ts';
import { keepStorm } from './figures.ts';
import { footprintOf, inWords, MIB } from './footprint.ts';
import { scale } from './scale.ts';
import { finishAll, finishCut, openStreams, type Stream } from './streams.ts';

/** Number of different changes before the cycle repeats; the last one changes nothing. */
const CYCLE = 6;
const RELOADS = scale(CYCLE, 100);
const STREAMS_EACH = 2;
/** Allows for uncollected garbage. */
const RSS_TOLERANCE = 64 * MIB;
/**
 * The primary keeps its last thousand events, about ten per reload: without load its heap was 8.7 MiB at first, 10.6 after 100
 * reloads, 11.3 after 300 and 11.2 after 400. Twenty KiB more per reload would show.
 */
const HEAP_TOLERANCE = 4 * MIB;

interface Ports {
  readonly main: number;
  readonly extra: number;
}

/**
 * Each round changes something else: one more backend, the log level, one more port, a port and a backend less, another
 * backend, nothing.
 */
function configOf(round: number, ports: Ports, [a, b, c]: readonly [Backend, Backend, Backend]): object {
  const both = [a, b];
  const backends = [both, [a, b, c], both, both, [b], both][round % CYCLE] ?? both;
  const where = (list: readonly Backend[]): object[] => list.map(({ host, port }) => ({ host, port }));
  return {
    bind_address: '127.0.0.1',
    workers: 2,
    log_level: round % CYCLE === 2 ? 'warn' : 'info',
    runtime: { ...QUICK, drain_timeout_ms: 600_000 },
    services: {
      main: { port: ports.main, backends: where(backends) },
      ...(round % CYCLE === 3 && { extra: { port: ports.extra, backends: where([c]) } }),
    },
  };
}

/** The changes that the verdict of each round must name; the number of backends also changes auto-tuned values. */
const CHANGES: readonly (readonly string[])[] = [
  [],
  ['main.backends'],
  ['log_level', 'main.backends'],
  ['extra', 'log_level'],
  ['extra', 'main.backends'],
  ['main.backends'],
];

forEitherEngine(
  `${RELOADS} reloads under load: nobody refused, nobody cut, no byte wrong, nothing left`,
  async (t, engine) => {
    const backends = [await backend(t, echo), await backend(t, echo), await backend(t, echo)] as const;
    const ports = { main: await freePort(), extra: await freePort() };
    const bal = await startBal(t, {
      engine,
      daemon: true,
      env: HEAP_ENVIRONMENT,
      config: { engine, ...configOf(0, ports, backends) },
    });
    const reload = async (round: number): Promise<number> => {
      bal.configure({ ...configOf(round, ports, backends) });
      const { code, verdict } = await bal.graceful();
      assert.equal(code, 0, JSON.stringify(verdict));
      const changed = verdict.changed.map(({ what }) => what).sort();
      const wanted = CHANGES[round % CYCLE] ?? [];
      const missing = wanted.filter((what) => !changed.some((one) => one === what || one.startsWith(`${what}.`)));
      assert.deepEqual(missing, [], `changed: ${changed.join(', ')}`);
      if (wanted.length === 0) assert.deepEqual(changed, []);
      assert.equal(verdict.workers_replaced, 2);
      return verdict.duration_ms;
    };
    // Do all one-time loading and allocation before the count begins.
    await visits(ports.main, echoes(512), 50);
    await reload(0);
    const settled = async (): Promise<void> => {
      await bal.statusWhen(
        'only two workers are left, without connections',
        ({ workers, totals }) => workers.length === 2 && totals?.active_connections === 0,
      );
    };
    await settled();
    const before = footprintOf(bal);
    const heapBefore = await liveHeap(bal, bal.pid);
    const began = performance.now();

    const load = startLoad(t, ports.main, echoes(512), { clients: 6 });
    const streams: Stream[] = [];
    let slowest = 0;
    for (let round = 1; round <= RELOADS; round++) {
      // Held by workers of many generations, but not so many that they alone keep the machine busy.
      if (streams.length < 40) streams.push(...(await openStreams(t, ports.main, STREAMS_EACH, round * 10)));
      slowest = Math.max(slowest, await reload(round));
      if (round % CYCLE === 3)
        assert.deepEqual(troubles(await visits(ports.extra, echoes(64), 5)), {}, 'the added port serves');
      if (round % CYCLE === 4)
        assert.equal((await visits(ports.extra, echoes(64), 1)).refused, 1, 'the removed port does not');
    }
    const counts = await load.stop();
    const seconds = (performance.now() - began) / 1000;
    assert.deepEqual(troubles(counts), {});
    assert.deepEqual(await finishAll(streams), { ok: streams.length });
    const { totals } = await bal.status();
    assert.ok(totals !== null);
    assert.equal(totals.reloads_total, RELOADS + 1);
    assert.equal(totals.failed_total + totals.rejected_total, 0);

    await settled();
    const after = await until('descriptors and processes are back where they were', () => {
      const now = footprintOf(bal);
      return now.primaryDescriptors <= before.primaryDescriptors && now.processes === before.processes ? now : null;
    });
    const heapAfter = await liveHeap(bal, bal.pid);
    const heap = `${(heapBefore / MIB).toFixed(1)} → ${(heapAfter / MIB).toFixed(1)} MiB alive in the primary`;
    const streamed = streams.reduce((sum, { bytes }) => sum + bytes, 0);
    t.diagnostic(
      `${counts.ok} visits (${(counts.ok / seconds).toFixed(0)}/s) and ${streams.length} streams (${(streamed / MIB).toFixed(1)} MiB) ` +
        `through ${RELOADS} reloads in ${seconds.toFixed(1)} s, the slowest ${slowest} ms; ` +
        `before: ${inWords(before)}; after: ${inWords(after)}; ${heap}`,
    );
    assert.ok(heapAfter - heapBefore < HEAP_TOLERANCE, heap);
    assert.ok(after.rssBytes - before.rssBytes < RSS_TOLERANCE, `memory grew: ${inWords(before)} → ${inWords(after)}`);
    keepStorm(engine, {
      reloads: RELOADS,
      visits: counts.ok,
      perSecond: counts.ok / seconds,
      streams: streams.length,
      streamedMib: streamed / MIB,
      seconds,
      slowestMs: slowest,
      before: inWords(before),
      after: inWords(after),
      heap,
    });
  },
);

forEitherEngine(
  'after a reload, only what outlives reload_drain_timeout_ms is cut, and it is counted',
  async (t, engine) => {
    const a = await backend(t, echo);
    const port = await freePort();
    const config = {
      bind_address: '127.0.0.1',
      port,
      workers: 2,
      backends: [{ host: a.host, port: a.port }],
      runtime: { ...QUICK, reload_drain_timeout_ms: 4000 },
    };
    const bal = await startBal(t, { engine, config });
    const [quick, ...lasting] = await openStreams(t, port, 4);
    assert.ok(quick !== undefined);
    assert.equal((await bal.graceful()).code, 0);
    const fresh = await openStreams(t, port, 3, 50);
    assert.equal(await quick.finish(), 'ok');
    await until('what outlived its time is cut', () => lasting.every(({ over }) => over));
    assert.equal(await finishCut(lasting), 3);
    assert.deepEqual(await finishAll(fresh), { ok: 3 });
    const { services } = await bal.statusWhen('the old workers are gone', ({ workers }) => workers.length === 2);
    assert.equal(services[0]?.ends?.['drain'], 3);
    // The log comes through its own pipe, so it may be read later than the answer above.
    const cutByLog = (): number =>
      bal
        .logs()
        .filter(({ event }) => event === 'worker.exited')
        .reduce((sum, { fields }) => sum + Number(fields['cut']), 0);
    await until('the log tells of all that were cut', () => cutByLog() >= 3);
    assert.equal(cutByLog(), 3);
  },
);
