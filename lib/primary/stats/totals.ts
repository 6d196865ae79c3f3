// What all workers together have done since bal started: their reports added up, by service name and backend address, so
// that nothing falls when a worker is replaced or dies or a reload renumbers the backends. No I/O; one mutable Totals, owned by the
// supervisor, because reports come twice a second from every worker.

import type { ServicePlan } from '../../../config/plan.ts';
import { BACKEND_FIELDS, GAUGES, SERVICE_FIELDS, backendAt, counterLength, serviceAt } from '../../ipc/counters.ts';
import type { BackendField, ServiceField } from '../../ipc/counters.ts';
import { layoutOf } from './layout.ts';
import type { Layout } from './layout.ts';
import { BACKEND_OUTCOMES, SERVICE_OUTCOMES } from './outcomes.ts';
import type { Outcome } from './outcomes.ts';

const SERVICE_GAUGES = SERVICE_FIELDS.map((field) => GAUGES.has(field));
const BACKEND_GAUGES = BACKEND_FIELDS.map((field) => GAUGES.has(field));

export type ServiceCounts = Readonly<Record<ServiceField, number>>;
export type BackendCounts = Readonly<Record<BackendField, number>>;

/** Clients, as the service counted them, and connections to backends, those to removed backends included. */
export interface Sum {
  readonly clients: ServiceCounts;
  readonly backends: BackendCounts;
}

interface Part {
  /** In the order of SERVICE_FIELDS and BACKEND_FIELDS. */
  readonly clients: number[];
  readonly backends: number[];
}

interface Worker {
  readonly layout: Layout;
  /** The highest value seen at each position of a counter, the last one of a gauge. */
  readonly last: Float64Array;
}

export interface Totals {
  readonly workers: Map<number, Worker>;
  readonly instance: Part;
  readonly services: Map<string, Part>;
  /** By backendKey(). */
  readonly backends: Map<string, number[]>;
}

export function createTotals(): Totals {
  return { workers: new Map(), instance: newPart(), services: new Map(), backends: new Map() };
}

/** A worker is forked; `worker` ids are never used again. */
export function join(totals: Totals, worker: number, layout: Layout): void {
  const length = counterLength(layout.services.length, layout.backends.length);
  totals.workers.set(worker, { layout, last: new Float64Array(length) });
}

/** What is new in a report. */
export interface News {
  /** The growth of `connections_total` by service, for protection. */
  readonly connected: ReadonlyMap<string, number>;
  /** Ends and failed connects, each kind for itself. */
  readonly outcomes: readonly Outcome[];
  /** Some backend has more or fewer live connections than before: other workers balance by that. */
  readonly loadsChanged: boolean;
}

/**
 * A worker's `counters`: positions and what they hold now, in turn. A value that falls, is negative or no number, and a gauge that is
 * no whole one, is taken for what was last known, so that totals never fall; a position that is none is passed over.
 */
