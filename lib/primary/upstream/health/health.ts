// The health checks of all services' backends, each on its own schedule (checker.ts). The pool decides what a result means. Owns
// the checkers and the resolver that they share.

import type { BackendPlan, Plan, ServicePlan } from '../../../../config/plan.ts';
import { sendProxyOf } from '../../../../config/plan.ts';
import { takeTurns } from '../../../engine/source.ts';
import type { CheckResult, Standing } from './evidence.ts';
import { loadAddon, type Addon } from '../../../engine/addon.ts';
import { openTcpChecks, type TcpChecks } from '../../../engine/tcp-checks.ts';
import { openTcpRounds, type TcpRounds } from '../../../engine/tcp-rounds.ts';
import { createCoalescedTimers } from './coalesced-timers.ts';
import { startChecker, type Checker, type Target } from './checker.ts';
import type { Connect, Ways } from './probe.ts';
import { preambleFor, questionFor } from './question/question.ts';
import { createResolver, type Resolver } from '../discovery/resolver.ts';

export type { CheckResult } from './evidence.ts';

export interface HealthChecks {
  /** Checks the backends of these services from now on: new ones at once, the others on their old schedule. */
  apply(plan: Pick<Plan, 'services' | 'engine'>): void;
  /** A client's connect has failed: check that backend now, not at its next turn. */
  checkNow(service: string, address: string): void;
  /** A client was connected to the backend, by an attempt that began then. */
  reached(service: string, address: string, began: number): void;
  /** Whether the service waits for passed checks has changed. */
  replan(service: string): void;
  /** Reports the checks that have passed and were not reported yet: those of steady backends wait for a while. */
  collect(): void;
  /** No result comes after this. */
  close(): void;
}

export interface HealthOptions {
  readonly resolver?: Resolver;
  readonly connect?: Connect;
  /** A check was impossible because this machine ran short; it says nothing about the backend. */
  readonly onShortage?: (service: string, address: string) => void;
  readonly standing: (service: string, address: string) => Standing;
  /** Whether the service waits for passed checks. */
  readonly isGuarded: (service: string) => boolean;
}

export function createHealthChecks(
  onResult: (service: string, address: string, result: CheckResult) => void,
  { resolver = createResolver(), connect, onShortage, standing, isGuarded }: HealthOptions,
): HealthChecks {
  /** By service, then by address. */
  let checkers = new Map<string, Map<string, Checker>>();
  const timers = createCoalescedTimers();
  let mayUseAddon = false;
  /** null: there is no addon. */
  let native: { readonly tcpChecks: TcpChecks; readonly tcpRounds: TcpRounds } | null | undefined;

  function ways(): Ways {
    if (connect !== undefined || !mayUseAddon) return { connect };
    if (native === undefined) {
      const loaded = loadAddon();
      try {
        native = loaded.ok ? openBoth(loaded.addon) : null;
      } catch {
        // No descriptor left. The check falls back to Node's socket, and the next check tries again.
      }
    }
    return native ?? {};
  }

  function start(service: string, address: string, target: Target): Checker {
    return startChecker(target, {
      resolver,
      onResult: (result) => onResult(service, address, result),
      onShortage: () => onShortage?.(service, address),
      standing: () => standing(service, address),
      isGuarded: () => isGuarded(service),
      ways,
      timers,
    });
  }

  function stopAll(some: Map<string, Map<string, Checker>>): void {
    for (const byAddress of some.values()) for (const checker of byAddress.values()) checker.stop();
  }

  return {
    apply({ services, engine }) {
      native?.tcpRounds.collect();
      mayUseAddon = engine !== 'js';
      const before = checkers;
      checkers = new Map();
      for (const service of services) {
        const old = before.get(service.name);
        const next = new Map<string, Checker>();
        for (const backend of service.backends) {
          const target = targetOf(service, backend);
          const checker = old?.get(backend.address);
          old?.delete(backend.address);
          checker?.retarget(target);
          next.set(backend.address, checker ?? start(service.name, backend.address, target));
        }
        checkers.set(service.name, next);
      }
      stopAll(before);
    },
    checkNow(service, address) {
      checkers.get(service)?.get(address)?.checkNow();
    },
    reached(service, address, began) {
      checkers.get(service)?.get(address)?.reached(began);
    },
    replan(service) {
      native?.tcpRounds.collect();
      for (const checker of checkers.get(service)?.values() ?? []) checker.replan();
    },
    collect: () => native?.tcpRounds.collect(),
    close() {
      stopAll(checkers);
      checkers = new Map();
      native?.tcpChecks.close();
      native?.tcpRounds.close();
      native = null;
      resolver.close();
    },
  };
}

function openBoth(addon: Addon): { readonly tcpChecks: TcpChecks; readonly tcpRounds: TcpRounds } {
  const tcpChecks = openTcpChecks(addon);
  try {
    return { tcpChecks, tcpRounds: openTcpRounds(addon) };
  } catch (error) {
    tcpChecks.close();
    throw error;
  }
}

function targetOf(service: ServicePlan, backend: BackendPlan): Target {
  const { healthCheck, runtime } = service;
  return {
    host: backend.host,
    port: healthCheck.type === 'none' ? backend.port : (healthCheck.port ?? backend.port),
    preamble: preambleFor(service, backend),
    question: questionFor(healthCheck, backend),
    sources: backend.sources,
    source: takeTurns(backend.sources),
    check: JSON.stringify([healthCheck, sendProxyOf(service, backend), backend.sources, backend.hostname]),
    isChecked: healthCheck.type !== 'none',
    intervalMs: runtime.healthIntervalMs,
    upIntervalMs: runtime.healthUpIntervalMs,
    timeoutMs: runtime.healthTimeoutMs,
    dnsMaxAgeMs: runtime.dnsMaxAgeMs,
  };
}
