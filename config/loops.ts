// Finds loops. A backend may be another service of the same bal, which makes a chain. Only a chain that leads back to its
// beginning is a loop, in which a connection circulates until the limit is reached.
import { isIPv6 } from 'node:net';
import type { BackendDraft, Draft, ServiceDraft } from './draft.ts';
import { canonicalHost, isLoopback, isWildcard } from './host.ts';
import type { Machine } from './machine.ts';
import { addressOf, placesOf, type BackendPlan, type ServicePlan } from './plan.ts';
import { problemAt, quote, type Problem } from './problem.ts';

/** Where a service listens and where its backends are. */
interface Stop<S, B> {
  readonly service: S;
  readonly listens: readonly Place[];
  readonly backends: readonly (Place & { readonly backend: B })[];
}

interface Place {
  /** The canonical host (host.ts). */
  readonly canonical: string;
  readonly port: number;
}

/** A backend that is a service of this bal. */
interface Link<S, B> {
  readonly from: S;
  readonly backend: B;
  readonly to: S;
}

/** Reports each loop once, at its first backend in the file; the message names all of them. */
export function loopsIn({ services }: Draft, machine: Machine): Problem[] {
  const links = linksIn(services.map(stopOf), machine);
  const reported = new Set<DraftLink>();
  return [...links.values()].flat().flatMap((link) => {
    const loop = reported.has(link) ? null : loopThrough(link, links);
    if (loop === null) return [];
    for (const part of loop) reported.add(part);
    return [problemOf(link, loop)];
  });
}

/** Returns the services of the loop that adding this backend would close, or null. */
export function loopBy(
  added: BackendPlan,
  to: string,
  services: readonly ServicePlan[],
  machine: Machine,
): readonly string[] | null {
  const stops = services.map((service) => ({
    service: service.name,
    listens: placesOf(service).map(({ bindAddress, port }) => ({ canonical: canonicalHost(bindAddress), port })),
    backends: [...service.backends, ...(service.name === to ? [added] : [])].map((backend) => ({
      backend,
      canonical: canonicalHost(backend.host),
      port: backend.port,
    })),
  }));
  const links = linksIn(stops, machine);
  const link = links.get(to)?.find(({ backend }) => backend === added);
  const loop = link === undefined ? null : loopThrough(link, links);
  return loop === null ? null : [to, ...loop.map((part) => part.to)];
}

function stopOf(service: ServiceDraft): Stop<ServiceDraft, BackendDraft> {
  const { port, bindAddress, bindUnix, canonical, backends } = service;
  const hasTcp = port.sound && bindAddress.sound && port.value !== 0;
  const hasPath = bindUnix.sound && bindUnix.path !== null;
  return {
    service,
    listens: [
      ...(hasTcp ? [{ canonical, port: port.value }] : []),
      ...(hasPath ? [{ canonical: bindUnix.value, port: 0 }] : []),
    ],
    backends: backends
      .filter(({ sound }) => sound)
      .map((backend) => ({ backend, canonical: backend.canonical, port: backend.port.value })),
  };
}

function linksIn<S, B>(stops: readonly Stop<S, B>[], machine: Machine): Map<S, readonly Link<S, B>[]> {
  const linksOf = ({ service: from, backends }: Stop<S, B>): Link<S, B>[] =>
    backends.flatMap(({ backend, canonical, port }) => {
      // Services that share an address are all candidates.
      const to = stops.filter(({ listens }) =>
        listens.some((place) => place.port === port && reaches(canonical, place.canonical, machine)),
      );
      return to.map((stop) => ({ from, backend, to: stop.service }));
    });
  return new Map(stops.map((stop) => [stop.service, linksOf(stop)]));
}

/** Returns the shortest path from the link back to its own service, starting with the link, or null. */
function loopThrough<S, B>(link: Link<S, B>, links: ReadonlyMap<S, readonly Link<S, B>[]>): Link<S, B>[] | null {
  const seen = new Set<S>([link.to]);
  let ways: Link<S, B>[][] = [[link]];
  while (ways.length > 0) {
    const back = ways.find((way) => way.at(-1)?.to === link.from);
    if (back !== undefined) return back;
    ways = ways.flatMap((way) =>
      (links.get(way.at(-1)?.to ?? link.to) ?? []).flatMap((next) => {
        if (seen.has(next.to)) return [];
        seen.add(next.to);
        return [[...way, next]];
      }),
    );
  }
  return null;
}

type DraftLink = Link<ServiceDraft, BackendDraft>;

function problemOf({ from, backend, to }: DraftLink, loop: readonly DraftLink[]): Problem {
  const { mark } = backend.host;
  if (loop.length === 1) {
    const message = `a loop: ${textOf(backend)} is where bal itself listens`;
    const whose = to.path.length === 0 ? '' : ` of service ${quote(to.name)}`;
    return problemAt(mark, backend.path, message, `change the backend, or the port${whose}`);
  }
  const steps = loop.map((link) => `${quote(link.to.name)} (${textOf(link.backend)})`);
  const message = `a loop: ${[quote(from.name), ...steps].join(' -> ')}`;
  return problemAt(mark, backend.path, message, 'change one of these backends; a chain of services must end outside');
}

function textOf({ host, port }: BackendDraft): string {
  return addressOf(host.value, port.value);
}

/**
 * Whether connecting to `host` ends at a listener on `bound`. `0.0.0.0` does not cover ::1, but nobody intends another program
 * on the same port of the other loopback address, so that counts as a loop too.
 */
function reaches(host: string, bound: string, machine: Machine): boolean {
  if (host === bound) return true;
  if (isWildcard(bound)) return isLoopback(host) || (machine.own.includes(host) && !(isIPv6(host) && bound !== '::'));
  if (host === 'localhost') return bound === '127.0.0.1' || bound === '::1';
  return bound === 'localhost' && (host === '127.0.0.1' || host === '::1');
}
