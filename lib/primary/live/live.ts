// Live changes of backends: drain, weight, add, remove. Owns the overrides, and ends drains. A change is decided
// (decide.ts), stored (store.ts) and published to all workers; no worker is replaced. The instance runs changes and reloads one
// at a time.

import { thisMachine } from '../../../config/machine.ts';
import type { Plan } from '../../../config/plan.ts';
import type { BackendRequest, BackendVerdict } from '../../control/backends.ts';
import type { Diagnosis } from '../../control/protocol.ts';
import type { Phase } from '../phase.ts';
import type { Publisher } from '../snapshot/publisher.ts';
import { backendSum } from '../stats/totals.ts';
import type { Services } from '../upstream/services.ts';
import { decide } from './decide.ts';
import { createDrainTimer } from './drain-timer.ts';
import { liveChanges } from './live-changes.ts';
import type { Override, Overrides, Settled } from './overrides.ts';
import { effectivePlan, overrideOf, settle, TOO_MANY, withOverride } from './overrides.ts';
import { cannotKeep, notNow } from './refusals.ts';
import type { ResetParts } from './reset.ts';
import { ANSWER_MS, resetBackend } from './reset.ts';
import type { Saving } from './save.ts';
import { prepareSave } from './save.ts';
import { situationOf } from './situation.ts';
import type { Store } from './store.ts';

export interface Live {
  readonly overrides: Overrides;
  /** A change is under way. Workers may not have got it, or their answers may be outstanding, so do not forget unused endpoints yet. */
  readonly isChanging: boolean;
  /** The overrides that would remain with this file. */
  settle(file: Plan): Settled;
  /** Takes the remaining overrides when the instance serves another file. Never rejects. */
  adopt(settled: Settled): Promise<void>;
  /** Applies what the names of backends resolve to after `begins()`, the way a change is applied. Never rejects. */
  rediscovered(begins: () => void): Promise<void>;
  /** Resolves when all workers that take clients have applied the change. */
  change(request: BackendRequest): Promise<BackendVerdict>;
  close(): void;
}

export interface LiveParts extends ResetParts {
  readonly store: Store;
  readonly services: Pick<Services, 'apply' | 'settled' | 'get'>;
  readonly publisher: Pick<Publisher, 'flush'>;
  /** The current state of the instance. */
  readonly instance: { readonly phase: Phase; readonly filePlan: Plan; readonly basePlan: Plan; readonly plan: Plan };
  /** The file's plan with its names resolved as of now. */
  discovered(file: Plan): Plan;
  /** Makes `plan` the one in use; `base` is `file` with its names resolved. */
  serve(file: Plan, base: Plan, plan: Plan): void;
  /** Runs `act` when no reload and no other change is under way. */
  inTurn<T>(act: () => Promise<T>): Promise<T>;
}

