// Values that are valid alone but wrong together. Each check skips values already reported as wrong.
import { isIP } from 'node:net';
import { accessConflicts } from './access.ts';
import { groupConflicts } from './control-group.ts';
import { discoverConflicts } from './discover.ts';
import type { BackendDraft, Draft, ServiceDraft } from './draft.ts';
import { healthCheckConflicts } from './health-check-draft.ts';
import { canonicalHost, listenersOverlap, splitAddress } from './host.ts';
import { loopsIn } from './loops.ts';
import type { Machine } from './machine.ts';
import { addressOf } from './plan.ts';
import { elsewhere, lineOf, problemAt, quote, type Mark, type Problem } from './problem.ts';
import type { RuntimeKey } from './runtime.ts';
import { MAX_BACKENDS } from './schema.ts';
import { expectation, shapeAt } from './shape.ts';
import { sharingConflicts } from './sharing.ts';
import { sourcesOf } from './source.ts';
import type { Setting } from './tune.ts';

export function conflictsIn(draft: Draft, machine: Machine): Problem[] {
  return [
    ...draft.services.flatMap((service) => [
      ...backendCount(service, draft),
      ...duplicateBackends(service),
      ...nobodyToServe(service),
      ...contradictions(service),
      ...accessConflicts(service),
      ...healthCheckConflicts(service.healthCheck),
      ...limits(service, draft),
      ...service.backends.flatMap((backend) => [
        ...incomplete(backend),
        ...besidePath(backend),
        ...strayFamilies(backend),
        ...discoverConflicts(backend),
      ]),
      ...checkedElsewhere(service),
      ...modeOfNothing(service),
    ]),
    ...loopsIn(draft, machine),
    ...sharingConflicts(draft),
    ...adminOnService(draft),
    ...groupConflicts(draft, machine),
    ...tooManyBackends(draft),
  ];
}

function backendCount({ backends, backendsSound, path, mark, name }: ServiceDraft, draft: Draft): Problem[] {
  if (backends.length > 0 || !backendsSound) return [];
  const place = [...path, 'backends'];
  const hint =
    path.length === 0
      ? 'add "backends:" and below it "  - host: …" and "    port: …"'
      : `give ${quote(name)} its own, or put them at the top level for all ${draft.services.length} services`;
  return [problemAt(mark ?? { line: 1, column: 1, offset: 0 }, place, 'missing, expected a list of backends', hint)];
}

function tooManyBackends({ services }: Draft): Problem[] {
  const total = services.reduce((sum, service) => sum + service.backends.length, 0);
  if (total <= MAX_BACKENDS || services.length === 1) return [];
  const message = `expected at most ${MAX_BACKENDS} backends in all services together, got ${total}`;
  return [problemAt(services[0]?.mark ?? null, ['services'], message)];
}

/** Only certain duplicates; advice.ts covers `localhost` beside 127.0.0.1. */
function duplicateBackends({ backends }: ServiceDraft): Problem[] {
  const seen = new Map<string, BackendDraft>();
  return backends.flatMap((backend) => {
    if (!backend.sound) return [];
    const key = addressOf(backend.canonical, backend.port.value);
    const first = seen.get(key);
    if (first === undefined) seen.set(key, backend);
    if (first === undefined) return [];
    const there = lineOf(first.host.mark, backend.host.mark);
    return [problemAt(backend.host.mark, backend.path, `duplicate backend ${key}`, `it is already on ${there}`)];
  });
}

/** Any one of them may have a reason; all of them together leave no usable backend. */
function nobodyToServe({ backends, backendsSound, path, mark }: ServiceDraft): Problem[] {
  const isSound = backendsSound && backends.length > 0;
  if (!isSound || backends.some(({ sound, weight, backup }) => !sound || !weight.sound || !backup.sound)) return [];
  const [first] = backends;
  const place = [...path, 'backends'];
  const at = first?.host.mark ?? mark;
  if (backends.every(({ weight }) => weight.value === 0)) {
    return [problemAt(at, place, 'every backend has weight 0', 'give at least one a weight from 1 on')];
  }
  if (backends.every(({ backup }) => backup.value)) {
    return [problemAt(at, place, 'every backend is a backup', 'take "backup" away from those to use first')];
  }
  return [];
}

function incomplete({ path, mark, unix, tcp, discover }: BackendDraft): Problem[] {
  if (unix.path !== null) return [];
  return (['host', 'port'] as const).flatMap((key) => {
    if (tcp[key].path !== null || (key === 'port' && discover.value === 'srv')) return [];
    const place = [...path, key];
    return [problemAt(mark, place, `missing, ${expectation(shapeAt(place) ?? {})}`)];
  });
}

