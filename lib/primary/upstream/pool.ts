// All backends of one service as the primary sees them: takes events, returns transitions for the log and tiers for the
// snapshots. Pure; services.ts owns the current Pool.

import type { BackendPlan } from '../../../config/plan.ts';
import { backendAt } from '../../../config/backend-at.ts';
import type { EndpointSnapshot } from '../../ipc/snapshot.ts';
import { TIER_COOLING, TIER_DOWN, TIER_USABLE } from '../../ipc/snapshot.ts';
import { toMachine } from '../../machine-clock.ts';
import { isReachable, leftAloneUntil, newBackend, next } from './backend.ts';
import { nextTenth, tenthsOf } from './slow-start.ts';
import type { Backend, Evidence, Health, PoolSettings } from './backend.ts';
import type { BackendEvent } from './backend-event.ts';
import { failsEarly } from './early.ts';

export interface Pool {
  readonly settings: PoolSettings;
  /** In the plan's order, then the draining ones. Events name a backend by its index here. */
  readonly backends: readonly Backend[];
  /** The index of each address in `backends`, of which there may be a thousand. */
  readonly places: ReadonlyMap<string, number>;
  readonly counts: Counts;
}

/** Kept up to date by each step: after an outage of a thousand backends, each of a thousand results asks for them. */
interface Counts {
  /** Backends that take clients, and how many of them are reachable, cooling down or not. */
  readonly total: number;
  readonly up: number;
  /** Those that have had no first result yet. */
  readonly unsettled: number;
}

/** A change of health, for the log, with the facts that caused it in `evidence`. */
export interface Transition {
  readonly backend: number;
  readonly address: string;
  readonly from: Health;
  readonly to: Health;
  readonly evidence: Evidence;
}

/** A pool whose backends have not been checked yet. */
export function createPool(backends: readonly BackendPlan[], settings: PoolSettings): Pool {
  return poolOf(settings, backends.map(newBackend));
}

export interface Step {
  /** The same object if nothing changed. */
  readonly pool: Pool;
  readonly transitions: readonly Transition[];
  /** Whether workers need an update, because address, tier or proof changed. Most checks change none of them. */
  readonly routed: boolean;
}

/** Applies one event. */
export function step(pool: Pool, event: BackendEvent, now: number): Step {
  const before = pool.backends[event.backend];
  const after = before === undefined ? undefined : next(before, event, pool.settings, now);
  if (event.kind === 'early_failures' && isHalfLeftAlone(pool, now)) return { pool, transitions: [], routed: false };
  if (before === undefined || after === undefined || after === before) return { pool, transitions: [], routed: false };
  const counts = recounted(pool.counts, before, after, pool.settings);
  const stepped = { ...pool, backends: pool.backends.with(event.backend, after), counts };
  const transitions: Transition[] = [];
  const evidence = after.evidence.at(-1);
  if (after.health !== before.health && evidence !== undefined) {
    transitions.push({
      backend: event.backend,
      address: after.address,
      from: before.health,
      to: after.health,
      evidence,
    });
  }
  const [tierBefore, tierAfter] = [tier(pool, event.backend, now), tier(stepped, event.backend, now)];
  // A backend that is down is not chosen, so its proof does not matter.
  const isProven = before.provenAt !== after.provenAt && tierAfter !== TIER_DOWN;
  const isReweighed = before.cameUpAt !== after.cameUpAt && pool.settings.slowStartMs > 0;
  const routed = before.ip !== after.ip || tierBefore !== tierAfter || isProven || isReweighed;
  return { pool: stepped, transitions, routed };
}

/** Whether one more backend left alone for early failures would make more than half: it may be the clients' fault. */
function isHalfLeftAlone({ backends }: Pool, now: number): boolean {
  const taking = backends.filter(takesClients);
  return 2 * (taking.filter((backend) => failsEarly(backend, now)).length + 1) > taking.length;
}

/**
 * The pool after a reload: `backends` in their new order, keeping what is known of those that stay (same address), then the
 * others as draining until forgetDraining().
 */
export function carryOver(old: Pool, backends: readonly BackendPlan[], settings: PoolSettings, now: number): Pool {
  const known = new Map(old.backends.map((backend) => [backend.address, backend]));
  const staying = backends.map((plan) => {
    const backend = known.get(plan.address);
    known.delete(plan.address);
    // A backend that joins serving ones must not be flooded.
    if (backend === undefined) return { ...newBackend(plan), cameUpAt: now };
    const isBack = backend.draining || (backend.weight === 0 && plan.weight > 0);
    const planned = { ...backend, ...plan, cameUpAt: isBack ? now : backend.cameUpAt };
    const isNewlyChecked = settings.isChecked && !old.settings.isChecked;
    return backend.draining || isNewlyChecked ? returned(planned, settings, now) : planned;
  });
  const leaving = [...known.values()].map(draining);
  return poolOf(settings, [...staying, ...leaving]);
}

/** Adds a backend that left the plan before this process began, unless it is there: its connections were taken over. */
export function withDraining(pool: Pool, address: string): Pool {
  if (pool.places.has(address)) return pool;
  const left = backendAt(address);
  return left === null ? pool : poolOf(pool.settings, [...pool.backends, draining(newBackend({ ...left, address }))]);
}

