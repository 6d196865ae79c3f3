// The draft: the file's blocks laid over each other, with the origin of each value. A file with mistakes has a draft too, so
// that the rest of it can be checked.
import { accessDraft, type AccessDraft } from './access.ts';
import { healthCheckDraft, type HealthCheckDraft } from './health-check-draft.ts';
import { canonicalHost, withoutBrackets } from './host.ts';
import type { Machine } from './machine.ts';
import type { Discover, EngineChoice, LogConnections, LogLevel, Method, SendProxy } from './plan.ts';
import type { Mark, Path } from './problem.ts';
import { DEFAULTS } from './defaults.ts';
import { type ConfigFile } from './schema.ts';
import { overlay, profileFor, settle, type Block, type Setting, type TunedRuntime } from './tune.ts';
import { keyOf } from './yaml.ts';

export interface BackendDraft {
  readonly path: Path;
  readonly mark: Mark | null;
  /** For a Unix socket, the path; its port is 0. */
  readonly host: Setting<string>;
  readonly port: Setting<number>;
  readonly weight: Setting<number>;
  readonly backup: Setting<boolean>;
  readonly maxConnections: Setting<number>;
  /** Overrides the service's only when written. */
  readonly sendProxy: Setting<SendProxy>;
  readonly discover: Setting<Discover>;
  /** An address or a list of addresses; '' for none. */
  readonly source: Setting<unknown>;
  /** As written; its path is null when absent. */
  readonly unix: Setting<string>;
  readonly tcp: { readonly host: Setting<string>; readonly port: Setting<number> };
  /** The canonical host (host.ts). */
  readonly canonical: string;
  /** Whether both host and port are sound. */
  readonly sound: boolean;
}

export interface ServiceDraft {
  readonly name: string;
  /** `['services', 'web']`; empty for the flat form. */
  readonly path: Path;
  readonly mark: Mark | null;
  readonly port: Setting<number>;
  readonly bindAddress: Setting<string>;
  /** Its path is null when not written. Without a port beside it, it is also the bind address, and the port is 0. */
  readonly bindUnix: Setting<string>;
  readonly bindUnixMode: Setting<string>;
  /** The canonical bind address. */
  readonly canonical: string;
  readonly method: Setting<Method>;
  readonly sendProxy: Setting<SendProxy>;
  /** Empty if no proxy has to send a PROXY header. */
  readonly proxiesFrom: Setting<readonly string[]>;
  /** A name or a list of names; '' for none. `alpn` likewise. */
  readonly serverName: Setting<unknown>;
  readonly alpn: Setting<unknown>;
  readonly access: AccessDraft;
  readonly backends: readonly BackendDraft[];
  /** False when the list as a whole is wrong, so that nothing can be said about it. */
  readonly backendsSound: boolean;
  readonly healthCheck: HealthCheckDraft;
  readonly runtime: TunedRuntime;
  /** The limit in its own block; null in the flat form, where only the instance's limit exists. */
  readonly ownLimit: Setting<number> | null;
}

export interface Draft {
  readonly logLevel: Setting<LogLevel>;
  readonly logConnections: Setting<LogConnections>;
  /** Empty when off. */
  readonly admin: Setting<string>;
  readonly adminHosts: Setting<readonly string[]>;
  /** Empty for none. */
  readonly controlGroup: Setting<string>;
  readonly workers: Setting<number>;
  readonly engine: Setting<EngineChoice>;
  readonly dnsServers: Setting<readonly string[]>;
  /** For the whole instance. */
  readonly limit: Setting<number>;
  /** Where `mode` of old files stands. */
  readonly mode: Mark | null;
  /** In the order of the file. */
  readonly services: readonly ServiceDraft[];
}

/** A type any part of which may have been pruned. */
export type Pruned<T> = T extends readonly (infer Item)[]
  ? readonly Pruned<Item>[]
  : T extends object
    ? { readonly [K in keyof T]?: Pruned<T[K]> }
    : T;

/** The file's data with everything wrong removed; `bad` holds the removed places. */
export interface Written {
  readonly file: Pruned<ConfigFile>;
  readonly marks: ReadonlyMap<string, Mark>;
  readonly bad: ReadonlySet<string>;
}

