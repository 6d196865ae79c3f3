// What a configuration means once it is valid: every value known, units in the names. Made by load.ts, read by all.

import type { HealthCheckPlan } from './health-check.ts';

export type Method = 'round_robin' | 'least_connections' | 'random' | 'source_hash';
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
/** Which ended connections are written to the log, one record each. */
export type LogConnections = 'none' | 'failed' | 'all';
/** The version of the PROXY protocol in which a backend is told who its client is. */
export type SendProxy = 'none' | 'v1' | 'v2';
/** What a backend's name stands for: one backend, or as many as it has addresses or SRV records. */
export type Discover = 'address' | 'all' | 'srv';
export type EngineChoice = 'auto' | 'native' | 'js';

/** The `runtime:` block of one service, after the auto-tuned profile was overlaid with what the file sets. */
export interface Runtime {
  /** Between two checks of a backend that is down or unknown; one in doubt is checked sooner. */
  readonly healthIntervalMs: number;
  /** Between two checks of one that is up. */
  readonly healthUpIntervalMs: number;
  readonly healthTimeoutMs: number;
  /** Failed checks in a row that take a backend down. */
  readonly fall: number;
  /** Passed checks in a row that bring it up again. */
  readonly rise: number;
  readonly connectTimeoutMs: number;
  /** Backends that are tried for one client; 0: each once. */
  readonly maxAttempts: number;
  readonly backoffInitialMs: number;
  readonly backoffMaxMs: number;
  readonly cooldownMs: number;
  /** Clients in a row that got nothing from a backend which took what they sent; 0: nobody counts them. */
  readonly earlyFailures: number;
  /** From a tenth of its weight to all of it, for a backend that comes up again; 0: at once. */
  readonly slowStartMs: number;
  readonly protectionTrigger: number;
  readonly protectionWindowMs: number;
  readonly protectionStable: number;
  readonly maxConnections: number;
  /** Connections that one address may have to the service, and of one and of all that may begin in a second; 0: any number. */
  readonly maxPerSource: number;
  readonly maxRatePerSource: number;
  readonly maxRate: number;
  readonly idleMs: number;
  /** From when it was connected, give or take a tenth; 0: no matter how old. */
  readonly maxAgeMs: number;
  /** Silence before TCP's first keepalive probe, on both sides; 0: none are sent. */
  readonly keepaliveMs: number;
  /** How long a silent client is kept after its backend has ended its direction. */
  readonly halfClosedMs: number;
  /** What becomes of the connections of a backend that goes down. */
  readonly onBackendDown: 'keep' | 'reset';
  readonly overloadPolicy: 'reject' | 'queue';
  /** With `queue`: how long a client waits, and how many of a service may. */
  readonly queueTimeoutMs: number;
  readonly queueMax: number;
  /** How long a client may take for what it has to say before it gets a backend. */
  readonly firstBytesMs: number;
  readonly backlog: number;
  /** On stop. */
  readonly drainMs: number;
  /** After a reload; 0: no limit. */
  readonly reloadDrainMs: number;
  /** How long what a backend's name leads to may be used. */
  readonly dnsMaxAgeMs: number;
}

/** Somebody has to count where the clients of such a service come from, or how fast. */
export function countsSources(its: Pick<Runtime, 'maxPerSource' | 'maxRatePerSource' | 'maxRate'>): boolean {
  return its.maxPerSource > 0 || its.maxRatePerSource > 0 || its.maxRate > 0;
}

export interface BackendPlan {
  /** The path, for one at a Unix socket; its port is 0. */
  readonly host: string;
  readonly port: number;
  /** `host:port`, `[host]:port` for an IPv6 literal, or `unix:/path`; unique within its service. */
  readonly address: string;
  /** Its share of the connections; 0: no new ones. */
  readonly weight: number;
  /** Used only while no other backend of the service is usable. */
  readonly backup: boolean;
  /** Connections that it may have, of all workers together; 0: any number. */
  readonly maxConnections: number;
  /** Null: as its service. */
  readonly sendProxy: SendProxy | null;
  /** Addresses of this machine from which it is connected to, in turn; none: the system chooses. */
  readonly sources: readonly string[];
  /** Other than `address`: what its name leads to is served in its place. With `srv` its port is 0. */
  readonly discover: Discover;
  /** The name that has led to it; null: it is in the file itself, or was added. */
  readonly discoveredFrom: string | null;
}

