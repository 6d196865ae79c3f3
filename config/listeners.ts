// The addresses that a plan listens on, and how the services that share one divide its clients. Free of typebox.
import { canonicalHost } from './host.ts';
import { addressOf, placesOf, type PlacePlan, type Plan, type ServicePlan } from './plan.ts';

/** Which clients of a listener belong to a service. */
export interface RoutePlan {
  readonly service: string;
  /** As in ServicePlan. */
  readonly names: readonly string[];
  readonly protocols: readonly string[];
}

/** An address that clients connect to. Services that share it share its socket. */
export interface ListenerPlan extends PlacePlan {
  /** As its first service writes it; not a service's name. */
  readonly address: string;
  /** The largest of its services. */
  readonly backlog: number;
  /** For the client side: the shortest of its services, 0 if none sends probes. */
  readonly keepaliveMs: number;
  /** As in ServicePlan, of all its services: a PROXY header comes before the service is known. */
  readonly proxiesFrom: readonly string[];
  /** The longest of its services. */
  readonly firstBytesMs: number;
  /** In the order of the plan. */
  readonly services: readonly string[];
  /** One per service; empty if its only service takes all clients. */
  readonly routes: readonly RoutePlan[];
}

/** Returns the listeners in the order in which services name them. */
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

/** Whether clients must ask for the service by name or protocol. */
function isChosen({ serverNames, protocols }: ServicePlan): boolean {
  return serverNames.length > 0 || protocols.length > 0;
}

/** Returns the listeners that must read first bytes before they know the client's service. */
export function routedListeners(plan: Pick<Plan, 'services'>): ListenerPlan[] {
  return plan.services.some(isChosen) ? listenersOf(plan).filter(({ routes }) => routes.length > 0) : [];
}
