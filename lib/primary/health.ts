// Temporary: plain checks, one connect per interval and backend.
import { connect } from 'node:net';

import type { ServicePlan } from '../../config/plan.ts';
import type { Cause } from './backend.ts';

export type CheckResult =
  | { readonly kind: 'resolved'; readonly ips: readonly string[]; readonly wall: number }
  | { readonly kind: 'passed'; readonly ip: string; readonly wall: number }
  | { readonly kind: 'failed'; readonly cause: Cause; readonly wall: number };

export interface HealthChecks {
  apply(services: readonly ServicePlan[]): void;
  checkNow(service: string, address: string): void;
  close(): void;
}

export function createHealthChecks(
  onResult: (service: string, address: string, result: CheckResult) => void,
): HealthChecks {
  const timers = new Set<NodeJS.Timeout>();
  return {
    apply(services) {
      for (const timer of timers) clearInterval(timer);
      timers.clear();
      for (const service of services)
        for (const backend of service.backends) {
          const check = (): void => {
            const socket = connect({
              host: backend.host,
              port: backend.port,
              timeout: service.runtime.healthTimeoutMs,
            });
            const end = (cause: Cause | null, ip = ''): void => {
              socket.destroy();
              const wall = Date.now();
              onResult(
                service.name,
                backend.address,
                cause === null ? { kind: 'passed', ip, wall } : { kind: 'failed', cause, wall },
              );
            };
            socket.once('connect', () => end(null, socket.remoteAddress));
            socket.once('timeout', () => end('timeout'));
            socket.once('error', (error) =>
              end('code' in error && error.code === 'ECONNREFUSED' ? 'refused' : 'other'),
            );
          };
          check();
          timers.add(setInterval(check, service.runtime.healthIntervalMs));
        }
    },
    checkNow() {},
    close() {
      for (const timer of timers) clearInterval(timer);
    },
  };
}
