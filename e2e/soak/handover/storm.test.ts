// Long-lived connections of all kinds while workers are replaced, added, removed and killed, the primary is killed and
// restarted, and upgraded: only connections of killed workers are cut, and no byte is wrong.
import assert from 'node:assert/strict';
import { type Bal, pidIn, startBal } from '../../harness.ts';
import { forEngine } from '../../harness/engines.ts';
import { gone, pidsOf, signal } from '../../harness/processes.ts';
import { WORTH } from '../../../lib/primary/evenness/spread.ts';
import { until } from '../../../lib/testing/until.ts';
import { keepFigures } from '../figures.ts';
import { footprintOf, inWords, MIB } from '../footprint.ts';
import { LONG, scale } from '../scale.ts';
import { balConfig, startBalBalancer } from './balancers.ts';
import { fates, type Lasting, openAll, scenery } from './lasting.ts';

const CONNECTIONS = scale(60, 2000);
/** Each round runs all steps; the last one is a reload. */
const ROUNDS = scale(1, 20);
const STEPS = LONG
  ? (['reload', 'more', 'reload', 'worker', 'reload', 'fewer', 'upgrade', 'reload', 'primary', 'reload'] as const)
  : (['more', 'worker', 'upgrade', 'primary', 'fewer'] as const);
/** Allows for uncollected garbage. */
const RSS_TOLERANCE = 64 * MIB;

export interface StormReport {
  readonly connections: number;
  readonly steps: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly lost: number;
  readonly before: string;
  readonly after: string;
}

forEngine(
  'native',
  `${CONNECTIONS} connections of all kinds through ${ROUNDS * STEPS.length} changes: none is cut but those of killed workers`,
  async (t, engine) => {
    const scene = await scenery(t);
    const { bal: first, ports } = await startBalBalancer(t, scene, engine);
    let bal: Bal = first;
    let workers = 2;
    const config = (): Record<string, unknown> => ({
      engine,
      ...balConfig(ports, scene, { workers, log_connections: 'all' }),
    });
    const steps: Record<string, number> = {};
    const all: Lasting[] = [];
    let lost = 0;

    const active = (status: Awaited<ReturnType<Bal['status']>>): number =>
      status.workers.reduce((sum, { active_connections: its }) => sum + its, 0);
    /** Waits until serving workers count all open connections, and none is being handed over. */
    const calm = () =>
      bal.statusWhen('all connections are there, and evenly', (status) => {
        const { spread } = status;
        const uneven = Math.max(WORTH.connections, (all.length - lost) / workers / WORTH.part);
        const isEven = spread === null || spread === undefined || spread.most - spread.fewest < uneven;
        return isEven && status.workers.length === workers && active(status) === all.length - lost;
      });

    /** The primary changes with an upgrade. */
    const primary = (): number => pidIn(bal.home.pidFile) ?? assert.fail('no primary runs');

    async function reload(): Promise<void> {
      bal.configure(config());
      const { code, verdict } = await bal.graceful();
      assert.deepEqual([code, verdict.draining?.connections], [0, 0], JSON.stringify(verdict));
    }

    /** Its connections are lost and replaced by as many new ones. Slow clients notice late that theirs are over. */
    async function killWorker(): Promise<void> {
      const [victim] = (await calm()).workers;
      assert.ok(victim !== undefined);
      signal(victim.pid, 'SIGKILL');
      await bal.statusWhen('another is in its place', (status) =>
        status.workers.every(({ pid }) => pid !== victim.pid),
      );
      lost += victim.active_connections;
      all.push(...(await openAll(scene, ports, victim.active_connections)));
    }

    async function killPrimary(): Promise<void> {
      const old = pidsOf(bal.home.dir);
      const pid = primary();
      signal(pid, 'SIGKILL');
      await gone(pid);
      bal = await startBal(t, { engine, daemon: true, home: bal.home.dir, config: config() });
      await until('the old workers have ended', () => !pidsOf(bal.home.dir).some((pid) => old.includes(pid)));
    }

    async function upgrade(): Promise<void> {
      const { code, stdout } = await bal.cli('upgrade', '--json');
      assert.equal(code, 0, stdout);
    }

    const act: Readonly<Record<(typeof STEPS)[number], () => Promise<void>>> = {
      reload,
      more: async () => {
        workers = 3;
        await reload();
      },
      fewer: async () => {
        workers = 2;
        await reload();
      },
      worker: killWorker,
      primary: killPrimary,
      upgrade,
    };

    await reload();
    all.push(...(await openAll(scene, ports, CONNECTIONS)));
    await calm();
    const before = footprintOf({ ...bal, pid: primary() });
    const began = performance.now();
    for (let round = 0; round < ROUNDS; round++) {
      for (const step of STEPS) {
        await act[step]();
        await calm();
        const over = all.filter(({ isOver }) => isOver);
        over.forEach((it) => it.drop());
        assert.ok(over.length <= lost, `nobody is cut by ${step}`);
        steps[step] = (steps[step] ?? 0) + 1;
      }
    }
    const seconds = (performance.now() - began) / 1000;
    const after = await until('processes are as many as before', () => {
      const now = footprintOf({ ...bal, pid: primary() });
      return now.processes === before.processes ? now : null;
    });
    const its = await fates(scene, all);
    assert.deepEqual(its, { ok: all.length - lost, cut: lost, wrong: 0 }, 'those of killed workers, and nobody else');
    await bal.statusWhen('all are over', (status) => active(status) === 0);
    const report: StormReport = {
      connections: all.length - lost,
      steps,
      seconds,
      lost,
      before: inWords(before),
      after: inWords(after),
    };
    t.diagnostic(JSON.stringify(report));
    if (LONG) keepFigures('handover-storm', report);
    assert.ok(after.rssBytes - before.rssBytes < RSS_TOLERANCE, `memory grew: ${inWords(before)} → ${inWords(after)}`);
    await bal.stop();
    const ended = (): number => bal.logs().filter(({ event }) => event === 'connection.ended').length;
    await until('each has one record', () => ended() === all.length - lost);
  },
);
