// Adds a worker's reports to the totals. A report may have five new values for each of a thousand endpoints, so an endpoint is
// looked up once and not for each of its values.

import { ENDPOINT_FIELDS, GAUGES, SERVICE_FIELDS, endpointAt } from '../../ipc/counters.ts';
import { grown } from '../../grown.ts';
import type { EndpointName } from '../registry.ts';
import { ENDPOINT_OUTCOMES, SERVICE_OUTCOMES } from './outcomes.ts';
import type { Outcome } from './outcomes.ts';
import type { Totals, Worker } from './totals.ts';
import { addAt, partOf, targetOf } from './totals.ts';

const SERVICE_GAUGES = SERVICE_FIELDS.map((field) => GAUGES.has(field));
const ENDPOINT_GAUGES = ENDPOINT_FIELDS.map((field) => GAUGES.has(field));
const ACTIVE = endpointAt(0, 'active');
const CONNECTIONS = endpointAt(0, 'connections_total');

/** What is new in a report. */
export interface Growth {
  /** The growth of `connections_total` by service, for protection. */
  readonly connected: ReadonlyMap<string, number>;
  /** Ends and failed connects, by kind. */
  readonly outcomes: readonly Outcome[];
  /** A backend's number of live connections has changed; other workers balance by it. */
  readonly loadsChanged: boolean;
  /** Endpoints to which this worker has connections, and had none. */
  readonly taken: readonly EndpointName[];
}

/** Places and their current values, alternating. */
type Values = readonly number[];

/**
 * Applies a worker's `counters`. A counter that falls, a value that is negative or no number, and a gauge that is not an integer
 * count as unchanged, so that totals never fall. Unknown places are ignored.
 */
export function report(
  totals: Totals,
  worker: number,
  { services, endpoints }: { readonly services: Values; readonly endpoints: Values },
): Growth {
  const fresh: Gathered = { connected: new Map(), outcomes: [], loadsChanged: false, taken: [] };
  const known = totals.workers.get(worker);
  if (known === undefined) return fresh;
  servicesChanged(totals, known, services, fresh);
  endpointsChanged(totals, known, endpoints, fresh);
  return fresh;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
interface Gathered extends Mutable<Growth> {
  readonly connected: Map<string, number>;
  readonly outcomes: Outcome[];
  readonly taken: EndpointName[];
}

function servicesChanged(totals: Totals, worker: Worker, values: Values, fresh: Gathered): void {
  for (let i = 0; i + 1 < values.length; i += 2) {
    const at = values[i] ?? -1;
    if (!isPlace(at)) continue;
    const field = at % SERVICE_FIELDS.length;
    const service = totals.names.serviceOf((at - field) / SERVICE_FIELDS.length);
    if (service === undefined) continue;
    worker.services = grown(worker.services, at);
    const growth = grow(worker.services, at, values[i + 1] ?? 0, SERVICE_GAUGES[field] === true);
    if (growth === 0) continue;
    addAt(totals.instance.clients, field, growth);
    addAt(partOf(totals, service).clients, field, growth);
    const what = SERVICE_OUTCOMES[field] ?? null;
    if (what !== null) fresh.outcomes.push({ service, key: service, what, count: growth });
  }
}

function endpointsChanged(totals: Totals, worker: Worker, values: Values, fresh: Gathered): void {
  const all = totals.instance.backends;
  let id = -1;
  let target: ReturnType<typeof targetOf>;
  for (let i = 0; i + 1 < values.length; i += 2) {
    const at = values[i] ?? -1;
    if (!isPlace(at)) continue;
    const field = at % ENDPOINT_FIELDS.length;
    const endpoint = (at - field) / ENDPOINT_FIELDS.length;
    if (endpoint !== id) target = targetOf(totals, endpoint);
    id = endpoint;
    if (target === undefined) continue;
    worker.endpoints = grown(worker.endpoints, at);
    const growth = grow(worker.endpoints, at, values[i + 1] ?? 0, ENDPOINT_GAUGES[field] === true);
    if (growth === 0) continue;
    const { name, service, key, part, counts } = target;
    addAt(all, field, growth);
    addAt(part.backends, field, growth);
    addAt(counts, field, growth);
    const what = ENDPOINT_OUTCOMES[field] ?? null;
    if (what !== null) fresh.outcomes.push({ service, key, what, count: growth });
    else if (field === ACTIVE) {
      fresh.loadsChanged = true;
      if (worker.endpoints[at] === growth) fresh.taken.push(name);
    } else if (field === CONNECTIONS) fresh.connected.set(service, (fresh.connected.get(service) ?? 0) + growth);
  }
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

function isPlace(at: number): boolean {
  return Number.isSafeInteger(at) && at >= 0;
}

/** Takes the value over if it is plausible, and returns by how much the total changes. */
function grow(last: Float64Array, at: number, value: number, isGauge: boolean): number {
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
  const gauges = (values: Float64Array, isGauge: readonly boolean[]): number[] =>
    [...values.keys()].flatMap((at) => (isGauge[at % isGauge.length] === true ? [at, 0] : []));
  return { services: gauges(services, SERVICE_GAUGES), endpoints: gauges(endpoints, ENDPOINT_GAUGES) };
}
