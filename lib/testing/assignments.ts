// What a worker is told, for tests that care for a part of it.
import type { Assignment, ServiceAssignment } from '../ipc/assignment.ts';
import type { EndpointSnapshot } from '../ipc/snapshot.ts';

export function assignedService(id: number, its: Partial<ServiceAssignment> = {}): ServiceAssignment {
  return {
    id,
    name: `service${id}`,
    method: 'round_robin',
    connectTimeoutMs: 1000,
    idleMs: 1000,
    keepaliveMs: 0,
    halfClosedMs: 1000,
    drainMs: 1000,
    reloadDrainMs: 0,
    cooldownMs: 1000,
    start: 0,
    pool: null,
    ...its,
  };
}

export function assignmentOf(...services: ServiceAssignment[]): Assignment {
  return { logConnections: 'none', carries: null, services };
}

/** Usable, at 127.0.0.1. */
export function endpoint(id: number, its: Partial<EndpointSnapshot> = {}): EndpointSnapshot {
  return {
    id,
    service: 0,
    name: `127.0.0.1:${9000 + id}`,
    ip: '127.0.0.1',
    port: 9000 + id,
    tier: 0,
    weight: 1,
    provenAt: 0,
    ...its,
  };
}
