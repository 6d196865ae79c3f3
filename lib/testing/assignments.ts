// A worker's configuration, for tests that only care about a part of it.
import type { Runtime } from '../../config/plan.ts';
import { overlay, profileFor, toRuntime } from '../../config/tune.ts';
import type { Assignment, ListenerAssignment, ServiceAssignment } from '../ipc/assignment.ts';
import type { EndpointSnapshot } from '../ipc/snapshot.ts';

/** The runtime settings of a file that sets only `its`. */
export function runtimeWith(its: Partial<Runtime>): Runtime {
  return { ...toRuntime(overlay(profileFor(1), [])), ...its };
}

export function assignedService(
  id: number,
  its: Partial<Omit<ServiceAssignment, 'runtime'>> = {},
  runtime: Partial<Runtime> = {},
): ServiceAssignment {
  return {
    id,
    name: `service${id}`,
    method: 'round_robin',
    runtime: runtimeWith(runtime),
    access: null,
    preamble: false,
    start: 0,
    pool: null,
    ...its,
  };
}

/** A listener whose clients do not have to say who they stand for. */
export function assignedListener(id: number, its: Partial<ListenerAssignment> = {}): ListenerAssignment {
  const routes = { address: `127.0.0.1:${9200 + id}`, service: 0, routes: [] };
  return { id, ...routes, backlog: 1, keepaliveMs: 0, proxiesFrom: [], firstBytesMs: 1000, ...its };
}

export function assignmentOf(...services: ServiceAssignment[]): Assignment {
  return { logConnections: 'none', carries: null, services };
}

/** A usable endpoint at 127.0.0.1. */
export function endpoint(id: number, its: Partial<EndpointSnapshot> = {}): EndpointSnapshot {
  return {
    id,
    service: 0,
    name: `127.0.0.1:${9000 + id}`,
    ip: '127.0.0.1',
    port: 9000 + id,
    tier: 0,
    weight: 1,
    maxConnections: 0,
    sendProxy: 'none',
    sources: [],
    onProbation: false,
    provenAt: 0,
    ...its,
  };
}
