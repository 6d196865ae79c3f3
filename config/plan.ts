// The meaning of a valid configuration: every value known, units in the names. load.ts makes it, everyone reads it.

import type { HealthCheckPlan } from './health-check.ts';

export type Method = 'round_robin' | 'least_connections' | 'random' | 'source_hash';
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
/** Which ended connections are logged, one record each. */
export type LogConnections = 'none' | 'failed' | 'all';
/** The version of the PROXY protocol that tells a backend its client. */
export type SendProxy = 'none' | 'v1' | 'v2';
/** What a backend's name stands for: one backend, or one per address or SRV record. */
export type Discover = 'address' | 'all' | 'srv';
export type EngineChoice = 'auto' | 'native' | 'js';

/** The `runtime:` block of one service: the auto-tuned profile overlaid with the settings of the file. */
export interface Runtime {
  /** Between two checks of a backend that is down or unknown; one in doubt is checked sooner. */
  readonly healthIntervalMs: number;
  /** Between two checks of a backend that is up. */
  readonly healthUpIntervalMs: number;
  readonly healthTimeoutMs: number;
  /** Consecutive failed checks that take a backend down. */
  readonly fall: number;
  /** Consecutive passed checks that bring it up again. */
  readonly rise: number;
  readonly connectTimeoutMs: number;
  /** Backends tried per client; 0: each once. */
  readonly maxAttempts: number;
  readonly backoffInitialMs: number;
  readonly backoffMaxMs: number;
  readonly cooldownMs: number;
  /** Consecutive clients that got no answer from a backend that accepted their bytes; 0: not counted. */
  readonly earlyFailures: number;
  /** Time to ramp a recovered backend from a tenth of its weight to all of it; 0: at once. */
  readonly slowStartMs: number;
  readonly protectionTrigger: number;
  readonly protectionWindowMs: number;
  readonly protectionStable: number;
  readonly maxConnections: number;
  /**
   * Connections that one address may have to the service; then how many may begin per second, per address and in total. 0: no
   * limit.
   */
  readonly maxPerSource: number;
  readonly maxRatePerSource: number;
  readonly maxRate: number;
  readonly idleMs: number;
  /** Since connect, give or take a tenth; 0: no limit. */
  readonly maxAgeMs: number;
  /** Idle time before TCP's first keepalive probe, on both sides; 0: no probes. */
  readonly keepaliveMs: number;
  /** How long a silent client is kept after its backend closed its direction. */
  readonly halfClosedMs: number;
  /** What happens to the connections of a backend that goes down. */
  readonly onBackendDown: 'keep' | 'reset';
  readonly overloadPolicy: 'reject' | 'queue';
  /** With `queue`: how long a client waits, and how many of a service may wait. */
  readonly queueTimeoutMs: number;
  readonly queueMax: number;
  /** How long a client may take to send what must come before it gets a backend. */
  readonly firstBytesMs: number;
  readonly backlog: number;
  /** On stop. */
  readonly drainMs: number;
  /** After a reload; 0: no limit. */
  readonly reloadDrainMs: number;
  /** How long a resolved backend address may be used. */
  readonly dnsMaxAgeMs: number;
}

/** Whether clients of the service must be counted by address or rate. */
export function countsSources(its: Pick<Runtime, 'maxPerSource' | 'maxRatePerSource' | 'maxRate'>): boolean {
  return its.maxPerSource > 0 || its.maxRatePerSource > 0 || its.maxRate > 0;
}

export interface BackendPlan {
  /** For a Unix socket, the path; its port is 0. */
  readonly host: string;
  readonly port: number;
  /** `host:port`, `[host]:port` for an IPv6 literal, or `unix:/path`; unique within its service. */
  readonly address: string;
  /** Its share of the connections; 0: no new ones. */
  readonly weight: number;
  /** Used only while no other backend of the service is usable. */
  readonly backup: boolean;
  /** Of backups, those with the lowest rank are used first. */
  readonly rank: number;
  /** Maximum connections over all workers; 0: no limit. */
  readonly maxConnections: number;
  /** Null: the service's. */
  readonly sendProxy: SendProxy | null;
  /** Local addresses to connect from, in turn; empty: the system chooses. */
  readonly sources: readonly string[];
  /** Unless `address`, the backends that its name resolves to take its place. With `srv` its port is 0. */
  readonly discover: Discover;
  /** The name it was discovered by; null if it is in the file or was added. */
  readonly discoveredFrom: string | null;
  /** The name of its host, if it was discovered: the one in the file, or the target of its SRV record. */
  readonly hostname: string | null;
}

