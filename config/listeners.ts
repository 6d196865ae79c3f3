// The addresses that a plan listens on, and which of its services gets whose clients there. Free of typebox.
import { canonicalHost } from './host.ts';
import { addressOf, placesOf, type PlacePlan, type Plan, type ServicePlan } from './plan.ts';

/** Of a service: whose clients are its. */
export interface RoutePlan {
  readonly service: string;
  /** As in ServicePlan. */
  readonly names: readonly string[];
  readonly protocols: readonly string[];
}

/** An address that clients come to. Services that share one share its socket. */
export interface ListenerPlan extends PlacePlan {
  /** As the first of its services has it written; no name of a service. */
  readonly address: string;
  /** The largest of its services'. */
  readonly backlog: number;
  /** On the clients' side; the shortest of its services', 0 where none wants probes. */
  readonly keepaliveMs: number;
  /** As in ServicePlan, of all its services: a header comes before it is known whose client it is. */
  readonly proxiesFrom: readonly string[];
  /** The longest of its services'. */
  readonly firstBytesMs: number;
  /** In the order of the plan. */
  readonly services: readonly string[];
  /** One for each of its services; empty where all clients are those of its only one. */
  readonly routes: readonly RoutePlan[];
}

/** In the order in which the services name them. */
export function listenersOf({ services }: Pick<Plan, 'services'>): ListenerPlan[] {
  const listeners = new Map<string, { readonly place: PlacePlan; readonly sharing: ServicePlan[] }>();
  for (const service of services) {
    for (const place of placesOf(service)) {
      const key = addressOf(canonicalHost(place.bindAddress), place.port);
      const known = listeners.get(key);
      if (known === undefined) listeners.set(key, { place, sharing: [service] });
      else known.sharing.push(service);
    }
  }
  return [...listeners.values()].map(({ place, sharing }) => {
    const probes = sharing.map(({ runtime }) => runtime.keepaliveMs).filter((ms) => ms > 0);
    return {
      ...place,
      address: addressOf(place.bindAddress, place.port),
      backlog: Math.max(...sharing.map(({ runtime }) => runtime.backlog)),
      keepaliveMs: probes.length === 0 ? 0 : Math.min(...probes),
      proxiesFrom: [...new Set(sharing.flatMap(({ proxiesFrom }) => proxiesFrom))],
      firstBytesMs: Math.max(...sharing.map(({ runtime }) => runtime.firstBytesMs)),
      services: sharing.map(({ name }) => name),
      routes: sharing.some(isChosen)
        ? sharing.map(({ name, serverNames, protocols }) => ({ service: name, names: serverNames, protocols }))
        : [],
    };
  });
}

/** Its clients have to ask for it. */
function isChosen({ serverNames, protocols }: ServicePlan): boolean {
  return serverNames.length > 0 || protocols.length > 0;
}

/** The listeners that have to hear their clients before it is known which service they get. */
export function routedListeners(plan: Pick<Plan, 'services'>): ListenerPlan[] {
  return plan.services.some(isChosen) ? listenersOf(plan).filter(({ routes }) => routes.length > 0) : [];
}
