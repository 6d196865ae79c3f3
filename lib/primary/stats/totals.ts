// The totals of all workers since bal started: their reports added up by service name and backend address, so that nothing falls
// when a worker is replaced or dies, or when an id is reused. No I/O. One mutable Totals, owned by statistics.ts, because every
// worker reports twice a second.

import { ENDPOINT_FIELDS, GAUGES, SERVICE_FIELDS, endpointAt, serviceAt } from '../../ipc/counters.ts';
import type { EndpointField, ServiceField } from '../../ipc/counters.ts';
import type { Registry } from '../registry.ts';
import { endpointKey } from '../registry.ts';
import { ENDPOINT_OUTCOMES, SERVICE_OUTCOMES } from './outcomes.ts';
import type { Outcome } from './outcomes.ts';

const SERVICE_GAUGES = SERVICE_FIELDS.map((field) => GAUGES.has(field));
const WAITING = serviceAt(0, 'waiting');
const ENDPOINT_GAUGES = ENDPOINT_FIELDS.map((field) => GAUGES.has(field));

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
interface Worker {
  readonly services: number[];
  readonly endpoints: number[];
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
}

export function createTotals(names: Names): Totals {
  return { names, workers: new Map(), instance: newPart(), services: new Map(), backends: new Map() };
}

/** Adds a forked worker; `worker` is its pid. */
export function join(totals: Totals, worker: number): void {
  totals.workers.set(worker, { services: [], endpoints: [] });
}

/** What is new in a report. */
export interface Growth {
  /** The growth of `connections_total` by service, for protection. */
  readonly connected: ReadonlyMap<string, number>;
  /** Ends and failed connects, by kind. */
  readonly outcomes: readonly Outcome[];
  /** A backend's number of live connections has changed; other workers balance by it. */
  readonly loadsChanged: boolean;
}

/**
 * Applies a worker's `counters`: places and their current values, alternating. A counter that falls, a value that is negative or
 * no number, and a gauge that is not an integer count as unchanged, so that totals never fall. Unknown places are ignored.
 */