/** A backend with defaults for everything else. */
export function plainBackend(host: string, port: number): BackendPlan {
  return {
    host,
    port,
    address: addressOf(host, port),
    weight: 1,
    backup: false,
    rank: 0,
    maxConnections: 0,
    sendProxy: null,
    sources: [],
    discover: 'address',
    discoveredFrom: null,
    hostname: null,
  };
}

/** Returns the setting in effect for a backend of the service. */
export function sendProxyOf(
  service: Pick<ServicePlan, 'sendProxy'>,
  backend: Pick<BackendPlan, 'sendProxy'>,
): SendProxy {
  return backend.sendProxy ?? service.sendProxy;
}

/** Who may connect: the longest matching network decides, and at equal length a denied one wins. */
export interface AccessPlan {
  /** Networks or addresses; null: all that are not denied. */
  readonly allow: readonly string[] | null;
  readonly deny: readonly string[];
}

export interface ServicePlan {
  readonly name: string;
  /**
   * As written: an IPv4 or IPv6 literal, or a name that the primary resolves before it binds. The path if the service listens
   * only at a Unix socket; its port is then 0.
   */
  readonly bindAddress: string;
  readonly port: number;
  /** The Unix socket it listens at, beside the port or instead; null: none. */
  readonly bindUnix: { readonly path: string; readonly mode: number } | null;
  readonly method: Method;
  readonly sendProxy: SendProxy;
  /** Peers in these networks are proxies and must name their client in a PROXY header; empty: none. */
  readonly proxiesFrom: readonly string[];
  /** Takes only TLS clients that ask for one of these servers, in lower case; `*.` stands for one or more labels; empty: any. */
  readonly serverNames: readonly string[];
  /** Takes only TLS clients that offer one of these protocols; empty: any. */
  readonly protocols: readonly string[];
  /** Null: everybody may connect. */
  readonly access: AccessPlan | null;
  readonly backends: readonly BackendPlan[];
  /** Whether some backends come and go with name look-ups. */
  readonly discovers: boolean;
  readonly healthCheck: HealthCheckPlan;
  readonly runtime: Runtime;
  /** The limit that the service's own block sets, if below the instance's; else null. */
  readonly ownLimit: number | null;
}

export interface Plan {
  /** Absolute. */
  readonly configPath: string;
  /** The included files, absolute, in order. */
  readonly included: readonly string[];
  /** Of the texts of these files. */
  readonly fingerprint: string;
  readonly logLevel: LogLevel;
  readonly logConnections: LogConnections;
  readonly workers: number;
  readonly engine: EngineChoice;
  /** Where the read-only admin pages are served; null: off. */
  readonly admin: { readonly host: string; readonly port: number } | null;
  /** Name servers to ask instead of the system's, as `host:port`; empty: the system's. */
  readonly dnsServers: readonly string[];
  /** Canonical names under which the admin pages may be requested, beside addresses and `localhost`. */
  readonly adminHosts: readonly string[];
  /** Name or number of the group that may query but change nothing; null: only the user who runs it. */
  readonly controlGroup: string | null;
  /** One limit for the instance, over all services and workers. */
  readonly maxConnections: number;
  /** At least one; the flat form is one service named `default`. */
  readonly services: readonly ServicePlan[];
}

export interface PlacePlan {
  /** As in ServicePlan. */
  readonly bindAddress: string;
  readonly port: number;
  /** Of the Unix socket's file; null for a port. */
  readonly mode: number | null;
}

/** A plan of an older version lacks `bindUnix`. */
type Listening = Pick<ServicePlan, 'bindAddress' | 'port'> & Partial<Pick<ServicePlan, 'bindUnix'>>;

/** Returns where a service listens: at a port, a Unix socket, or both. */
export function placesOf({ bindAddress, port, bindUnix = null }: Listening): PlacePlan[] {
  const tcp = port === 0 ? [] : [{ bindAddress, port, mode: null }];
  return bindUnix === null ? tcp : [...tcp, { bindAddress: bindUnix.path, port: 0, mode: bindUnix.mode }];
}

/** The same as text for operators. */
export function whereOf(service: Listening): string {
  return placesOf(service)
    .map((place) => addressOf(place.bindAddress, place.port))
    .join(' and ');
}

/**
 * Formats `host:port` for operators, with brackets around an IPv6 literal; a path as `unix:/path`, a name without a port as the
 * name.
 */
export function addressOf(host: string, port: number): string {
  if (host.startsWith('/')) return `unix:${host}`;
  if (host.includes(':')) return `[${host}]:${port}`;
  return port === 0 ? host : `${host}:${port}`;
}
