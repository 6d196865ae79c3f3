// What the primary knows of every service: its backends' health and cool-downs, and whether it is protected. Owner of
// the pools and protection states, which are pure: feeds them with checks, DNS answers and workers' reports, logs the
// flips, and says when the workers need a new table.

import { connect } from 'node:net';

import type { Plan, ServicePlan } from '../../config/plan.ts';
import type { ProtectionStatus } from '../control/protocol.ts';
import type { ConnectFailure } from '../ipc/messages.ts';
import type { Route } from '../ipc/table.ts';
import { RANK_DOWN } from '../ipc/table.ts';
import type { BackendEvent } from './backend.ts';
import type { Log } from './log.ts';
import type { Flip, Pool } from './pool.ts';
import { carryOver, createPool, forgetDraining, rank, step } from './pool.ts';

export interface Service {
  plan: ServicePlan;
  pool: Pool;
}

export interface Services {
  /** Serves this plan from now on; what is known of services and backends that stay is kept. */
  apply(plan: Plan): void;
  /** Resolves when every backend has had a first check, at the latest after the longest check timeout. */
  settled(): Promise<void>;
  /** Backends that left the configuration are not shown any longer. */
  forgetRemoved(): void;
  /** What a worker's table says of a backend. */
  route(service: string, address: string): Pick<Route, 'ip' | 'rank'>;
  guarded(service: string): boolean;
  protection(service: string): ProtectionStatus;
  /** A worker's report. */
  connectFailed(service: string, address: string, cause: ConnectFailure, count: number): void;
  /** So many connects of each service succeeded. */
  attempted(connected: ReadonlyMap<string, number>): void;
  get(service: string): Service | undefined;
  close(): void;
}

export function createServices(log: Log, changed: () => void): Services {
  const services = new Map<string, Service>();

  function index(service: Service, address: string): number {
    return service.pool.backends.findIndex((backend) => backend.address === address);
  }

  function feed(service: Service, event: BackendEvent): void {
    const { pool, flips } = step(service.pool, event, performance.now());
    if (pool === service.pool) return;
    service.pool = pool;
    for (const flip of flips) tell(service, flip);
    changed();
  }

  function tell(service: Service, flip: Flip): void {
    const fields = { service: service.plan.name, backend: flip.address, from: flip.from, ...flip.evidence };
    if (flip.to === 'down') log.warn('backend.down', 'backend is down', fields);
    else log.info('backend.up', 'backend is up', fields);
  }

  // Plain checks for now: one connect per interval and backend.
  const timers = new Map<Service, NodeJS.Timeout>();
  function watch(service: Service): void {
    clearInterval(timers.get(service));
    const check = (): void => {
      service.pool.backends.forEach((backend, at) => {
        const socket = connect({
          host: backend.host,
          port: backend.port,
          timeout: service.plan.runtime.healthTimeoutMs,
        });
        const end = (cause: ConnectFailure | null, ip = ''): void => {
          socket.destroy();
          const wall = Date.now();
          feed(
            service,
            cause === null ? { kind: 'passed', backend: at, ip, wall } : { kind: 'failed', backend: at, cause, wall },
          );
        };
        socket.once('connect', () => end(null, socket.remoteAddress));
        socket.once('timeout', () => end('timeout'));
        socket.once('error', (error) => end('code' in error && error.code === 'ECONNREFUSED' ? 'refused' : 'other'));
      });
    };
    check();
    timers.set(service, setInterval(check, service.plan.runtime.healthIntervalMs));
  }

  return {
    apply(plan) {
      for (const next of plan.services) {
        const service = services.get(next.name);
        if (service === undefined)
          services.set(next.name, { plan: next, pool: createPool(next.backends, next.runtime) });
        else {
          service.pool = carryOver(service.pool, next.backends, next.runtime);
          service.plan = next;
        }
        const current = services.get(next.name);
        if (current !== undefined) watch(current);
      }
    },
    settled: () => Promise.resolve(),
    forgetRemoved() {
      for (const service of services.values()) service.pool = forgetDraining(service.pool);
    },
    route(name, address) {
      const service = services.get(name);
      const at = service === undefined ? -1 : index(service, address);
      if (service === undefined || at === -1) return { ip: null, rank: RANK_DOWN };
      return { ip: service.pool.backends[at]?.ip ?? null, rank: rank(service.pool, at, performance.now()) };
    },
    guarded: () => false,
    protection: () => ({ enabled: false, reason: null, since: null, exit_condition: null }),
    connectFailed(name, address, cause, count) {
      const service = services.get(name);
      if (service === undefined) return;
      feed(service, {
        kind: 'connect_failed',
        backend: index(service, address),
        cause,
        count,
        guarded: false,
        wall: Date.now(),
      });
    },
    attempted() {},
    get: (name) => services.get(name),
    close() {
      for (const timer of timers.values()) clearInterval(timer);
    },
  };
}