type OwnBlock = Pruned<NonNullable<ConfigFile['services']>[string]>;
type ServiceBlock = Omit<OwnBlock, 'server_name' | 'alpn'>;

type BackendBlock = Pruned<NonNullable<ConfigFile['backends']>[number]>;

export function draftOf(written: Written, machine: Machine): Draft {
  const { file, marks } = written;
  const top = [blockOf(file, [], written)];
  const services = servicesOf(written);
  const total = services.reduce((sum, service) => sum + service.backends.length, 0);
  const limit = settle(
    'max_concurrent_connections',
    [blockOf(file.runtime ?? {}, ['runtime'], written)],
    profileFor(total).max_concurrent_connections,
    'auto-tuned',
  );
  return {
    logLevel: settle('log_level', top, DEFAULTS.log_level, 'default'),
    logConnections: settle('log_connections', top, DEFAULTS.log_connections, 'default'),
    admin: settle('admin', top, '', 'default'),
    adminHosts: namesIn(settle('admin_hosts', top, [], 'default')),
    controlGroup: settle('control_group', top, '', 'default'),
    workers: settle('workers', top, Math.min(machine.cores, 256), 'default'),
    engine: settle('engine', top, DEFAULTS.engine, 'default'),
    dnsServers: settle('dns_servers', top, [], 'default'),
    limit,
    mode: marks.get(keyOf(['mode'])) ?? null,
    services: services.map((service) => withLimit(service, limit)),
  };
}

/** Fills the holes that wrong entries left. */
function namesIn(list: Setting<readonly unknown[]>): Setting<readonly string[]> {
  return { ...list, value: list.value.flatMap((name) => (typeof name === 'string' ? [canonicalHost(name)] : [])) };
}

/** A service without a limit of its own may use all of the instance's. */
function withLimit(service: ServiceDraft, limit: Setting<number>): ServiceDraft {
  return { ...service, runtime: { ...service.runtime, max_concurrent_connections: service.ownLimit ?? limit } };
}

function servicesOf(written: Written): ServiceDraft[] {
  const { file, marks } = written;
  const named = Object.entries(file.services ?? {});
  // If the file has services but none is left, each of them is wrong.
  if (named.length === 0) return marks.has(keyOf(['services'])) ? [] : [serviceOf('default', {}, [], written)];
  const position = (name: string) => marks.get(keyOf(['services', name]))?.offset ?? 0;
  return named
    .sort(([a], [b]) => position(a) - position(b)) // JavaScript orders integer-like names first
    .map(([name, block]) => serviceOf(name, block ?? {}, ['services', name], written));
}

function serviceOf(name: string, own: OwnBlock, path: Path, written: Written): ServiceDraft {
  const { file } = written;
  const isFlat = path.length === 0;
  const blocks = [
    blockOf<ServiceBlock>(file, [], written),
    ...(isFlat ? [] : [blockOf<ServiceBlock>(own, path, written)]),
  ];
  const ownBlocks = isFlat ? [] : [blockOf(own, path, written)];
  const list = settle('backends', blocks, [], 'default');
  const backends = list.value.map((entry, i) => backendOf(entry, [...(list.path ?? []), i], written));
  const runtimePath = [...path, 'runtime'];
  const ownRuntime = blockOf(own.runtime ?? {}, runtimePath, written);
  const runtimes = [blockOf(file.runtime ?? {}, ['runtime'], written), ...(isFlat ? [] : [ownRuntime])];
  const runtime = overlay(profileFor(backends.length), runtimes);
  const limit = runtime.max_concurrent_connections;
  const bind = settle('bind_address', blocks, DEFAULTS.bind_address, 'default');
  const port = settle('port', blocks, DEFAULTS.port, 'default');
  const unix = settle('bind_unix', blocks, '', 'default');
  const depth = unix.path?.length ?? 0;
  const hasTcp = unix.path === null || [bind, port].some((it) => it.path !== null && it.path.length >= depth);
  return {
    name,
    path,
    mark: written.marks.get(keyOf(path)) ?? null,
    port: hasTcp ? port : { ...unix, value: 0 },
    bindAddress: hasTcp ? { ...bind, value: withoutBrackets(bind.value) } : unix,
    bindUnix: unix,
    bindUnixMode: settle('bind_unix_mode', blocks, DEFAULTS.bind_unix_mode, 'default'),
    canonical: canonicalHost(hasTcp ? bind.value : unix.value),
    method: settle('method', blocks, DEFAULTS.method, 'default'),
    sendProxy: settle('send_proxy_protocol', blocks, DEFAULTS.send_proxy_protocol, 'default'),
    proxiesFrom: proxiesFrom(blocks, written),
    serverName: settle('server_name', ownBlocks, '', 'default'),
    alpn: settle('alpn', ownBlocks, '', 'default'),
    access: accessDraft(settle('access', blocks, {}, 'default'), written),
    backends,
    backendsSound: list.sound,
    healthCheck: healthCheckOf(blocks, written),
    runtime,
    ownLimit: !isFlat && limit.path?.length === runtimePath.length + 1 ? limit : null,
  };
}

