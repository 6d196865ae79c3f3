// Owns the ids of the instance: small integers for services (by name), endpoints (by service and address) and listeners (by
// address), the same for all workers and generations. An id stays fixed while in use and is reused afterwards. Ignore messages
// with an unknown id.

export interface EndpointName {
  readonly service: string;
  readonly address: string;
}

export interface InUse {
  readonly services: Iterable<string>;
  readonly endpoints: Iterable<EndpointName>;
  readonly listeners: Iterable<string>;
}

/** Names with their ids, as one process passes them to the one that replaces it. */
export interface NamedIds {
  readonly services: readonly (readonly [name: string, id: number])[];
  readonly endpoints: readonly (readonly [service: string, address: string, id: number])[];
}

export interface Registry {
  /** Returns the id, a new one if there is none yet. */
  service(name: string): number;
  endpoint(service: string, address: string): number;
  listener(address: string): number;
  serviceOf(id: number): string | undefined;
  endpointOf(id: number): EndpointName | undefined;
  /** Frees all other ids. */
  keepOnly(used: InUse): void;
  /** All services and endpoints. */
  names(): NamedIds;
  /**
   * Uses the ids of another process, whose workers count in the same memory, and keeps them until alone(). Call before any other
   * use.
   */
  inherit(from: NamedIds): void;
  /** That process has no workers left. */
  alone(): void;
  /** Calls `act` whenever there are other services or endpoints. */
  onChange(act: () => void): void;
}

export function createRegistry(): Registry {
  let changed = (): void => undefined;
  const services = createIds<string>(
    (name) => name,
    () => changed(),
  );
  const endpoints = createIds<EndpointName>(
    ({ service, address }) => endpointKey(service, address),
    () => changed(),
  );
  const listeners = createIds<string>(
    (address) => address,
    () => undefined,
  );
  let inherited: NamedIds = { services: [], endpoints: [] };
  return {
    service: (name) => services.of(name),
    endpoint: (service, address) => endpoints.of({ service, address }),
    listener: (address) => listeners.of(address),
    serviceOf: (id) => services.at(id),
    endpointOf: (id) => endpoints.at(id),
    keepOnly(used) {
      const others = inherited.endpoints.map(([service, address]) => ({ service, address }));
      services.keepOnly([...used.services, ...inherited.services.map(([name]) => name)]);
      endpoints.keepOnly([...used.endpoints, ...others]);
      listeners.keepOnly(used.listeners);
    },
    names: () => ({
      services: services.all(),
      endpoints: endpoints.all().map(([{ service, address }, id]) => [service, address, id] as const),
    }),
    inherit(from) {
      inherited = from;
      services.set(from.services);
      endpoints.set(from.endpoints.map(([service, address, id]) => [{ service, address }, id] as const));
    },
    alone() {
      inherited = { services: [], endpoints: [] };
    },
    onChange(act) {
      changed = act;
    },
  };
}

/** A unique key for a service's endpoint. Neither a service name nor an address contains a line feed. */
export function endpointKey(service: string, address: string): string {
  return `${service}\n${address}`;
}

/** The endpoint with this key. */
export function endpointIn(key: string): EndpointName {
  const [service = '', address = ''] = key.split('\n');
  return { service, address };
}

interface Ids<T> {
  of(it: T): number;
  at(id: number): T | undefined;
  keepOnly(used: Iterable<T>): void;
  all(): (readonly [it: T, id: number])[];
  /** Sets the ids of all. There must be none yet. */
  set(its: readonly (readonly [it: T, id: number])[]): void;
}

function createIds<T>(keyOf: (it: T) => string, changed: () => void): Ids<T> {
  const ids = new Map<string, number>();
  const all: (T | undefined)[] = [];
  let free: number[] = [];

  function findFree(): void {
    // Reuse the lowest ids first, so that arrays indexed by id stay short.
    free = [...all.keys()].filter((id) => all[id] === undefined);
  }

  return {
    of(it) {
      const key = keyOf(it);
      const known = ids.get(key);
      if (known !== undefined) return known;
      const id = free.shift() ?? all.length;
      all[id] = it;
      ids.set(key, id);
      changed();
      return id;
    },
    at: (id) => all[id],
    keepOnly(used) {
      const kept = new Set(Array.from(used, keyOf));
      for (const [key, id] of ids) {
        if (kept.has(key)) continue;
        ids.delete(key);
        all[id] = undefined;
        changed();
      }
      while (all.length > 0 && all.at(-1) === undefined) all.pop();
      findFree();
    },
    all: () => all.flatMap((it, id) => (it === undefined ? [] : [[it, id] as const])),
    set(its) {
      for (const [it, id] of its) {
        all[id] = it;
        ids.set(keyOf(it), id);
      }
      findFree();
      changed();
    },
  };
}
