// A running balancer inside the primary: plan, generation and phase, and the conversation between services, listeners,
// fleet, slot book and totals. What belongs to the process itself (PID file, signals, control socket) is the
// supervisor's.

import type { Plan } from '../../config/plan.ts';
import type { ReloadVerdict, StopProgress, StopRequest, Triplet } from '../control/protocol.ts';
import { deferred } from '../deferred.ts';
import type { Table } from '../ipc/table.ts';
import { unreachable } from '../unreachable.ts';
import type { AdminListener } from './admin-listener.ts';
import type { Fleet, Generation } from './fleet.ts';
import { createFleet } from './fleet.ts';
import { createGenerations } from './generations.ts';
import type { Binding } from './listening.ts';
import { createListening } from './listening.ts';
import type { RootLog } from './log.ts';
import { createRefusals } from './refusals.ts';
import type { InstanceState, Phase } from './reload.ts';
import { reload } from './reload.ts';
import type { Services } from './services.ts';
import { createServices } from './services.ts';
import type { SlotBook } from './slot-book.ts';
import { createSlotBook } from './slot-book.ts';
import { soon } from './soon.ts';
import type { Tally } from './tally.ts';
import { createTally } from './tally.ts';
import { tableFor } from './tables.ts';
import { instanceSum, serviceSum } from './totals.ts';
import { cannotBind, internalError, workersFailed } from './verdict.ts';
import type { WorkerNews, WorkerProcess } from './worker-process.ts';

export type StartResult = { readonly ok: true } | { readonly ok: false; readonly problem: Triplet };

export interface Instance {
  /** What `status` is made of. */
  readonly phase: Phase;
  readonly plan: Plan;
  readonly generation: number;
  readonly reloads: number;
  /** False after a reload that was refused. */
  readonly lastReload: boolean;
  /** Log lines that workers could not send. */
  readonly linesDropped: number;
  readonly services: Services;
  readonly fleet: Fleet;
  readonly tally: Tally;
  start(): Promise<StartResult>;
  /** One at a time: a reload asked for while another runs begins after it, once for all who asked meanwhile. */
  reload(): Promise<ReloadVerdict>;
  /** Resolves when the last worker is gone, with the connections that were cut. Again, with less time, to hurry. */
  stop(request: StopRequest, progress: (line: StopProgress) => void): Promise<number>;
}

const PROGRESS_MS = 200;
/** Flips that come within this time go out in one table. */
const FLIPS_MS = 5;
/** Loads change with every connection, and each table goes to every worker: at most twenty rounds a second. */
const LOADS_MS = 50;

