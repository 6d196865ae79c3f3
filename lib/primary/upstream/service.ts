// What services.ts offers to the other parts of the primary, and the events that it emits and route.ts dispatches.

import type { Plan, ServicePlan } from '../../../config/plan.ts';
import type { ProtectionStatus } from '../../control/protocol.ts';
import type { ConnectFailure } from '../../engine/engine.ts';
import type { Pool, Route } from './pool.ts';
import type { Protection } from './protection.ts';

export type ServicesEvent =
  /** Workers need a new snapshot. */
  | { readonly kind: 'endpoints_changed' }
  /** Its open connections should be cut. */
  | { readonly kind: 'backend_down'; readonly service: string; readonly address: string }
  /** A backend that this name resolves to refuses clients, or has gone down. */
  | { readonly kind: 'name_in_doubt'; readonly name: string };

export interface Service {
  readonly plan: ServicePlan;
  readonly pool: Pool;
  readonly protection: Protection;
}

export interface Services {
  /**
   * Serves this plan from now on, and keeps what is known of services and backends that stay. `known` comes from another process
   * and is used for services that are new here.
   */
  apply(plan: Plan, known?: unknown): void;
  /** Resolves when every backend has had a first check, at the latest after the longest check timeout or `atMostMs`. */
  settled(atMostMs?: number): Promise<void>;
  /** Forgets services that are not in the plan, and backends that left it and that no worker uses. */
  retain(plan: Plan, isUsed: (service: string, address: string) => boolean): void;
  /** The backend has connections. If it is in no plan that this process has known, it is one that has left. */
  used(service: string, address: string): void;
  /** The route for a backend's snapshot. `isLast`: all backends of its plan have left. */
  endpoint(service: string, address: string, isLast?: boolean): Route;
  guarded(service: string): boolean;
  protection(service: string): ProtectionStatus;
  /** Applies a worker's report; `began` is when the latest of these attempts began (monotonic). */
  connectFailed(service: string, address: string, cause: ConnectFailure, count: number, began: number): void;
  /** Applies a worker's report that several clients in a row got nothing from a backend; `began`: their latest attempt. */
  earlyFailures(service: string, address: string, began: number): void;
  /** Applies a worker's report that a client was connected, by an attempt that began then. */
  reached(service: string, address: string, began: number): void;
  /** Adds successful connects per service. */
  connected(counts: ReadonlyMap<string, number>): void;
  /** With all that the checks have found until now. */
  get(service: string): Service | undefined;
  close(): void;
}
