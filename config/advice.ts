// Warnings about settings that work but deserve a look, and notes, which never fail a check.
import { accessWarnings } from './access.ts';
import { groupWarnings } from './control-group.ts';
import { blockingChecks, strayCancels } from './database-advice.ts';
import type { BackendDraft, Draft, ServiceDraft } from './draft.ts';
import { anyProxy, firstBytes, looseNetworks } from './first-bytes-advice.ts';
import { canonicalHost, isLoopback, isWildcard, maybeSame, splitAddress } from './host.ts';
import type { Machine } from './machine.ts';
import { addressOf } from './plan.ts';
import { problemAt, quote, type Problem } from './problem.ts';
import { sourcesOf } from './source.ts';
import { unixWarnings } from './unix-advice.ts';

/** A client's socket and the backend's. */
const DESCRIPTORS_PER_CONNECTION = 2;
/**
 * Descriptors a worker holds besides connections: 31 when idle (counted on Linux, Node 20, one service; each further one is
 * added below), nine of them the native engine's reserve, plus at most 128 for that engine's pipes.
 */
const DESCRIPTORS_BESIDES = 160;

/** A worker still serves an eighth of its limit, even if that is below the fixed overhead. */
const LEAST_SHARE = 1 / 8;

/** Returns how many connections one process can carry with this many descriptors. */
export function connectionsCarried(descriptors: number, services: number): number {
  const carried = (descriptors - descriptorsFor(0, services)) / DESCRIPTORS_PER_CONNECTION;
  return Math.floor(Math.max(carried, descriptors * LEAST_SHARE));
}

/** Returns how many descriptors one process needs in the worst case, where a single worker holds all connections. */
export function descriptorsFor(connections: number, services: number): number {
  return connections * DESCRIPTORS_PER_CONNECTION + DESCRIPTORS_BESIDES + services;
}

export function warningsFor(draft: Draft, machine: Machine): Problem[] {
  return [
    ...ignoredMode(draft),
    ...openAdmin(draft),
    ...likelyAdminOnService(draft),
    ...groupWarnings(draft, machine),
    ...descriptors(draft, machine),
    ...draft.services.flatMap((service, i) => [
      ...lowPort(service, machine),
      ...backlog(service, machine),
      ...accessWarnings(service),
      ...idleQueue(service),
      ...idleLimits(service),
      ...apartLimits(service, draft),
      ...uselessSlowStart(service),
      ...service.backends.flatMap((backend) => foreignSources(backend, machine)),
      ...firstBytes(service, draft),
      ...unixWarnings(service),
      ...looseNetworks(service),
      ...likelyDuplicates(service),
      ...likelySharedListener(service, draft.services.slice(0, i)),
    ]),
  ];
}

export function notesFor({ services }: Draft): Problem[] {
  return [
    ...openListeners(services),
    ...services.flatMap((service) => [...strayCancels(service), ...blockingChecks(service), ...anyProxy(service)]),
  ];
}

/** Changing weights would send clients of other backends elsewhere. */
function uselessSlowStart({ method, runtime: { slow_start_ms: time } }: ServiceDraft): Problem[] {
  if (method.value !== 'source_hash' || time.path === null || time.value === 0) return [];
  const message = 'has no effect with method source_hash, which sends clients by the weights of the configuration';
  return [problemAt(time.mark, time.path, message, 'remove it, or choose another method')];
}

/** Reports queue settings where the overload policy never queues. */
function idleQueue({ runtime }: ServiceDraft): Problem[] {
  if (runtime.overload_policy.value === 'queue') return [];
  return (['queue_timeout_ms', 'queue_max'] as const).flatMap((key) => {
    const { path, mark } = runtime[key];
    if (path === null) return [];
    return problemAt(
      mark,
      path,
      'has no effect: nobody waits with overload_policy reject',
      'add "overload_policy: queue", or remove it',
    );
  });
}

/** Reports per-source limits that the overall limits make unreachable. */
function idleLimits({ runtime, ownLimit }: ServiceDraft): Problem[] {
  const most = ownLimit ?? runtime.max_concurrent_connections;
  return (
    [
      ['max_connections_per_source', 'max_concurrent_connections', most],
      ['max_connection_rate_per_source', 'max_connection_rate', runtime.max_connection_rate],
    ] as const
  ).flatMap(([key, other, limit]) => {
    const its = runtime[key];
    if (its.path === null || !its.sound || !limit.sound || limit.value === 0 || its.value < limit.value) return [];
    const message = `has no effect: ${other} is ${limit.value}`;
    return its.value === 0 ? [] : [problemAt(its.mark, its.path, message, 'lower it, or remove it')];
  });
}

const COUNTED_TOGETHER = [
  'max_connections_per_source',
  'max_connection_rate_per_source',
  'max_connection_rate',
] as const;

/** The js engine's workers share no memory. */
function apartLimits({ runtime }: ServiceDraft, { engine, workers }: Draft): Problem[] {
  if (engine.value !== 'js' || workers.value === 1) return [];
  return COUNTED_TOGETHER.flatMap((key) => {
    const { path, mark, value } = runtime[key];
    if (path === null || value === 0) return [];
    const message = `each of the ${workers.value} workers of the js engine counts for itself, so up to ${workers.value} times as many may come`;
    return [problemAt(mark, path, message, 'use the native engine, or one worker')];
  });
}