export function createLive(kept: Overrides, parts: LiveParts): Live {
  const { log, store, services, statistics, fleet, publisher, instance } = parts;
  let overrides = kept;
  let isChanging = false;
  const ends = createDrainTimer(() => void parts.inTurn(expire));
  ends.set(overrides);

  async function change(request: BackendRequest): Promise<BackendVerdict> {
    const startedAt = performance.now();
    const { action, address } = request;
    const refusal = (problem: Diagnosis, service = request.service): BackendVerdict => ({
      ...nothing,
      action,
      service,
      address,
      problem,
      duration_ms: Math.round(performance.now() - startedAt),
    });
    if (instance.phase !== 'running') return refusal(notNow(instance.phase));
    const decision = decide(request, situationOf(instance.basePlan, overrides, services));
    if (!decision.ok) return refusal(decision.problem);
    const { service, changed } = decision;
    let saving: Saving | null = null;
    if (request.save) {
      const prepared = await prepareSave(instance.filePlan, overrideOf(decision.overrides, service, decision.address));
      if (!prepared.ok) return refusal(prepared.problem, service);
      saving = prepared.saving;
    }
    if (changed || saving !== null) {
      const problem = await keepAs(decision.overrides, saving);
      if (problem !== null) return refusal(problem, service);
      for (const override of decision.forgotten) logDropped(override, TOO_MANY);
      await takeEffect(action === 'add');
      ends.set(overrides);
    }
    const serving = fleet.all().filter(({ state }) => state === 'ready');
    const silent = await statistics.refresh(serving, ANSWER_MS);
    const cut = action === 'reset' ? await resetBackend(parts, service, decision.address, 'reset') : null;
    const changes = liveChanges(instance.basePlan, overrides).filter(
      (it) => it.service === service && it.address === decision.address,
    );
    if (changed || saving !== null) {
      const now = changes.map(({ text }) => text).join(', ') || 'as the file says';
      log.info('backend.changed', `${action} ${decision.address}`, {
        service,
        backend: decision.address,
        action,
        now,
        saved: saving !== null,
      });
    }
    return {
      ok: true,
      action,
      service,
      address: decision.address,
      changed,
      saved: saving !== null,
      live_changes: changes,
      active_connections: backendSum(statistics.totals, service, decision.address).active,
      cut,
      workers_told: serving.length - silent,
      warnings: [
        ...decision.warnings,
        ...(saving?.warnings ?? []),
        ...(silent > 0 ? [`${silent} of ${serving.length} workers did not answer`] : []),
      ],
      duration_ms: Math.round(performance.now() - startedAt),
      problem: null,
    };
  }

  /** Writes to the store first, so that an acknowledged change survives a crash. Returns the reason if the change cannot be kept. */
  async function keepAs(next: Overrides, saving: Saving | null): Promise<Diagnosis | null> {
    const before = overrides;
    try {
      await store.write(next);
    } catch (error) {
      await saving?.abandon();
      return cannotKeep(store.path, error);
    }
    overrides = next;
    if (saving === null) return null;
    const problem = await saving.commit();
    if (problem === null) parts.serve(saving.file, parts.discovered(saving.file), instance.plan);
    overrides = problem === null ? withOverride(next, saving.saved) : before;
    await keep();
    return problem;
  }

  async function takeEffect(isAddition: boolean): Promise<void> {
    const base = parts.discovered(instance.filePlan);
    const plan = effectivePlan(base, overrides);
    services.apply(plan);
    // A new backend gets no clients before its first check.
    if (isAddition) await services.settled();
    parts.serve(instance.filePlan, base, plan);
    publisher.flush();
  }

  function changing<T>(act: () => Promise<T>): Promise<T> {
    return parts.inTurn(async () => {
      isChanging = true;
      try {
        return await act();
      } finally {
        isChanging = false;
      }
    });
  }

  /** Cuts the connections of drains whose time is up. */
  async function expire(): Promise<void> {
    const now = Date.now();
    const due = overrides.filter(({ drained }) => drained !== null && drained.cutAt !== null && drained.cutAt <= now);
    if (due.length === 0) return ends.set(overrides);
    for (const { service, address, drained, ...rest } of due) {
      if (instance.phase !== 'running') return;
      await resetBackend(parts, service, address, 'drain_timeout');
      const over = drained === null ? null : { since: drained.since, cutAt: null };
      overrides = withOverride(overrides, { service, address, ...rest, drained: over });
    }
    await keep();
    ends.set(overrides);
  }

  async function keep(): Promise<void> {
    try {
      await store.write(overrides);
    } catch (error) {
      log.warn('backends.not_kept', 'live changes of backends will be lost when this process ends', {
        file: store.path,
        error: String(error),
      });
    }
  }

  function logDropped({ service, address }: Override, why: string): void {
    log.warn('backends.dropped', `the live change of ${address} is dropped: ${why}`, {
      service,
      backend: address,
      why,
    });
  }

  return {
    get overrides() {
      return overrides;
    },
    get isChanging() {
      return isChanging;
    },
    settle: (file) => settle(file, overrides, thisMachine()),
    async adopt({ kept: left, dropped }) {
      overrides = left;
      for (const { override, why } of dropped) logDropped(override, why);
      if (left.length > 0) {
        const changes = liveChanges(instance.basePlan, left).map(({ address, text }) => `${address} ${text}`);
        log.info('backends.kept', 'live changes of backends apply on top of the file', { changes });
      }
      await keep();
      ends.set(overrides);
    },
    change: (request) => changing(() => change(request)),
    rediscovered: (begins) =>
      changing(async () => {
        begins();
        const base = parts.discovered(instance.filePlan);
        const differs = JSON.stringify(base.services) !== JSON.stringify(instance.basePlan.services);
        if (!differs || instance.phase !== 'running') return;
        await takeEffect(false);
        // Removed backends may have connections that no worker has reported yet.
        await statistics.refresh(fleet.all(), ANSWER_MS);
      }),
    close: () => ends.close(),
  };
}

/** The common part of a refusal. */
const nothing = {
  ok: false,
  changed: false,
  saved: false,
  live_changes: [],
  active_connections: null,
  cut: null,
  workers_told: 0,
  warnings: [],
} as const;
