// Runs bal under load and disturbs it: no connection of the load may be lost. Two kinds of clients: visits (connect, ask,
// close) and talks, which stay and ask repeatedly.

import { setTimeout as sleep } from 'node:timers/promises';

import type { Status } from '../control/protocol.ts';
import { readPidFile } from '../pidfile.ts';
import { conditions, type Conditions } from './machine.ts';
import { lossesOf, sumOf, type LoadResult } from './load.ts';
import type { Backend, Clients, Ran, Stage } from './stage.ts';

export interface Step {
  readonly step: string;
  readonly ok: boolean;
  /** The outcome. */
  readonly detail: string;
  readonly duration_ms: number;
}

export interface SelftestReport {
  readonly ok: boolean;
  /** Losses of both kinds that only bal can have caused. */
  readonly lost: number;
  /** Talks that ended with the killed worker, as they must. */
  readonly ended_with_worker: number;
  readonly visits: number;
  readonly talks: number;
  /** Of both kinds together. */
  readonly losses: LoadResult['lost'];
  readonly steps: readonly Step[];
  readonly seconds: number;
  readonly conditions: Conditions;
}

const VISITS = { mode: 'visits', clients: 8, pauseMs: 10 } as const;
const TALKS = { mode: 'talks', clients: 40, pauseMs: 50 } as const;
const LOOK_MS = 50;
const PATIENCE_MS = 15_000;
/** How long to leave a state, so that clients meet it. */
const A_WHILE_MS = 500;