export function createInstance(first: Plan, log: RootLog, admin: AdminListener): Instance {
  const generations = createGenerations();
  const state: InstanceState = {
    phase: 'starting',
    plan: first,
    generation: generations.add(first),
    reloads: 0,
    lastReload: true,
  };
  let linesDropped = 0;
  let version = 0;
  let reloading: Promise<unknown> = Promise.resolve();
  let nextReload: Promise<ReloadVerdict> | null = null;

  const listening = createListening();
  const tally = createTally();
  const refusals = createRefusals(log.for('clients'));
  const tables = soon(() => {
    for (const worker of fleet.all())
      if (worker.state === 'ready') worker.pushTable(makeTable(worker.generation, worker));
  });
  const services = createServices(log.for('health'), () => tables.within(FLIPS_MS));
  const slots: SlotBook = createSlotBook();
  const fleet = createFleet(log.for('fleet'), {
    forked: (worker) => tally.join(worker, generations.planOf(worker.generation) ?? state.plan),
    news: hear,
    ready: (worker) => worker.pushTable(makeTable(worker.generation, worker)),
    gone(worker) {
      const lost = tally.leave(worker);
      slots.forget(worker);
      if (lost > 0) loadsChanged(state.plan);
      if (state.phase !== 'reloading') forgetPlans();
      return lost;
    },
  });

  function loadsChanged({ services: all }: Plan): void {
    if (all.some(({ method }) => method === 'least_connections')) tables.within(LOADS_MS);
  }

  function makeTable(number: number, worker: WorkerProcess | null): Table {
    return tableFor(
      { number, plan: generations.planOf(number) ?? state.plan, worker, version: ++version },
      { services, slots, tally },
    );
  }

  function hear(worker: WorkerProcess, message: WorkerNews): void {
    const own = generations.planOf(worker.generation);
    if (own === undefined) return;
    switch (message.kind) {
      case 'counters': {
        const fresh = tally.report(worker, message);
        services.connected(fresh.connected);
        for (const { name } of own.services) {
          refusals.observe(name, serviceSum(tally.totals, name).clients, performance.now());
        }
        if (fresh.loadsChanged) loadsChanged(own);
        return;
      }
      case 'connect_failed': {
        let index = message.backend;
        for (const service of own.services) {
          const backend = service.backends[index];
          if (backend !== undefined)
            services.connectFailed(service.name, backend.address, message.cause, message.count);
          if (index < service.backends.length) return;
          index -= service.backends.length;
        }
        return;
      }
      case 'ask':
      case 'returned':
        slots.hear(worker, message);
        return;
      case 'log':
        for (const line of message.lines) log.for(line.module)[line.level](line.event, line.message, line.fields);
        linesDropped += message.dropped;
        return;
      case 'records':
        log.finished(message.lines);
        linesDropped += message.dropped;
        return;
      default:
        unreachable(message);
    }
  }

  function generationOf(number: number, next: Plan, binding: Binding): Generation {
    return {
      number,
      workers: next.workers,
      engine: next.engine,
      handles: binding.handles,
      drainMs: Math.max(...next.services.map((service) => service.runtime.drainMs)),
      table: () => makeTable(number, null),
    };
  }

  async function start(): Promise<StartResult> {
    const problem = await open(state.plan).catch(internalError);
    if (problem === null) {
      state.phase = 'running';
      return { ok: true };
    }
    if (state.phase === 'starting') {
      await shut(0);
    } else {
      // A stop came meanwhile. It ends the workers in the time it was given; what was opened after it is closed here.
      listening.keepOnly([]);
      await admin.close();
    }
    return { ok: false, problem };
  }

  /** Returns why it failed. */
  async function open(plan: Plan): Promise<Triplet | null> {
    const binding = await listening.bindFor(plan);
    if (!binding.ok) return cannotBind(binding);
    const pages = await admin.prepare(plan);
    if (!pages.ok) return cannotBind(pages);
    await pages.commit();
    slots.setPlan(plan);
    services.apply(plan);
    const result = await fleet.start(generationOf(state.generation, plan, binding));
    if (!result.ok) return workersFailed(result.reason);
    const { engine = null, engineNote = null } = fleet.all()[0] ?? {};
    log.info('engine.chosen', `engine ${engine ?? ''}`, { engine, configured: plan.engine, why: engineNote });
    return null;
  }

  async function shut(timeoutMs: number | null): Promise<number> {
    const ended = fleet.stop(timeoutMs);
    listening.keepOnly([]);
    services.close();
    const cut = await ended;
    slots.close();
    await admin.close();
    tables.cancel();
    state.phase = 'stopped';
    return cut;
  }

  /** Plans of generations without workers are not needed any more. */
  function forgetPlans(): void {
    generations.keepOnly(new Set([state.generation, ...fleet.all().map((worker) => worker.generation)]));
    tally.retain(state.plan);
    if (generations.size === 1) services.retain(state.plan);
  }

  return {
    get phase() {
      return state.phase;
    },
    get plan() {
      return state.plan;
    },
    get generation() {
      return state.generation;
    },
    get lastReload() {
      return state.lastReload;
    },
    get linesDropped() {
      return linesDropped;
    },
    get reloads() {
      return state.reloads;
    },
    services,
    fleet,
    tally,
    start,
    reload() {
      if (nextReload !== null) return nextReload;
      const result = deferred<ReloadVerdict>();
      const parts = { log, listening, services, slots, fleet, tally, admin, generations, generationOf };
      nextReload = result.promise;
      reloading = reloading.then(async () => {
        nextReload = null;
        result.resolve(await reload(state, parts));
        forgetPlans();
      });
      return result.promise;
    },
    async stop({ timeout_ms, now }, progress) {
      state.phase = 'draining';
      let over = false;
      const tell = async (): Promise<void> => {
        await tally.refresh(fleet.all(), PROGRESS_MS);
        if (!over) progress({ remaining: instanceSum(tally.totals).clients.active });
      };
      const tick = setInterval(() => void tell(), PROGRESS_MS);
      void tell();
      const cut = await shut(now ? 0 : timeout_ms);
      clearInterval(tick);
      over = true;
      progress({ remaining: 0, cut });
      return cut;
    },
  };
}