function besidePath({ unix, tcp, source, discover, path }: BackendDraft): Problem[] {
  if (unix.mark === null) return [];
  return Object.entries({ ...tcp, source, discover }).flatMap(([key, { path: written, mark }]) =>
    written === null || mark === null
      ? []
      : [problemAt(mark, [...path, key], 'a Unix socket has none', 'remove it, or "unix"')],
  );
}

function modeOfNothing({ bindUnix, bindUnixMode: mode, path }: ServiceDraft): Problem[] {
  if (bindUnix.path !== null || mode.path === null || mode.path.length <= path.length) return [];
  return [
    problemAt(mode.mark, mode.path, 'there is no Unix socket that it could be of', 'add "bind_unix", or remove it'),
  ];
}

/** A Unix socket has no other port to check. */
function checkedElsewhere({ backends, healthCheck }: ServiceDraft): Problem[] {
  const { port } = healthCheck;
  const first = backends.find(({ unix, sound }) => sound && unix.path !== null);
  if (first === undefined || port.path === null || !port.sound) return [];
  const message = `${first.host.value} is a Unix socket, which has no port to check`;
  return [problemAt(port.mark, port.path, message, 'remove it, or give such backends a service of their own')];
}

/** A connection cannot go from an IPv4 address to an IPv6 one. */
function strayFamilies({ host, canonical, source, path }: BackendDraft): Problem[] {
  const family = isIP(canonical);
  const stray = source.sound ? sourcesOf(source.value).find((it) => isIP(it) !== family) : undefined;
  if (family === 0 || stray === undefined) return [];
  const message = `${stray} is an IPv${isIP(stray)} address, and ${host.value} an IPv${family} one`;
  const hint = 'both must be of one family; leave "source" out to let the system choose';
  return [problemAt(source.mark, source.path ?? [...path, 'source'], message, hint)];
}

function contradictions({ path, runtime }: ServiceDraft): Problem[] {
  return [...atMost(path, runtime, 'failover_backoff_initial_ms', 'failover_backoff_max_ms')];
}

/** Checks that the first key's value is not above the second's. Reports it at the key that the file sets. */
function atMost(
  place: ServiceDraft['path'],
  runtime: ServiceDraft['runtime'],
  low: RuntimeKey,
  high: RuntimeKey,
): Problem[] {
  const [a, b]: [Setting<unknown>, Setting<unknown>] = [runtime[low], runtime[high]];
  if (!a.sound || !b.sound || Number(a.value) <= Number(b.value)) return [];
  const [key, at, verb, other, its] = a.path === null ? [high, b, 'below', low, a] : [low, a, 'above', high, b];
  const message = `${String(at.value)} is ${verb} ${other}, which is ${String(its.value)} (${whence(its, at.mark)})`;
  const hint = its.path === null ? `set ${other} as well` : 'change one of them';
  return [problemAt(at.mark, at.path ?? [...place, 'runtime', key], message, hint)];
}

function whence({ mark, origin }: Setting<unknown>, from: Mark | null): string {
  return mark === null ? origin : lineOf(mark, from);
}

function limits({ ownLimit }: ServiceDraft, { limit }: Draft): Problem[] {
  if (ownLimit === null || !ownLimit.sound || !limit.sound || ownLimit.value <= limit.value) return [];
  const message = `${ownLimit.value} is above the limit of the whole instance, ${limit.value} (${whence(limit, ownLimit.mark)})`;
  const hint = 'raise "runtime.max_concurrent_connections" at the top level';
  return [problemAt(ownLimit.mark, ownLimit.path ?? [], message, hint)];
}

function adminOnService({ admin, services }: Draft): Problem[] {
  const own = admin.sound ? splitAddress(admin.value) : null;
  if (own === null) return [];
  const host = canonicalHost(own.host);
  const taken = services.find(
    ({ port, bindAddress }) =>
      port.sound &&
      bindAddress.sound &&
      port.value === own.port &&
      listenersOverlap(canonicalHost(bindAddress.value), host),
  );
  if (taken === undefined) return [];
  const message = `${admin.value} is where service ${quote(taken.name)} listens${elsewhere(taken.mark, admin.mark)}`;
  return [problemAt(admin.mark, ['admin'], message, 'give it a port of its own')];
}
