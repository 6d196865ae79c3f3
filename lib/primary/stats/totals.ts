// The totals of all workers since bal started: their reports added up by service name and backend address, so that nothing falls
// when a worker is replaced or dies, or when an id is reused (report.ts adds them). No I/O. One mutable Totals, owned by
// statistics.ts, because every worker reports twice a second.

import { ENDPOINT_FIELDS, SERVICE_FIELDS, endpointAt, serviceAt } from '../../ipc/counters.ts';
import type { EndpointField, ServiceField } from '../../ipc/counters.ts';
import type { EndpointName, Registry } from '../registry.ts';
import { endpointKey } from '../registry.ts';

const WAITING = serviceAt(0, 'waiting');
const ACTIVE = serviceAt(0, 'active');

export type ServiceCounts = Readonly<Record<ServiceField, number>>;
export type BackendCounts = Readonly<Record<EndpointField, number>>;

/** Clients as the service counted them, and connections to backends, including removed ones. */
export interface Sum {
  readonly clients: ServiceCounts;
  readonly backends: BackendCounts;
}

export interface Part {
  /** In the order of SERVICE_FIELDS and ENDPOINT_FIELDS. */
  readonly clients: number[];
  readonly backends: number[];
}

/** By id, as the worker counts: the highest value seen at each place of a counter, the last value of a gauge. */
export interface Worker {
  services: Float64Array;
  endpoints: Float64Array;
}

/** What an endpoint's values are added to. */
export interface Target {
  readonly name: EndpointName;
  readonly service: string;
  /** Its endpointKey(). */
  readonly key: string;
  readonly part: Part;
  readonly counts: number[];
}

/** Resolves ids to names. */
type Names = Pick<Registry, 'serviceOf' | 'endpointOf'>;

export interface Totals {
  readonly names: Names;
  readonly workers: Map<number, Worker>;
  readonly instance: Part;
  readonly services: Map<string, Part>;
  /** By endpointKey(). */
  readonly backends: Map<string, number[]>;
  /** By id, what targetOf() has found. */
  readonly targets: (Target | undefined)[];
}

export function createTotals(names: Names): Totals {
  return { names, workers: new Map(), instance: newPart(), services: new Map(), backends: new Map(), targets: [] };
}

/** Adds a forked worker; `worker` is its pid. */
export function join(totals: Totals, worker: number): void {
  totals.workers.set(worker, newWorker());
}

function newWorker(): Worker {
  return { services: new Float64Array(), endpoints: new Float64Array() };
}

/** Forgets unused backends and services. The instance's sum keeps what they counted. */
export function retain(totals: Totals, services: ReadonlySet<string>, endpointKeys: ReadonlySet<string>): void {
  for (const name of totals.services.keys()) if (!services.has(name)) totals.services.delete(name);
  for (const key of totals.backends.keys()) if (!endpointKeys.has(key)) totals.backends.delete(key);
  totals.targets.length = 0;
}

export function instanceSum(totals: Totals): Sum {
  return sumOf(totals.instance);
}

export function serviceSum(totals: Totals, service: string): Sum {
  return sumOf(totals.services.get(service) ?? newPart());
}

export function backendSum(totals: Totals, service: string, address: string): BackendCounts {
  return backendCounts(totals.backends.get(endpointKey(service, address)) ?? []);
}

/** What one worker has counted, over all its services and backends; zeros if it is gone. */
export function workerSum(totals: Totals, worker: number): Sum {
  const part = newPart();
  const { services, endpoints } = totals.workers.get(worker) ?? newWorker();
  for (let at = 0; at < services.length; at++) addAt(part.clients, at % SERVICE_FIELDS.length, services[at] ?? 0);
  for (let at = 0; at < endpoints.length; at++) addAt(part.backends, at % ENDPOINT_FIELDS.length, endpoints[at] ?? 0);
  return sumOf(part);
}

/** The connections of a worker that died without a word: those that were open, and those that it had cut because of a drain. */
export function lostWith(totals: Totals, worker: number): number {
  const { active, ended_drain_total: drained, ended_stopped_total: stopped } = workerSum(totals, worker).clients;
  return active + drained + stopped;
}

/** The clients of one worker, over all its services, as of its last report. */
export function clientsWith(totals: Totals, worker: number): number {
  return sumAt(totals, worker, ACTIVE);
}

/** Clients that wait with one worker for a backend or a permit, as of its last report. */
export function waitingWith(totals: Totals, worker: number): number {
  return sumAt(totals, worker, WAITING);
}

/** Asked twice a second, so it does not sum up everything. */
function sumAt(totals: Totals, worker: number, field: number): number {
  const { services } = totals.workers.get(worker) ?? newWorker();
  let sum = 0;
  for (let at = field; at < services.length; at += SERVICE_FIELDS.length) sum += services[at] ?? 0;
  return sum;
}

/** Live connections to an endpoint that workers other than `worker` have, in any generation. */
export function remoteConnections(totals: Totals, worker: number, endpoint: number): number {
  const name = totals.names.endpointOf(endpoint);
  if (name === undefined) return 0;
  const all = totals.backends.get(endpointKey(name.service, name.address))?.[endpointAt(0, 'active')] ?? 0;
  const own = totals.workers.get(worker)?.endpoints[endpointAt(endpoint, 'active')] ?? 0;
  return Math.max(0, all - own);
}

function sumOf({ clients, backends }: Part): Sum {
  return { clients: serviceCounts(clients), backends: backendCounts(backends) };
}

function serviceCounts(counts: readonly number[]): ServiceCounts {
  return Object.fromEntries(SERVICE_FIELDS.map((field, i) => [field, counts[i] ?? 0])) as ServiceCounts;
}

function backendCounts(counts: readonly number[]): BackendCounts {
  return Object.fromEntries(ENDPOINT_FIELDS.map((field, i) => [field, counts[i] ?? 0])) as BackendCounts;
}

function newPart(): Part {
  return { clients: SERVICE_FIELDS.map(() => 0), backends: ENDPOINT_FIELDS.map(() => 0) };
}

export function partOf(totals: Totals, service: string): Part {
  const part = totals.services.get(service) ?? newPart();
  totals.services.set(service, part);
  return part;
}

/** What an endpoint's values are added to; undefined: the id is nobody's. */
export function targetOf(totals: Totals, endpoint: number): Target | undefined {
  const name = totals.names.endpointOf(endpoint);
  const known = totals.targets[endpoint];
  // The id may be another endpoint's by now.
  if (name === undefined || known?.name === name) return name && known;
  const { service, address } = name;
  const key = endpointKey(service, address);
  const target = { name, service, key, part: partOf(totals, service), counts: countsAt(totals, key) };
  totals.targets[endpoint] = target;
  return target;
}

/** Of a backend, by endpointKey(). */
export function countsAt(totals: Totals, key: string): number[] {
  const counts = totals.backends.get(key) ?? ENDPOINT_FIELDS.map(() => 0);
  totals.backends.set(key, counts);
  return counts;
}

export function addAt(counts: number[], at: number, growth: number): void {
  counts[at] = (counts[at] ?? 0) + growth;
}