/** Drops draining backends that are no longer used. The indices of the others do not change. */
export function forgetDraining(pool: Pool, isUsed: (address: string) => boolean): Pool {
  const kept = pool.backends.filter(({ draining: isLeaving, address }) => !isLeaving || isUsed(address));
  return kept.length === pool.backends.length ? pool : poolOf(pool.settings, kept);
}

export function poolOf(settings: PoolSettings, backends: readonly Backend[]): Pool {
  const places = new Map(backends.map(({ address }, place) => [address, place]));
  const counts = backends.reduce((sum, it) => recounted(sum, null, it, settings), { total: 0, up: 0, unsettled: 0 });
  return { settings, backends, places, counts };
}

/** The counts when one backend is now `after` instead of `before`; null: it was not there. The same object if none changes. */
function recounted(counts: Counts, before: Backend | null, after: Backend, settings: PoolSettings): Counts {
  const by = (is: (backend: Backend) => boolean): number => Number(is(after)) - Number(before !== null && is(before));
  const total = by(takesClients);
  const up = by((it) => takesClients(it) && isReachable(it, settings));
  const unsettled = by((it) => !it.draining && it.health === 'unknown' && !isReachable(it, settings));
  if (total === 0 && up === 0 && unsettled === 0) return counts;
  return { total: counts.total + total, up: counts.up + up, unsettled: counts.unsettled + unsettled };
}

function takesClients({ draining: isLeaving, weight }: Backend): boolean {
  return !isLeaving && weight > 0;
}

/**
 * The order in which workers should try the backend: TIER_USABLE, TIER_COOLING or TIER_DOWN. One that left the plan comes last.
 * `isLast`: all backends that the worker knows have left the plan.
 */
export function tier(
  pool: Pool,
  backend: number,
  now: number,
  isLast = false,
): typeof TIER_USABLE | typeof TIER_COOLING | typeof TIER_DOWN {
  const it = pool.backends[backend];
  if (it === undefined || (it.draining && !isLast) || it.ip === null) return TIER_DOWN;
  const isCooling = now < leftAloneUntil(it);
  // Without checks, only clients can find out that it is back.
  if (it.health === 'down') return pool.settings.isChecked || isCooling ? TIER_DOWN : TIER_USABLE;
  // A backend that joins others gets no clients before its first check, as long as there are others.
  if (it.health === 'unknown' && pool.settings.isChecked && Number.isFinite(it.cameUpAt)) return TIER_DOWN;
  return isCooling ? TIER_COOLING : TIER_USABLE;
}

/** The part of a backend's snapshot that the pool knows. */
export interface Route extends Pick<EndpointSnapshot, 'ip' | 'tier' | 'onProbation' | 'provenAt'> {
  /** Tenths of its weight in use. */
  readonly tenths: number;
}

export function routeOf(pool: Pool | undefined, address: string, now: number, isLast = false): Route {
  const place = pool?.places.get(address) ?? -1;
  const it = pool?.backends[place];
  if (pool === undefined || it === undefined) {
    return { ip: null, tier: TIER_DOWN, onProbation: false, provenAt: 0, tenths: 10 };
  }
  const provenAt = Number.isFinite(it.provenAt) ? toMachine(it.provenAt) : 0;
  const tenths = tenthsOf(it, pool.settings, now);
  return { ip: it.ip, tier: tier(pool, place, now, isLast), onProbation: failsEarly(it, now), provenAt, tenths };
}

/** Whether no backend in `plans` that takes clients is still in the plan. */
export function haveLeft({ backends, places }: Pool, plans: readonly BackendPlan[]): boolean {
  return plans.every(({ address, weight }) => weight === 0 || backends[places.get(address) ?? -1]?.draining !== false);
}

/** For protection and readiness: how many backends take clients, and how many of them are reachable, cooling down or not. */
export function countBackends({ counts: { total, up } }: Pool): { readonly total: number; readonly up: number } {
  return { total, up };
}

/** Whether every backend has had a first result, or an address if it is not checked. */
export function isSettled({ counts }: Pool): boolean {
  return counts.unsettled === 0;
}

/** Ms until a tier changes by itself at the end of a cool-down, or slow start adds weight; null if neither will happen. */
export function nextChange(pool: Pool, now: number): number | null {
  let soonest = Infinity;
  for (const [i, backend] of pool.backends.entries()) {
    if (tier(pool, i, now) !== tier(pool, i, Math.max(now, leftAloneUntil(backend))))
      soonest = Math.min(soonest, leftAloneUntil(backend) - now);
    soonest = Math.min(soonest, nextTenth(backend, pool.settings, now) ?? Infinity);
  }
  return soonest === Infinity ? null : soonest;
}

/** It was not checked while it drained or checks were off, and older knowledge has expired. */
function returned(backend: Backend, { healthUpIntervalMs }: PoolSettings, now: number): Backend {
  const back = { ...backend, draining: false };
  if (backend.lastCheck !== null && now - backend.lastCheck.at <= 2 * healthUpIntervalMs) return back;
  const { health, passes, fails, lastCheck, cooldownUntil, connectFailures } = newBackend(backend);
  return { ...back, health, passes, fails, lastCheck, cooldownUntil, connectFailures };
}

function draining(backend: Backend): Backend {
  return { ...backend, draining: true };
}
