// What the primary knows of every service: its backends' health and cool-downs, and whether it is protected. Owns the pools and
// protection states, which are pure: feeds them checks, DNS answers and workers' reports, logs the transitions, and emits an
// event when workers need an update.

import { setTimeout as sleep } from 'node:timers/promises';
import { watchTime } from './by-time.ts';
import { passedEvent, type BackendEvent } from './backend-event.ts';
import { isUndoubted, settingsOf, standingOf } from './backend.ts';
import { isOvertaken } from './connects.ts';
import type { Standing } from './health/evidence.ts';
import type { CheckResult, HealthChecks } from './health/health.ts';
import { createShortageLog, logCheck, logEarlyFailures, logProtection, logTransition } from './health-log.ts';
import { createHealthChecks } from './health/health.ts';
import { beginning, byName } from './known.ts';
import { createResolver } from './discovery/resolver.ts';
import type { Log } from '../log/log.ts';
import { carryOver, countBackends, forgetDraining, isSettled, routeOf, step, withDraining } from './pool.ts';
import type { ProtectionEvent } from './protection.ts';
import { describe, isGuarded, protectionStatus, reconfigure, step as stepProtection } from './protection.ts';
import type { Service, Services, ServicesEvent } from './service.ts';

export type { Service, Services } from './service.ts';