function openListeners(services: readonly ServiceDraft[]): Problem[] {
  return services
    .filter(({ bindAddress, canonical }) => bindAddress.sound && isWildcard(canonical))
    .map(({ bindAddress, path }) =>
      problemAt(
        bindAddress.mark,
        bindAddress.path ?? [...path, 'bind_address'],
        `listens on all interfaces (${bindAddress.value})`,
        'make sure that a firewall decides who may connect',
      ),
    );
}

function ignoredMode({ mode }: Draft): Problem[] {
  return mode === null ? [] : [problemAt(mode, ['mode'], 'has no effect any more', 'remove the line')];
}

/** The admin listener is read-only, but it shows addresses and traffic to anyone who can reach it. */
function openAdmin({ admin }: Draft): Problem[] {
  const own = admin.sound ? splitAddress(admin.value) : null;
  if (own === null || isLoopback(canonicalHost(own.host))) return [];
  const message = `${admin.value} can be reached from other machines`;
  return [problemAt(admin.mark, ['admin'], message, 'bind it to 127.0.0.1, or let a firewall decide who may read it')];
}

function descriptors({ limit, services }: Draft, { descriptors }: Machine): Problem[] {
  if (descriptors === null || !limit.sound) return [];
  const needed = descriptorsFor(limit.value, services.length);
  if (needed <= descriptors) return [];
  const carries = connectionsCarried(descriptors, services.length);
  const message = `${limit.value} connections can need ${needed} file descriptors, and the limit is ${descriptors}, enough for ${carries}`;
  const hint = 'raise the limit (ulimit -Hn, LimitNOFILE= of systemd) or lower this value';
  return [problemAt(limit.mark, limit.path ?? ['runtime', 'max_concurrent_connections'], message, hint)];
}

function lowPort({ port, path }: ServiceDraft, { firstPort }: Machine): Problem[] {
  if (!port.sound || port.value === 0 || port.value >= firstPort) return [];
  const message = `this user may not bind port ${port.value}, only ${firstPort} and above`;
  const hint = 'give bal CAP_NET_BIND_SERVICE, or choose a higher port';
  return [problemAt(port.mark, port.path ?? [...path, 'port'], message, hint)];
}

/** Only for an explicit value: the profile's default means "as much as possible". */
function backlog({ runtime: { tcp_backlog: value } }: ServiceDraft, { somaxconn }: Machine): Problem[] {
  if (value.path === null || !value.sound || somaxconn === null || value.value <= somaxconn) return [];
  const message = `the kernel caps it at ${somaxconn} (net.core.somaxconn)`;
  return [problemAt(value.mark, value.path, message, `sysctl -w net.core.somaxconn=${value.value}`)];
}

/** Only a warning: the address may be added later, as a virtual address is. */
function foreignSources({ source, path }: BackendDraft, { own }: Machine): Problem[] {
  if (!source.sound || own.length === 0) return [];
  const foreign = sourcesOf(source.value).filter((it) => !isLoopback(it) && !own.includes(it));
  const hint = 'until it has, connects from there fail: correct it, or add it to an interface';
  return foreign.map((it) =>
    problemAt(source.mark, source.path ?? [...path, 'source'], `this machine has no address ${it}`, hint),
  );
}

function likelyDuplicates({ backends }: ServiceDraft): Problem[] {
  const local = backends.filter(({ sound, canonical }) => sound && isLoopback(canonical));
  const named = local.filter(({ canonical }) => canonical === 'localhost');
  return named.flatMap((backend) => {
    const twin = local.find(
      ({ port, canonical }) => port.value === backend.port.value && maybeSame(canonical, backend.canonical),
    );
    if (twin === undefined) return [];
    const [later, earlier] = [backend, twin].sort((a, b) => Number(b.path.at(-1)) - Number(a.path.at(-1)));
    if (later === undefined || earlier === undefined) return [];
    const message = `${shown(later)} is most likely the same as ${shown(earlier)}, and would get twice its share`;
    return [problemAt(later.host.mark, later.path, message, 'remove one of them')];
  });
}

function shown({ host, port }: BackendDraft): string {
  return addressOf(host.value, port.value);
}

function likelySharedListener(service: ServiceDraft, before: readonly ServiceDraft[]): Problem[] {
  const { port, bindAddress, canonical, path, mark } = service;
  const other = before.find((its) => its.port.value === port.value && maybeSame(its.canonical, canonical));
  if (other === undefined || !port.sound || !bindAddress.sound) return [];
  const message = `${addressOf(bindAddress.value, port.value)} is most likely taken by service ${quote(other.name)}`;
  return [problemAt(mark, path, message, 'give each service a port of its own')];
}

function likelyAdminOnService({ admin, services }: Draft): Problem[] {
  const own = admin.sound ? splitAddress(admin.value) : null;
  const host = canonicalHost(own?.host ?? '');
  const taken = services.find(
    ({ port, bindAddress, canonical }) =>
      port.sound && bindAddress.sound && port.value === own?.port && maybeSame(canonical, host),
  );
  if (taken === undefined) return [];
  const message = `${admin.value} is most likely taken by service ${quote(taken.name)}`;
  return [problemAt(admin.mark, ['admin'], message, 'give it a port of its own')];
}