export function report(totals: Totals, worker: number, changes: readonly number[]): News {
  const news = { connected: new Map<string, number>(), outcomes: [] as Outcome[], loadsChanged: false };
  const known = totals.workers.get(worker);
  if (known === undefined) return news;
  for (let i = 0; i + 1 < changes.length; i += 2) {
    const at = changes[i] ?? -1;
    const value = changes[i + 1] ?? 0;
    if (!(at in known.last)) continue;
    if (at < serviceAt(known.layout.services.length, 'active')) clientsChanged(totals, known, at, value, news);
    else backendChanged(totals, known, at, value, news);
  }
  return news;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
interface Gathered extends Mutable<News> {
  readonly connected: Map<string, number>;
  readonly outcomes: Outcome[];
}

function clientsChanged(totals: Totals, { layout, last }: Worker, at: number, value: number, news: Gathered): void {
  const field = at % SERVICE_FIELDS.length;
  const service = layout.services[(at - field) / SERVICE_FIELDS.length];
  if (service === undefined) return;
  const part = partOf(totals, service);
  const growth = grow(last, at, value, SERVICE_GAUGES[field] === true);
  if (growth === 0) return;
  addAt(totals.instance.clients, field, growth);
  addAt(part.clients, field, growth);
  const what = SERVICE_OUTCOMES[field] ?? null;
  if (what !== null) news.outcomes.push({ service, address: null, what, count: growth });
}

function backendChanged(totals: Totals, { layout, last }: Worker, at: number, value: number, news: Gathered): void {
  const offset = at - layout.services.length * SERVICE_FIELDS.length;
  const field = offset % BACKEND_FIELDS.length;
  const backend = layout.backends[(offset - field) / BACKEND_FIELDS.length];
  const service = layout.services[backend?.service ?? -1];
  if (backend === undefined || service === undefined) return;
  const { address } = backend;
  const part = partOf(totals, service);
  const own = backendOf(totals, service, address);
  const growth = grow(last, at, value, BACKEND_GAUGES[field] === true);
  if (growth === 0) return;
  addAt(totals.instance.backends, field, growth);
  addAt(part.backends, field, growth);
  addAt(own, field, growth);
  const what = BACKEND_OUTCOMES[field] ?? null;
  if (what !== null) news.outcomes.push({ service, address, what, count: growth });
  else if (BACKEND_FIELDS[field] === 'active') news.loadsChanged = true;
  else if (BACKEND_FIELDS[field] === 'connections_total')
    news.connected.set(service, (news.connected.get(service) ?? 0) + growth);
}

/** A worker is gone: its counters stay in the totals, its gauges leave them. What it did since its last report is not known. */
export function leave(totals: Totals, worker: number): void {
  const known = totals.workers.get(worker);
  if (known === undefined) return;
  report(totals, worker, atRest(known.layout));
  totals.workers.delete(worker);
}

/** Forgets the backends and services that are in no worker's layout and not in `services`; the instance's sum keeps what they counted. */
export function retain(totals: Totals, services: readonly ServicePlan[]): void {
  const layouts = [layoutOf(services), ...Array.from(totals.workers.values(), ({ layout }) => layout)];
  const names = new Set(layouts.flatMap((layout) => layout.services));
  const keys = new Set(
    layouts.flatMap((layout) =>
      layout.backends.map(({ service, address }) => backendKey(layout.services[service] ?? '', address)),
    ),
  );
  for (const name of totals.services.keys()) if (!names.has(name)) totals.services.delete(name);
  for (const key of totals.backends.keys()) if (!keys.has(key)) totals.backends.delete(key);
}

export function instanceSum(totals: Totals): Sum {
  return sumOf(totals.instance);
}

export function serviceSum(totals: Totals, service: string): Sum {
  return sumOf(totals.services.get(service) ?? newPart());
}

export function backendSum(totals: Totals, service: string, address: string): BackendCounts {
  return backendCounts(totals.backends.get(backendKey(service, address)) ?? []);
}

/** What one worker has counted, over all its services and backends; zeros when it is gone. */
export function workerSum(totals: Totals, worker: number): Sum {
  const part = newPart();
  const known = totals.workers.get(worker);
  if (known === undefined) return sumOf(part);
  const { layout, last } = known;
  for (const index of layout.services.keys()) {
    for (const [i, field] of SERVICE_FIELDS.entries()) addAt(part.clients, i, last[serviceAt(index, field)] ?? 0);
  }
  for (const id of layout.backends.keys()) {
    for (const [i, field] of BACKEND_FIELDS.entries()) {
      addAt(part.backends, i, last[backendAt(layout.services.length, id, field)] ?? 0);
    }
  }
  return sumOf(part);
}

/**
 * Live connections that other workers than `worker`, also of other generations, hold to a backend: a route's `elsewhere`.
 * `backend` is its id in the worker's own table; asked for each backend of a table, so nothing is searched.
 */
export function elsewhere(totals: Totals, worker: number, service: string, address: string, backend: number): number {
  const all = totals.backends.get(backendKey(service, address))?.[backendAt(0, 0, 'active')] ?? 0;
  const known = totals.workers.get(worker);
  if (known === undefined) return all;
  const { layout, last } = known;
  const its = layout.backends[backend];
  const isIts = its?.address === address && layout.services[its.service] === service;
  const own = isIts ? (last[backendAt(layout.services.length, backend, 'active')] ?? 0) : 0;
  return Math.max(0, all - own);
}

/** Takes over the value where it makes sense, and returns by how much the total changes. */
function grow(last: Float64Array, at: number, value: number, isGauge: boolean): number {
  const before = last[at] ?? 0;
  const isCount = value >= 0 && value <= Number.MAX_SAFE_INTEGER;
  // What goes again must leave no rest, and fractions would: a gauge is a whole number. A histogram's sum need not be.
  const isTaken = isCount && (isGauge ? Number.isInteger(value) : value > before);
  const after = isTaken ? value : before;
  last[at] = after;
  return after - before;
}

/** A report that says all gauges are at zero. */
function atRest({ services, backends }: Layout): number[] {
  return [
    ...services.flatMap((_, index) => [serviceAt(index, 'active'), 0]),
    ...backends.flatMap((_, id) => [backendAt(services.length, id, 'active'), 0]),
  ];
}

function sumOf({ clients, backends }: Part): Sum {
  return { clients: serviceCounts(clients), backends: backendCounts(backends) };
}

function serviceCounts(counts: readonly number[]): ServiceCounts {
  return Object.fromEntries(SERVICE_FIELDS.map((field, i) => [field, counts[i] ?? 0])) as ServiceCounts;
}

function backendCounts(counts: readonly number[]): BackendCounts {
  return Object.fromEntries(BACKEND_FIELDS.map((field, i) => [field, counts[i] ?? 0])) as BackendCounts;
}

function newPart(): Part {
  return { clients: SERVICE_FIELDS.map(() => 0), backends: BACKEND_FIELDS.map(() => 0) };
}

function partOf(totals: Totals, service: string): Part {
  const part = totals.services.get(service) ?? newPart();
  totals.services.set(service, part);
  return part;
}

function backendOf(totals: Totals, service: string, address: string): number[] {
  const key = backendKey(service, address);
  const counts = totals.backends.get(key) ?? BACKEND_FIELDS.map(() => 0);
  totals.backends.set(key, counts);
  return counts;
}

/** By service and address. Neither a service's name nor an address holds a line feed. */
export function backendKey(service: string, address: string): string {
  return `${service}\n${address}`;
}

function addAt(counts: number[], at: number, growth: number): void {
  counts[at] = (counts[at] ?? 0) + growth;
}
