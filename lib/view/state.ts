// The words and colours for states that `status`, `why`, `top` and the page share, and their order: worst first. Pure, and fit
// for a browser.

import type { BackendStatus, ServiceStatus, Status, WorkerStatus } from '../control/protocol.ts';

/** good: nothing to do; odd: deserves a look; bad: clients suffer, or soon will. */
export type Tone = 'good' | 'odd' | 'bad';

export interface Shown {
  readonly text: string;
  readonly tone: Tone;
}

/** As in `status`; a bal of another version may leave fields out. */
type Live = Pick<BackendStatus, 'reachable' | 'state' | 'weight' | 'administrative'>;
type OfService = Pick<ServiceStatus, 'recent'> & { readonly backends: readonly Live[] };

export type ServiceState = 'serving' | 'degraded' | 'failing';

/** Degraded: a backend is out, or many clients fail, but the service still serves. Failing: no backend is left. */
export function serviceState({ backends, recent }: OfService): ServiceState {
  const live = backends.filter(isMeantToServe);
  const out = live.filter(({ reachable }) => reachable !== true);
  if (out.length === live.length) return 'failing';
  return out.length > 0 || recent?.failing === true ? 'degraded' : 'serving';
}

/** False for a backend that left the configuration, was drained, or has no weight. */
export function isMeantToServe({ state, weight, administrative }: Omit<Live, 'reachable'>): boolean {
  return state !== 'draining' && administrative !== 'drained' && administrative !== 'removed' && weight !== 0;
}

/** A stopping instance takes no new clients, whatever the state of its backends. */
export function isStopping(state: Status['state']): boolean {
  return state === 'draining' || state === 'stopped';
}

const TONES = { serving: 'good', degraded: 'odd', failing: 'bad' } as const satisfies Record<ServiceState, Tone>;

/** `state`: the instance's. */
export function serviceShown(service: OfService, state: Status['state']): Shown {
  if (isStopping(state)) return { text: 'stopping', tone: 'odd' };
  const text = serviceState(service);
  return { text, tone: TONES[text] };
}

/** The instance's own state, or that of its worst service. */
export function instanceShown({ state, services }: Pick<Status, 'state' | 'services'>): Shown {
  if (state === null) return { text: 'unknown', tone: 'odd' };
  if (state === 'draining') return { text: 'stopping', tone: 'odd' };
  if (state === 'starting' || state === 'stopped') return { text: state, tone: 'odd' };
  const states = new Set(services.map(serviceState));
  const [text, tone]: readonly [string, Tone] = states.has('failing')
    ? ['failing', 'bad']
    : states.has('degraded')
      ? ['degraded', 'odd']
      : ['running', 'good'];
  return { text: state === 'reloading' ? `${text}, reloading` : text, tone };
}

type OfBackend = Pick<BackendStatus, 'state' | 'cooldown_ms' | 'recent' | 'administrative'>;

export function backendShown({ state, cooldown_ms, administrative, recent }: OfBackend): Shown {
  if (state === 'down') return { text: 'down', tone: 'bad' };
  if (administrative === 'drained') return { text: 'drained', tone: 'odd' };
  if (state !== 'up') return { text: state ?? 'unknown', tone: 'odd' };
  if ((cooldown_ms ?? 0) > 0) return { text: 'cooling', tone: 'odd' };
  return recent?.failing === true ? { text: 'up, fails', tone: 'odd' } : { text: 'up', tone: 'good' };
}

export function workerShown({ state }: Pick<WorkerStatus, 'state'>): Shown {
  return { text: state, tone: state === 'ready' ? 'good' : 'odd' };
}

const RANKS = { bad: 0, odd: 1, good: 2 } as const satisfies Record<Tone, number>;

/** Sorts worst first; the sort is stable. */
export function worstFirst<T>(items: readonly T[], shown: (item: T) => Shown): T[] {
  const ranked = items.map((item) => [RANKS[shown(item).tone], item] as const);
  return ranked.sort(([a], [b]) => a - b).map(([, item]) => item);
}

/** `2 of 3 backends up`: reachable backends of all the service has. */
export function upText({
  backend_reachable,
  backend_total,
}: Pick<ServiceStatus, 'backend_reachable' | 'backend_total'>): string {
  return `${backend_reachable ?? '?'} of ${backend_total} ${backend_total === 1 ? 'backend' : 'backends'} up`;
}

/** Sums over all services. */
export function upCounts(services: Status['services']): { readonly up: number; readonly total: number } {
  return {
    up: services.reduce((sum, service) => sum + (service.backend_reachable ?? 0), 0),
    total: services.reduce((sum, service) => sum + service.backend_total, 0),
  };
}
