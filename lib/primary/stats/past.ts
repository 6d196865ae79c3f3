// What was counted by the predecessor, whose totals this process takes over. Keyed by name, because its ids differ, and without
// gauges, because those come with the connections themselves.

import { fieldsOf } from '../../fields.ts';
import { ENDPOINT_FIELDS, GAUGES, SERVICE_FIELDS, endpointAt, serviceAt } from '../../ipc/counters.ts';
import type { Part, Totals } from './totals.ts';
import { addAt, countsAt, partOf } from './totals.ts';

/** By counter. */
type Counts = Readonly<Record<string, number>>;

interface PastPart {
  readonly clients: Counts;
  readonly backends: Counts;
}

export interface Past {
  readonly instance: PastPart;
  readonly services: Readonly<Record<string, PastPart>>;
  /** By endpointKey(). */
  readonly backends: Readonly<Record<string, Counts>>;
}

const ACTIVE = serviceAt(0, 'active');
const RELAYED = endpointAt(0, 'active');
const NOTHING: PastPart = { clients: {}, backends: {} };
export const NO_PAST: Past = { instance: NOTHING, services: {}, backends: {} };

/** All counts of these totals, including the past that they took over. */
export function pastOf({ instance, services, backends }: Totals): Past {
  const part = ({ clients, backends: relayed }: Part): PastPart => ({
    clients: counters(SERVICE_FIELDS, clients),
    backends: counters(ENDPOINT_FIELDS, relayed),
  });
  return {
    instance: part(instance),
    services: Object.fromEntries([...services].map(([name, its]) => [name, part(its)])),
    backends: Object.fromEntries([...backends].map(([key, counts]) => [key, counters(ENDPOINT_FIELDS, counts)])),
  };
}

function counters(fields: readonly string[], counts: readonly number[]): Counts {
  return Object.fromEntries(
    fields.flatMap((field, at) => {
      const count = counts[at] ?? 0;
      return GAUGES.has(field) || count === 0 ? [] : [[field, count]];
    }),
  );
}

/** Adds what `next`, which comes from another process, has beyond `last`. Returns the next `last`. */
export function inherit(totals: Totals, last: Past, next: unknown): Past {
  const { instance, services, backends } = fieldsOf(next);
  const ofService = (name: string, its: unknown): PastPart =>
    grownPart(own(last.services, name) ?? NOTHING, its, partOf(totals, name));
  const ofBackend = (key: string, its: unknown): Counts =>
    grown(ENDPOINT_FIELDS, own(last.backends, key) ?? {}, its, countsAt(totals, key));
  return {
    instance: grownPart(last.instance, instance, totals.instance),
    services: { ...last.services, ...named(services, ofService) },
    backends: { ...last.backends, ...named(backends, ofBackend) },
  };
}

/** Counts the clients that another process has, as a change from what it last reported. By service; null for the instance. */
export function hold(totals: Totals, service: string | null, before: number, now: number): void {
  const { clients } = service === null ? totals.instance : partOf(totals, service);
  addAt(clients, ACTIVE, now - before);
}

/** The same for connections to a backend, by endpointKey(). */
export function holdBackend(totals: Totals, key: string, before: number, now: number): void {
  addAt(countsAt(totals, key), RELAYED, now - before);
}

/** How many connections each backend has, if it has any. By endpointKey(). */
export function loadsOf({ backends }: Totals): Readonly<Record<string, number>> {
  return Object.fromEntries(
    [...backends].flatMap(([key, counts]) => (counts[RELAYED] ? [[key, counts[RELAYED]]] : [])),
  );
}

function grownPart(last: PastPart, next: unknown, to: Part): PastPart {
  const { clients, backends } = fieldsOf(next);
  return {
    clients: grown(SERVICE_FIELDS, last.clients, clients, to.clients),
    backends: grown(ENDPOINT_FIELDS, last.backends, backends, to.backends),
  };
}

/** Ignores a value that falls or is no count, and unknown names. */
function grown(fields: readonly string[], last: Counts, next: unknown, to: number[]): Counts {
  const counts: Record<string, number> = { ...last };
  const given = fieldsOf(next);
  for (const [at, name] of fields.entries()) {
    const value = given[name];
    const before = last[name] ?? 0;
    const isMore = typeof value === 'number' && value > before && value <= Number.MAX_SAFE_INTEGER;
    if (GAUGES.has(name) || !isMore) continue;
    counts[name] = value;
    addAt(to, at, value - before);
  }
  return counts;
}

function named<T>(value: unknown, take: (name: string, its: unknown) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(fieldsOf(value)).map(([name, its]) => [name, take(name, its)]));
}

/** hasOwn, because a name may be that of an Object property. */
function own<T>(values: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}