/** Runs for `seconds`, each step at least once. Reports steps to `tell`. Rejects on abort, between steps. */
export async function selftest(
  stage: Stage,
  seconds: number,
  tell: (step: Step) => void,
  signal: AbortSignal,
): Promise<SelftestReport> {
  const startedAt = performance.now();
  const before = conditions();
  const steps: Step[] = [];
  const [visited, talked]: [LoadResult[], LoadResult[]] = [[], []];
  let engine: string | null = null;
  let endedWithWorker = 0;
  let isBroken = false;

  async function step(name: string, act: () => Promise<string>): Promise<void> {
    if (signal.aborted) throw new Error('Cannot go on: it was interrupted');
    if (isBroken) return;
    const since = performance.now();
    let ok = true;
    const detail = await act().catch((error: unknown) => {
      ok = false;
      return error instanceof Error ? error.message : String(error);
    });
    if (signal.aborted) throw new Error('Cannot go on: it was interrupted');
    isBroken = !ok;
    const done = { step: name, ok, detail, duration_ms: Math.round(performance.now() - since) };
    steps.push(done);
    tell(done);
  }

  /** Returns the first line of the output. */
  async function must(ran: Promise<Ran>): Promise<string> {
    const { code, stdout, stderr } = await ran;
    if (code !== 0)
      throw new Error((stderr || stdout || 'it did not end in time').trim().replaceAll(/\s*\n\s*/g, '; '));
    return stdout.split('\n')[0] ?? '';
  }

  /** `status` exits with 1 while a service is failing, and says everything all the same. */
  async function status(): Promise<Status> {
    const ran = await stage.bal('status', '--json');
    if (!ran.stdout.startsWith('{')) await must(Promise.resolve({ ...ran, code: null }));
    return JSON.parse(ran.stdout) as Status;
  }

  async function until(what: string, holds: (now: Status) => boolean): Promise<Status> {
    const giveUp = performance.now() + PATIENCE_MS;
    for (;;) {
      const now = await status();
      if (holds(now)) return now;
      if (performance.now() > giveUp) throw new Error(`Cannot see that ${what}`);
      await sleep(LOOK_MS);
    }
  }

  const allServe = ({ state, workers, backends }: Status): boolean =>
    state === 'running' &&
    workers.filter((worker) => worker.state === 'ready').length === 2 &&
    backends.every((backend) => backend.state === 'up');

  let visits: Clients | null = null;
  let talks: Clients | null = null;
  const backends: Backend[] = [];

  async function beginVisits(): Promise<void> {
    visits = stage.clients({ ...VISITS, port: stage.port });
    await visits.ready();
  }

  async function endVisits(): Promise<void> {
    const ending = visits;
    visits = null;
    if (ending !== null) visited.push(await ending.stop());
  }

  async function endTalks(): Promise<void> {
    const ending = talks;
    talks = null;
    if (ending !== null) talked.push(await ending.stop());
  }

  function configure(round: number): void {
    stage.configure({
      port: stage.port,
      bind_address: '127.0.0.1',
      workers: 2,
      log_level: round % 2 === 0 ? 'info' : 'warn',
      backends: backends.map(({ port }) => ({ host: '127.0.0.1', port })),
      runtime: { health_check_interval_ms: 200, drain_timeout_ms: 3000 },
    });
  }

  await step('start', async () => {
    backends.push(await stage.backend(), await stage.backend());
    configure(0);
    const said = await must(stage.bal('start', '-d'));
    engine = (await until('both backends are up', allServe)).engine;
    return said;
  });
  await step('clients', async () => {
    talks = stage.clients({ ...TALKS, port: stage.port });
    await talks.ready();
    await beginVisits();
    return `${VISITS.clients} that come and go, ${TALKS.clients} that stay`;
  });

  const other = (): Backend =>
    backends[1] ?? { port: 0, behave: () => Promise.resolve(), kill: () => Promise.resolve() };
  const address = (): string => `127.0.0.1:${other().port}`;
  const roundsEnd = startedAt + seconds * 800;
  let round = 0;
  do {
    round++;
    await step('reload', async () => {
      configure(round);
      return must(stage.bal('graceful'));
    });
    await step('a backend refuses', async () => {
      // Connections in a backend's accept queue die with its listening socket, which no balancer can prevent.
      await endVisits();
      await other().behave('refuse');
      await beginVisits();
      await until('it is down', ({ backends: its }) => its.some(({ state }) => state === 'down'));
      await sleep(A_WHILE_MS);
      await other().behave('serve');
      await until('it is up again', allServe);
      return `${address()} was down, and is up again`;
    });
    await step('a backend is drained', async () => {
      const said = await must(stage.bal('backend', 'drain', address()));
      await sleep(A_WHILE_MS);
      await must(stage.bal('backend', 'ready', address()));
      return said;
    });
    await step('upgrade', () => must(stage.bal('upgrade')));
  } while (performance.now() < roundsEnd && !isBroken);

  await step('the primary is killed', async () => {
    if (engine !== 'native') return 'left out: only with the native engine do connections outlive it';
    await endVisits();
    const found = readPidFile(`${stage.home}/bal.pid`);
    if (!found.running) throw new Error('Cannot find the primary');
    process.kill(found.pid, 'SIGKILL');
    await must(stage.bal('start', '-d'));
    await until('all serve again', allServe);
    await beginVisits();
    return 'started again; connections went on';
  });
  await step('a worker is killed', async () => {
    await endVisits();
    const worker = (await status()).workers.find(({ state }) => state === 'ready');
    if (worker === undefined) throw new Error('Cannot find a worker');
    process.kill(worker.pid, 'SIGKILL');
    endedWithWorker = worker.active_connections;
    await until('it is replaced', (now) => allServe(now) && now.workers.every(({ pid }) => pid !== worker.pid));
    await beginVisits();
    return `replaced; ${endedWithWorker} connections ended with it`;
  });
  await step('stop', async () => {
    await endVisits();
    const stopping = stage.bal('stop', '--timeout', '10s');
    await endTalks();
    return must(stopping);
  });
  // After a failed step the clients are still running.
  await Promise.allSettled([endVisits(), endTalks()]);

  const losses = sumOf([...visited, ...talked].map(({ lost }) => lost));
  // A worker's death ends connections; it makes nobody wait, be refused, or get wrong bytes.
  const lost = lossesOf(losses) - Math.min(endedWithWorker, losses.ended + losses.reset);
  const [visitsDone, questions] = [doneBy(visited), doneBy(talked)];
  return {
    ok: lost === 0 && visitsDone + questions > 0 && steps.every(({ ok }) => ok),
    lost,
    ended_with_worker: endedWithWorker,
    visits: visitsDone,
    talks: questions,
    losses,
    steps,
    seconds: Math.round((performance.now() - startedAt) / 100) / 10,
    conditions: { ...before, engine },
  };
}

function doneBy(results: readonly LoadResult[]): number {
  return results.reduce((sum, { done }) => sum + done, 0);
}
