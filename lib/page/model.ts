// What the page knows, and how each message from bal changes it. Pure: time is an argument.

import type { BackendStateName, EventRecord, Readiness, Status } from '../control/protocol.ts';
import type { History } from '../control/rates.ts';
import { backendKey, isSameRun, observe } from '../control/rates.ts';

/** `since` is in ms of the wall clock. */
export type Link =
  { readonly kind: 'connecting' } | { readonly kind: 'connected' } | { readonly kind: 'lost'; readonly since: number };

/** One point a second; null makes a gap in the chart. */
export interface Timeline {
  /** Seconds of the wall clock. */
  readonly at: readonly number[];
  readonly connections: readonly (number | null)[];
  readonly refused: readonly (number | null)[];
  readonly bytesIn: readonly (number | null)[];
  readonly bytesOut: readonly (number | null)[];
  readonly active: readonly (number | null)[];
}

export interface Model {
  readonly link: Link;
  readonly history: History | null;
  readonly readiness: Readiness | null;
  /** Oldest first. */
  readonly events: readonly EventRecord[];
  readonly timeline: Timeline;
  /** By backendKey(), oldest first, as long as the trend in `history`. */
  readonly states: ReadonlyMap<string, readonly (BackendStateName | null)[]>;
}

/** In seconds, and in points. */
export const TIMELINE_LENGTH = 300;
const STATES_LENGTH = 60;
const EVENTS_KEPT = 1000;
const TOO_CLOSE_MS = 500;

export const initialModel: Model = {
  link: { kind: 'connecting' },
  history: null,
  readiness: null,
  events: [],
  timeline: { at: [], connections: [], refused: [], bytesIn: [], bytesOut: [], active: [] },
  states: new Map(),
};

/** The stream is open; bal starts it with all events that it remembers. */
export function opened(model: Model): Model {
  return { ...model, link: { kind: 'connected' }, events: [] };
}

/** The stream is lost; what is known stays, and the charts get a gap. */
export function lost(model: Model, wall: number): Model {
  if (model.link.kind === 'lost') return model;
  const gap = { connections: null, refused: null, bytesIn: null, bytesOut: null, active: null };
  return { ...model, link: { kind: 'lost', since: wall }, timeline: extended(model.timeline, wall / 1000, gap) };
}

/** `wall` is in ms of the wall clock. Rates use bal's own clock, because messages may be delayed on their way. */
export function sawStatus(model: Model, status: Status, wall: number): Model {
  const before = model.history;
  const at = status.uptime_ms ?? 0;
  // Without an older value of the same run there is no rate.
  const isKnown = before !== null && isSameRun(before.status, status);
  // The first status of a stream and the periodic one may arrive together, too close for a rate.
  if (isKnown && at - before.at < TOO_CLOSE_MS) return model;
  const history = observe(before, status, at);
  const { connections, refused, bytesIn, bytesOut } = history.total;
  const active = status.totals?.active_connections ?? null;
  const rates = isKnown
    ? { connections, refused, bytesIn, bytesOut }
    : { connections: null, refused: null, bytesIn: null, bytesOut: null };
  return {
    ...model,
    history,
    timeline: extended(model.timeline, wall / 1000, { ...rates, active }),
    states: withStates(model.states, status),
  };
}

export function sawReadiness(model: Model, readiness: Readiness): Model {
  return { ...model, readiness };
}

export function sawEvent(model: Model, event: EventRecord): Model {
  return { ...model, events: [...model.events, event].slice(-EVENTS_KEPT) };
}

type Point = { readonly [name in Exclude<keyof Timeline, 'at'>]: number | null };

function extended(timeline: Timeline, at: number, point: Point): Timeline {
  // Charts need increasing times, whatever happens to the clock.
  const last = timeline.at.at(-1);
  const from = last !== undefined && at <= last ? EMPTY : timeline;
  // After the machine slept, old points would leave no room for new ones.
  const old = from.at.filter((point) => point < at - TIMELINE_LENGTH).length;
  const more = <T>(values: readonly T[], value: T): readonly T[] =>
    [...values.slice(old), value].slice(-TIMELINE_LENGTH);
  return {
    at: more(from.at, at),
    connections: more(from.connections, point.connections),
    refused: more(from.refused, point.refused),
    bytesIn: more(from.bytesIn, point.bytesIn),
    bytesOut: more(from.bytesOut, point.bytesOut),
    active: more(from.active, point.active),
  };
}

const EMPTY = initialModel.timeline;

function withStates(before: Model['states'], { services }: Status): Model['states'] {
  return new Map(
    services.flatMap(({ name, backends }) =>
      backends.map(({ address, state }) => {
        const key = backendKey(name, address);
        return [key, [...(before.get(key) ?? []), state].slice(-STATES_LENGTH)] as const;
      }),
    ),
  );
}