/** One of which nothing else is written. */
export function plainBackend(host: string, port: number): BackendPlan {
  return {
    host,
    port,
    address: addressOf(host, port),
    weight: 1,
    backup: false,
    maxConnections: 0,
    sendProxy: null,
    sources: [],
    discover: 'address',
    discoveredFrom: null,
  };
}

/** What counts for a backend of the service. */
export function sendProxyOf(
  service: Pick<ServicePlan, 'sendProxy'>,
  backend: Pick<BackendPlan, 'sendProxy'>,
): SendProxy {
  return backend.sendProxy ?? service.sendProxy;
}

/** Who may come; the longest network that an address is in decides, and a denied one before an allowed one of its length. */
export interface AccessPlan {
  /** Networks or addresses; null: whoever is not denied. */
  readonly allow: readonly string[] | null;
  readonly deny: readonly string[];
}

export interface ServicePlan {
  readonly name: string;
  /** As written: an IPv4 or IPv6 literal, or a name that the primary resolves before it binds. A path where it listens at a Unix socket only; its port is 0 then. */
  readonly bindAddress: string;
  readonly port: number;
  /** At which it listens, beside that or instead; null: at none. */
  readonly bindUnix: { readonly path: string; readonly mode: number } | null;
  readonly method: Method;
  readonly sendProxy: SendProxy;
  /** Peers in these networks are proxies and have to say who their client is; empty: nobody has to. */
  readonly proxiesFrom: readonly string[];
  /** Only clients of TLS come that ask for one of these servers, in lower case, `*.` for one label or more; empty: any. */
  readonly serverNames: readonly string[];
  /** … that offer one of these protocols; empty: any. */
  readonly protocols: readonly string[];
  /** Null: everybody may come. */
  readonly access: AccessPlan | null;
  readonly backends: readonly BackendPlan[];
  /** Some of its backends come and go as names say. */
  readonly discovers: boolean;
  readonly healthCheck: HealthCheckPlan;
  readonly runtime: Runtime;
  /** The service's own cap on connections where its block sets one, below the instance's; else null. */
  readonly ownLimit: number | null;
}

export interface Plan {
  /** Absolute. */
  readonly configPath: string;
  /** Files that it includes, absolute, in their order. */
  readonly included: readonly string[];
  /** Of what these files say. */
  readonly fingerprint: string;
  readonly logLevel: LogLevel;
  readonly logConnections: LogConnections;
  readonly workers: number;
  readonly engine: EngineChoice;
  /** Where the read-only admin pages are served; null: nowhere. */
  readonly admin: { readonly host: string; readonly port: number } | null;
  /** Name servers that are asked instead of the system's, with or without a port; none: the system's. */
  readonly dnsServers: readonly string[];
  /** Names, canonical, under which the admin pages may be asked for, beside addresses and `localhost`. */
  readonly adminHosts: readonly string[];
  /** Name or number of the group that may ask, and change nothing; null: only who runs it may. */
  readonly controlGroup: string | null;
  /** One limit for the whole instance, over all services and workers. */
  readonly maxConnections: number;
  /** At least one; the flat form is one service named `default`. */
  readonly services: readonly ServicePlan[];
}

export interface PlacePlan {
  /** As in ServicePlan. */
  readonly bindAddress: string;
  readonly port: number;
  /** Of the file of a Unix socket; null: it is none. */
  readonly mode: number | null;
}

/** Where a service listens: at a port, at a Unix socket, or both. */
export function placesOf({
  bindAddress,
  port,
  bindUnix,
}: Pick<ServicePlan, 'bindAddress' | 'port' | 'bindUnix'>): PlacePlan[] {
  const tcp = port === 0 ? [] : [{ bindAddress, port, mode: null }];
  return bindUnix === null ? tcp : [...tcp, { bindAddress: bindUnix.path, port: 0, mode: bindUnix.mode }];
}

/** The same, as an operator writes it. */
export function whereOf(service: Pick<ServicePlan, 'bindAddress' | 'port' | 'bindUnix'>): string {
  return placesOf(service)
    .map((place) => addressOf(place.bindAddress, place.port))
    .join(' and ');
}

/** `host:port` as an operator writes it, with brackets around an IPv6 literal; of a path `unix:/path`, of a name without a port the name. */
export function addressOf(host: string, port: number): string {
  if (host.startsWith('/')) return `unix:${host}`;
  if (host.includes(':')) return `[${host}]:${port}`;
  return port === 0 ? host : `${host}:${port}`;
}