/** How often a protected service checks whether protection can end. */
const TICK_MS = 1000;
const SETTLE_POLL_MS = 5;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export function createServices(log: Log, emit: (event: ServicesEvent) => void, resolver = createResolver()): Services {
  const services = new Map<string, Mutable<Service>>();
  const asked = { onShortage: createShortageLog(log), standing, isGuarded: guarded, resolver };
  const checks: HealthChecks = createHealthChecks(checked, asked);
  /** Services with changed health that protection has not been told yet. */
  const uncounted = new Set<Mutable<Service>>();
  const byTime = watchTime(() => [...services.values()].map(({ pool }) => pool), workersDiffer);
  let closed = false;

  /** The backend, and its place in the pool; null if it is not known. */
  function find(name: string, address: string) {
    const service = services.get(name);
    const backend = service?.pool.places.get(address) ?? -1;
    const it = service?.pool.backends[backend];
    return service === undefined || it === undefined ? null : { service, backend, it };
  }

  function standing(name: string, address: string): Standing {
    const found = find(name, address);
    return found === null ? 'not_up' : standingOf(found.it, found.service.pool.settings);
  }

  function guarded(name: string): boolean {
    const service = services.get(name);
    return service !== undefined && isGuarded(service.protection);
  }

  /** Applies the event to the pool, and informs the workers if it matters to them. */
  function feed(service: Mutable<Service>, event: BackendEvent): void {
    const { pool, transitions, routed } = step(service.pool, event, performance.now());
    if (pool === service.pool) return;
    service.pool = pool;
    for (const transition of transitions) logTransition(log, service.plan.name, transition);
    if (transitions.length > 0) countSoon(service);
    if (routed) workersDiffer();
    const { name, runtime } = service.plan;
    for (const { address } of transitions.filter(({ to }) => to === 'down')) {
      doubt(service, event.backend);
      if (runtime.onBackendDown !== 'keep') emit({ kind: 'backend_down', service: name, address });
    }
  }

  function doubt({ pool }: Service, backend: number): void {
    const name = pool.backends[backend]?.discoveredFrom;
    if (typeof name === 'string') emit({ kind: 'name_in_doubt', name });
  }

  /** Once per report: a thousand backends that come up together are counted once. */
  function countSoon(service: Mutable<Service>): void {
    if (uncounted.size === 0) queueMicrotask(() => uncounted.forEach(protectCount));
    uncounted.add(service);
  }

  /** Tells the protection how many backends there are and how many are up. */
  function protectCount(service: Mutable<Service>): void {
    uncounted.delete(service);
    protect(service, { kind: 'backends', ...countBackends(service.pool), settled: isSettled(service.pool) });
  }

  function protect(service: Mutable<Service>, event: ProtectionEvent): void {
    if (uncounted.has(service)) protectCount(service);
    const { protection, transition } = stepProtection(service.protection, event, performance.now(), Date.now());
    service.protection = protection;
    if (transition === null) return;
    checks.replan(service.plan.name);
    logProtection(log, service.plan.name, transition, describe(protection, performance.now()));
    workersDiffer();
  }

  function workersDiffer(): void {
    emit({ kind: 'endpoints_changed' });
    byTime.plan();
  }

  function checked(name: string, address: string, result: CheckResult): void {
    const found = find(name, address);
    if (found === null) return;
    const { service, backend } = found;
    const inUse = found.it.health !== 'down';
    logCheck(log, name, address, result);
    switch (result.kind) {
      case 'resolved':
        return feed(service, { kind: 'resolved', backend, ips: result.ips, wall: result.wall });
      case 'passed':
        feed(service, passedEvent(result, backend));
        return protect(service, { kind: 'checked', ok: true, inUse });
      case 'failed':
        feed(service, { ...result, backend });
        return protect(service, { kind: 'checked', ok: false, inUse });
    }
  }

  const ticker = setInterval(() => {
    for (const service of services.values()) if (isGuarded(service.protection)) protect(service, { kind: 'tick' });
  }, TICK_MS).unref();

  return {
    apply(plan, known) {
      if (closed) return;
      checks.collect();
      const knownServices = byName(known, 'name');
      for (const next of plan.services) {
        const service = services.get(next.name);
        if (service === undefined) {
          const begun = { plan: next, ...beginning(next, knownServices.get(next.name)) };
          services.set(next.name, begun);
          if (knownServices.has(next.name)) protectCount(begun);
        } else {
          service.pool = carryOver(service.pool, next.backends, settingsOf(next), performance.now());
          service.protection = reconfigure(service.protection, next.runtime);
          service.plan = next;
          protectCount(service);
        }
      }
      checks.apply(plan);
      workersDiffer();
    },
    async settled(atMostMs = Infinity) {
      const longest = Math.max(...[...services.values()].map(({ plan }) => plan.runtime.healthTimeoutMs));
      const deadline = performance.now() + Math.min(longest, atMostMs);
      const open = (): boolean => [...services.values()].some(({ pool }) => !isSettled(pool));
      while (open() && performance.now() < deadline && !closed) await sleep(SETTLE_POLL_MS);
    },
    retain(plan, isUsed) {
      const names = new Set(plan.services.map(({ name }) => name));
      for (const name of services.keys()) if (!names.has(name)) services.delete(name);
      for (const [name, it] of services) it.pool = forgetDraining(it.pool, (address) => isUsed(name, address));
    },
    used(name, address) {
      const service = services.get(name);
      if (service !== undefined) service.pool = withDraining(service.pool, address);
    },
    endpoint: (name, address, isLast) => routeOf(services.get(name)?.pool, address, performance.now(), isLast),
    guarded,
    protection: (name) => protectionStatus(services.get(name)?.protection ?? null, performance.now()),
    connectFailed(name, address, cause, count, attempted) {
      // A check may have passed since.
      checks.collect();
      const found = find(name, address);
      if (found === null) return;
      const { service, backend, it } = found;
      const began = Math.min(attempted, performance.now());
      // Such a failure began before the backend worked again, so it is history.
      const isHistory = isOvertaken(it, began);
      const inUse = it.health !== 'down' && !isHistory;
      const guarded = isGuarded(service.protection);
      feed(service, { kind: 'connect_failed', backend, cause, count, guarded, began, wall: Date.now() });
      protect(service, { kind: 'connect_failed', cause, count, inUse });
      if (cause === 'local' || isHistory) return;
      checks.checkNow(name, address);
      doubt(service, backend);
    },
    earlyFailures(name, address, attempted) {
      const found = find(name, address);
      if (found === null) return;
      const { service, backend, it: before } = found;
      feed(service, {
        kind: 'early_failures',
        backend,
        began: Math.min(attempted, performance.now()),
        wall: Date.now(),
      });
      const it = service.pool.backends[backend];
      if (it !== undefined && before.early !== it.early)
        logEarlyFailures(log, name, it, service.plan.runtime.earlyFailures);
    },
    reached(name, address, attempted) {
      const found = find(name, address);
      if (found === null) return;
      const { service, backend, it } = found;
      const at = performance.now();
      const began = Math.min(attempted, at);
      if (service.pool.settings.connectStandsForCheck) checks.reached(name, address, began);
      // For a steady backend the checker reports when a check would be due. A pool of 1,024 is not stepped for each report.
      if (isUndoubted(it, service.pool.settings)) return;
      feed(service, { kind: 'passed', backend, source: 'connect', ip: null, began, at, count: 1, wall: Date.now() });
    },
    connected(counts) {
      for (const [name, count] of counts) {
        const service = services.get(name);
        if (service !== undefined) protect(service, { kind: 'connected', count });
      }
    },
    get(name) {
      checks.collect();
      return services.get(name);
    },
    close() {
      closed = true;
      clearInterval(ticker);
      byTime.close();
      checks.close();
    },
  };
}
