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

export interface Registry {
  /** Returns the id, a new one if there is none yet. */
  service(name: string): number;
  endpoint(service: string, address: string): number;
  listener(address: string): number;
  serviceOf(id: number): string | undefined;
  endpointOf(id: number): EndpointName | undefined;
  /** Frees all other ids. */
  keepOnly(used: InUse): void;
}

export function createRegistry(): Registry {
  const services = createIds<string>((name) => name);
  const endpoints = createIds<EndpointName>(({ service, address }) => endpointKey(service, address));
  const listeners = createIds<string>((address) => address);
  return {
    service: (name) => services.of(name),
    endpoint: (service, address) => endpoints.of({ service, address }),
    listener: (address) => listeners.of(address),
    serviceOf: (id) => services.at(id),
    endpointOf: (id) => endpoints.at(id),
    keepOnly(used) {
      services.keepOnly(used.services);
      endpoints.keepOnly(used.endpoints);
      listeners.keepOnly(used.listeners);
    },
  };
}

/** A unique key for a service's endpoint. Neither a service name nor an address contains a line feed. */
export function endpointKey(service: string, address: string): string {
  return `${service}\n${address}`;
}

interface Ids<T> {
  of(it: T): number;
  at(id: number): T | undefined;
  keepOnly(used: Iterable<T>): void;
}

function createIds<T>(keyOf: (it: T) => string): Ids<T> {
  const ids = new Map<string, number>();
  const all: (T | undefined)[] = [];
  let free: number[] = [];
  return {
    of(it) {
      const key = keyOf(it);
      const known = ids.get(key);
      if (known !== undefined) return known;
      const id = free.shift() ?? all.length;
      all[id] = it;
      ids.set(key, id);
      return id;
    },
    at: (id) => all[id],
    keepOnly(used) {
      const kept = new Set(Array.from(used, keyOf));
      for (const [key, id] of ids) {
        if (kept.has(key)) continue;
        ids.delete(key);
        all[id] = undefined;
      }
      while (all.length > 0 && all.at(-1) === undefined) all.pop();
      // Reuse the lowest ids first, so that arrays indexed by id stay short.
      free = [...all.keys()].filter((id) => all[id] === undefined);
    },
  };
}
