// A backend may be another service of the same bal: a chain. Only one that leads back to where it began is a loop, in which a
// connection goes round until the limit is reached.
import { isIPv6 } from 'node:net';
import type { BackendDraft, Draft, ServiceDraft } from './draft.ts';
import { isLoopback, isWildcard } from './host.ts';
import type { Machine } from './machine.ts';
import { addressOf } from './plan.ts';
import { problemAt, quote, type Problem } from './problem.ts';

/** A backend that is a service of this bal. */
interface Link {
  readonly from: ServiceDraft;
  readonly backend: BackendDraft;
  readonly to: ServiceDraft;
}

/** Each loop once, at the first of its backends in the file; the message names all of them. */
export function loopsIn({ services }: Draft, machine: Machine): Problem[] {
  const links = new Map(services.map((from) => [from, linksOf(from, services, machine)]));
  const told = new Set<Link>();
  return [...links.values()].flat().flatMap((link) => {
    const loop = told.has(link) ? null : loopThrough(link, links);
    if (loop === null) return [];
    for (const part of loop) told.add(part);
    return [problemOf(link, loop)];
  });
}

function linksOf(from: ServiceDraft, services: readonly ServiceDraft[], machine: Machine): Link[] {
  const listening = services.filter(({ port, bindAddress }) => port.sound && bindAddress.sound);
  return from.backends
    .filter(({ sound }) => sound)
    .flatMap((backend) => {
      const to = listening.find(
        ({ port, canonical }) => port.value === backend.port.value && reaches(backend.canonical, canonical, machine),
      );
      return to === undefined ? [] : [{ from, backend, to }];
    });
}

/** The shortest way from the link back to its own service, the link first; null when there is none. */
function loopThrough(link: Link, links: ReadonlyMap<ServiceDraft, readonly Link[]>): Link[] | null {
  const seen = new Set<ServiceDraft>([link.to]);
  let ways: Link[][] = [[link]];
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

function problemOf({ from, backend, to }: Link, loop: readonly Link[]): Problem {
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
 * Whether connecting to `host` ends at a listener on `bound`. `0.0.0.0` does not take ::1, but nobody means a different
 * program on the same port of the other loopback address; so this counts as a loop, too.
 */
function reaches(host: string, bound: string, machine: Machine): boolean {
  if (host === bound) return true;
  if (isWildcard(bound)) return isLoopback(host) || (machine.own.includes(host) && !(isIPv6(host) && bound !== '::'));
  if (host === 'localhost') return bound === '127.0.0.1' || bound === '::1';
  return bound === 'localhost' && (host === '127.0.0.1' || host === '::1');
}