function proxiesFrom(blocks: readonly Block<ServiceBlock>[], written: Written): Setting<readonly string[]> {
  const block = settle('accept_proxy_protocol', blocks, {}, 'default');
  if (block.path === null) return { ...block, value: [] };
  const from = settle('from', [blockOf(block.value, block.path, written)], [], 'default');
  // Skip the holes that wrong entries left.
  return { ...from, value: from.value.flatMap((text: unknown) => (typeof text === 'string' ? [text] : [])) };
}

/** Taken as a whole, not merged key by key: that would mix keys of different check types. */
function healthCheckOf(blocks: readonly Block<ServiceBlock>[], written: Written): HealthCheckDraft {
  const block = settle('health_check', blocks, {}, 'default');
  return healthCheckDraft(block.path === null ? [] : [blockOf(block.value, block.path, written)]);
}

function backendOf(entry: BackendBlock, path: Path, written: Written): BackendDraft {
  const blocks = [blockOf(entry, path, written)];
  const host = settle('host', blocks, '', 'default');
  const port = settle('port', blocks, 0, 'default');
  const unix = settle('unix', blocks, '', 'default');
  // None of the three values is ever valid: they stand for "missing".
  const [hasHost, hasPort, hasPath] = [host.value !== '', port.value !== 0, unix.value !== ''];
  const discover = settle('discover', blocks, DEFAULTS['backends.discover'], 'default');
  const isUnix = unix.path !== null;
  const isNamed = discover.value === 'srv';
  return {
    path,
    mark: written.marks.get(keyOf(path)) ?? null,
    host: isUnix ? { ...unix, sound: hasPath } : { ...host, value: withoutBrackets(host.value), sound: hasHost },
    port: isUnix
      ? { ...unix, value: 0, sound: hasPath }
      : isNamed
        ? { ...port, value: 0, sound: true }
        : { ...port, sound: hasPort },
    unix,
    tcp: { host, port },
    weight: settle('weight', blocks, DEFAULTS['backends.weight'], 'default'),
    backup: settle('backup', blocks, DEFAULTS['backends.backup'], 'default'),
    maxConnections: settle('max_connections', blocks, DEFAULTS['backends.max_connections'], 'default'),
    sendProxy: settle('send_proxy_protocol', blocks, DEFAULTS.send_proxy_protocol, 'default'),
    discover,
    source: settle('source', blocks, '', 'default'),
    canonical: canonicalHost(isUnix ? unix.value : host.value),
    sound: isUnix ? hasPath : hasHost && (hasPort || isNamed),
  };
}

function blockOf<V extends object>(values: V, path: Path, { marks, bad }: Written): Block<V> {
  return {
    values,
    where(key) {
      const place = [...path, key];
      const mark = marks.get(keyOf(place)) ?? null;
      const origin = mark === null ? 'default' : `${mark.file ?? 'file'}:${mark.line}`;
      return { origin, path: place, mark, sound: !bad.has(keyOf(place)) && !bad.has(keyOf(path)) };
    },
  };
}