export function report(
  totals: Totals,
  worker: number,
  changes: { readonly services: readonly number[]; readonly endpoints: readonly number[] },
): Growth {
  const fresh = { connected: new Map<string, number>(), outcomes: [] as Outcome[], loadsChanged: false };
  const known = totals.workers.get(worker);
  if (known === undefined) return fresh;
  const { services, endpoints } = changes;
  for (let i = 0; i + 1 < services.length; i += 2) {
    serviceChanged(totals, known, services[i] ?? -1, services[i + 1] ?? 0, fresh);
  }
  for (let i = 0; i + 1 < endpoints.length; i += 2) {
    endpointChanged(totals, known, endpoints[i] ?? -1, endpoints[i + 1] ?? 0, fresh);
  }
  return fresh;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
interface Gathered extends Mutable<Growth> {
  readonly connected: Map<string, number>;
  readonly outcomes: Outcome[];
}

function serviceChanged(totals: Totals, worker: Worker, at: number, value: number, fresh: Gathered): void {
  if (!isPlace(at)) return;
  const field = at % SERVICE_FIELDS.length;
  const service = totals.names.serviceOf((at - field) / SERVICE_FIELDS.length);
  if (service === undefined) return;
  const growth = grow(worker.services, at, value, SERVICE_GAUGES[field] === true);
  if (growth === 0) return;
  addAt(totals.instance.clients, field, growth);
  addAt(partOf(totals, service).clients, field, growth);
  const what = SERVICE_OUTCOMES[field] ?? null;
  if (what !== null) fresh.outcomes.push({ service, address: null, what, count: growth });
}

function endpointChanged(totals: Totals, worker: Worker, at: number, value: number, fresh: Gathered): void {
  if (!isPlace(at)) return;
  const field = at % ENDPOINT_FIELDS.length;
  const endpoint = totals.names.endpointOf((at - field) / ENDPOINT_FIELDS.length);
  if (endpoint === undefined) return;
  const growth = grow(worker.endpoints, at, value, ENDPOINT_GAUGES[field] === true);
  if (growth === 0) return;
  const { service, address } = endpoint;
  addAt(totals.instance.backends, field, growth);
  addAt(partOf(totals, service).backends, field, growth);
  addAt(countsAt(totals, endpointKey(service, address)), field, growth);
  const what = ENDPOINT_OUTCOMES[field] ?? null;
  if (what !== null) fresh.outcomes.push({ service, address, what, count: growth });
  else if (ENDPOINT_FIELDS[field] === 'active') fresh.loadsChanged = true;
  else if (ENDPOINT_FIELDS[field] === 'connections_total')
    fresh.connected.set(service, (fresh.connected.get(service) ?? 0) + growth);
}

/** Retires endpoints that the worker has dropped: their counts stay in the totals, and the worker's counters of these ids restart at 0. */
export function retire(totals: Totals, worker: number, endpoints: readonly number[]): void {
  const known = totals.workers.get(worker);
  if (known === undefined) return;
  report(totals, worker, { services: [], endpoints: endpoints.flatMap((id) => [endpointAt(id, 'active'), 0]) });
  for (const id of endpoints) {
    known.endpoints.fill(0, id * ENDPOINT_FIELDS.length, (id + 1) * ENDPOINT_FIELDS.length);
  }
}

/** Removes a dead worker: its counters stay in the totals, its gauges leave them. What it did since its last report is lost. */
export function leave(totals: Totals, worker: number): void {
  const known = totals.workers.get(worker);
  if (known === undefined) return;
  report(totals, worker, atRest(known));
  totals.workers.delete(worker);
}

/** Forgets unused backends and services. The instance's sum keeps what they counted. */
export function retain(totals: Totals, services: ReadonlySet<string>, endpointKeys: ReadonlySet<string>): void {
  for (const name of totals.services.keys()) if (!services.has(name)) totals.services.delete(name);
  for (const key of totals.backends.keys()) if (!endpointKeys.has(key)) totals.backends.delete(key);
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
  const known = totals.workers.get(worker);
  known?.services.forEach((value, at) => addAt(part.clients, at % SERVICE_FIELDS.length, value));
  known?.endpoints.forEach((value, at) => addAt(part.backends, at % ENDPOINT_FIELDS.length, value));
  return sumOf(part);
}

/** The connections of a worker that died without a word: those that were open, and those that it had cut because of a drain. */
export function lostWith(totals: Totals, worker: number): number {
  const { active, ended_drain_total: drained, ended_stopped_total: stopped } = workerSum(totals, worker).clients;
  return active + drained + stopped;
}

/** Clients that wait with one worker for a backend or a permit, as of its last report. */
export function waitingWith(totals: Totals, worker: number): number {
  const known = totals.workers.get(worker);
  let sum = 0;
  for (let at = WAITING; at < (known?.services.length ?? 0); at += SERVICE_FIELDS.length)
    sum += known?.services[at] ?? 0;
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

function isPlace(at: number): boolean {
  return Number.isSafeInteger(at) && at >= 0;
}

/** Takes the value over if it is plausible, and returns by how much the total changes. */
function grow(last: number[], at: number, value: number, isGauge: boolean): number {
  const before = last[at] ?? 0;
  const isCount = value >= 0 && value <= Number.MAX_SAFE_INTEGER;
  // Gauges must return to exactly 0, so only integers are taken; fractions would leave a residue. A histogram's sum may have fractions.
  const isTaken = isCount && (isGauge ? Number.isInteger(value) : value > before);
  const after = isTaken ? value : before;
  last[at] = after;
  return after - before;
}

/** A report that sets all gauges to 0. */
function atRest({ services, endpoints }: Worker): { services: number[]; endpoints: number[] } {
  const gauges = (values: readonly number[], isGauge: readonly boolean[]): number[] =>
    Object.keys(values).flatMap((at) => (isGauge[Number(at) % isGauge.length] === true ? [Number(at), 0] : []));
  return { services: gauges(services, SERVICE_GAUGES), endpoints: gauges(endpoints, ENDPOINT_GAUGES) };
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

/** Of a backend, by endpointKey(). */
export function countsAt(totals: Totals, key: string): number[] {
  const counts = totals.backends.get(key) ?? ENDPOINT_FIELDS.map(() => 0);
  totals.backends.set(key, counts);
  return counts;
}

export function addAt(counts: number[], at: number, growth: number): void {
  counts[at] = (counts[at] ?? 0) + growth;
}
