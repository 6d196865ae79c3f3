// The Prometheus metrics: valid, consistent with what clients have seen, and never decreasing, whatever happens to workers.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Bal, startBal } from './harness.ts';
import { ask } from './harness/admin.ts';
import { type Backend, backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { type EngineName, forEitherEngine } from './harness/engines.ts';
import { echoes } from './harness/exchange.ts';
import { countersIn, seriesIn, type Series } from './harness/exposition.ts';
import { startLoad, troubles, visits } from './harness/load.ts';
import { freePort } from '../lib/testing/ports.ts';
import { gone, signal } from './harness/processes.ts';
import { lacking, run, workFolder } from '../lib/testing/program.ts';
import { until } from '../lib/testing/until.ts';

interface Scene {
  readonly bal: Bal;
  readonly port: number;
  readonly backends: readonly [Backend, Backend];
  readonly config: Record<string, unknown>;
  readonly scrape: () => Promise<string>;
}

async function scene(t: TestContext, engine: EngineName): Promise<Scene> {
  const backends = [await backend(t, echo), await backend(t, echo)] as const;
  const [port, admin] = [await freePort(), await freePort()];
  const config = configFor(port, backends, { admin: `127.0.0.1:${admin}` });
  const bal = await startBal(t, { engine, config });
  await bal.checked();
  return { bal, port, backends, config, scrape: async () => (await ask(admin, '/metrics')).body };
}

const noPromtool = lacking('promtool');

forEitherEngine(
  'promtool finds nothing to complain of',
  async (t, engine) => {
    const { port, backends, scrape } = await scene(t, engine);
    await visits(port, echoes(), 20);
    await backends[1].die();
    await visits(port, echoes(), 20);
    const folder = workFolder(t);
    writeFileSync(join(folder, 'metrics'), await scrape());
    const { code, stdout, stderr } = await run('sh', ['-c', 'promtool check metrics <metrics'], { cwd: folder });
    assert.deepEqual([code, stdout.toString(), stderr], [0, '', '']);
  },
  noPromtool,
);

/** Returns the series that decreased or vanished between two scrapes. */
function fallen(before: Series, after: Series): string[] {
  return [...before].flatMap(([series, value]) => {
    const now = after.get(series);
    return now !== undefined && now >= value ? [] : [`${series}: ${value} → ${now ?? 'gone'}`];
  });
}

forEitherEngine('no counter falls when workers are replaced, are killed, or change in number', async (t, engine) => {
  const { bal, port, config, scrape } = await scene(t, engine);
  const load = startLoad(t, port, echoes(), { clients: 4 });
  await load.succeeds(50);
  const found: string[] = [];
  let last = countersIn(await scrape());
  let over = false;
  const watching = (async (): Promise<number> => {
    let scrapes = 0;
    for (; !over; scrapes++) {
      const next = countersIn(await scrape());
      found.push(...fallen(last, next));
      last = next;
    }
    return scrapes;
  })();

  assert.equal((await bal.graceful()).code, 0);
  await load.succeeds(50);
  const [victim = 0] = await bal.workerPids();
  signal(victim, 'SIGKILL');
  await gone(victim);
  await bal.statusWhen('it is replaced', ({ workers, totals }) => {
    return totals?.workers_respawned_total === 1 && workers.filter(({ state }) => state === 'ready').length === 2;
  });
  await load.succeeds(50);
  bal.configure({ ...config, workers: 1 });
  assert.equal((await bal.graceful()).code, 0);
  await load.succeeds(50);
  const counts = await load.stop();
  over = true;
  assert.ok((await watching) > 5, 'it was scraped again and again meanwhile');
  assert.deepEqual(found, []);

  // Only the killed worker's connections were lost.
  assert.ok((counts.reset ?? 0) + (counts.short ?? 0) <= 4, JSON.stringify(troubles(counts)));
  const end = seriesIn(await scrape());
  assert.equal(end.get('bal_worker_respawns_total'), 1);
  assert.equal(end.get('bal_config_reloads_total'), 2);
  assert.equal(end.get('bal_workers{state="ready"}'), 1);
  // What the killed worker counted since its last report, up to half a second before, is lost.
  const accepted = end.get('bal_listener_connections_total{listener="default"}') ?? 0;
  assert.ok(accepted <= counts.ok + counts.reset + counts.short + counts.refused);
});

forEitherEngine('the figures are those of the clients, and each part adds up to its whole', async (t, engine) => {
  const { bal, port, backends, scrape } = await scene(t, engine);
  const VISITS = 200;
  const counts = await visits(port, echoes(1000), VISITS);
  assert.deepEqual(troubles(counts), {});
  const text = await until('the last connection is over', async () => {
    const now = await scrape();
    return seriesIn(now).get('bal_listener_connections_active{listener="default"}') === 0 && now;
  });
  const all = seriesIn(text);
  const value = (series: string): number => all.get(series) ?? NaN;
  const sum = (start: string, ...with_: readonly string[]): number =>
    [...all]
      .filter(([series]) => series.startsWith(start) && with_.every((part) => series.includes(part)))
      .reduce((total, [, figure]) => total + figure, 0);
  const one = '{listener="default"}';
  assert.equal(value(`bal_listener_connections_total${one}`), VISITS);
  assert.equal(sum('bal_connections_ended_total{'), VISITS);
  assert.equal(sum('bal_backend_connections_total{'), VISITS);
  assert.equal(value(`bal_connection_duration_seconds_count${one}`), VISITS);
  assert.equal(value(`bal_backend_connect_duration_seconds_count${one}`), VISITS);
  for (const direction of ['in', 'out']) {
    const label = `direction="${direction}"`;
    assert.equal(sum('bal_bytes_total{', label), VISITS * 1000);
    assert.equal(sum('bal_backend_bytes_total{', label), VISITS * 1000);
  }
  for (const { address } of backends) {
    assert.equal(value(`bal_backend_up{listener="default",backend="${address}"}`), 1);
    assert.equal(value(`bal_backend_connections_total{listener="default",backend="${address}"}`), VISITS / 2);
  }
  for (const name of ['bal_connection_duration_seconds', 'bal_backend_connect_duration_seconds']) {
    const buckets = [...all].filter(([series]) => series.startsWith(`${name}_bucket`)).map(([, figure]) => figure);
    assert.deepEqual(
      buckets,
      buckets.toSorted((a, b) => a - b),
      'buckets hold those below them',
    );
    assert.equal(buckets.at(-1), value(`${name}_count${one}`));
    assert.ok(value(`${name}_sum${one}`) > 0);
  }
  const { totals } = await bal.status();
  assert.equal(totals?.connections_total, VISITS, 'and those of bal status');
  const started = value('bal_start_time_seconds');
  assert.ok(started <= Date.now() / 1000 + 1 && started > Date.now() / 1000 - 600);
});
