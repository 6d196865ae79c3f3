// Unifies what other configurations say separately and bal once: twins of listeners and backends, overall limits,
// contradictions.
import { isIP } from 'node:net';
import type { Backend, Draft, Runtime, Service } from './draft.ts';
import type { Ledger } from './ledger.ts';

const MAX_SERVICES = 64;
const MAX_BACKENDS = 1024;
const MAX_CONNECTIONS = 1_000_000;
/** The default of an instance with two backends. */
const USUAL_CONNECTIONS = 4000;

export function settle(draft: Draft, ledger: Ledger): void {
  for (const service of draft.services) service.backends = together(service, ledger);
  draft.services = draft.services.filter((service) => isServed(service, ledger));
  draft.services = withoutTwins(draft.services, ledger);
  draft.services = atMost(draft.services, ledger);
  for (const service of draft.services) forgetSources(service);
  for (const service of draft.services) shareTime(service, draft.services);
  setLimit(draft);
  hoist(draft);
}

/** Clients of a Unix socket have no address to count by. */
function forgetSources({ bind_unix: path, runtime }: Service): void {
  if (path === undefined) return;
  delete runtime.max_connections_per_source;
  delete runtime.max_connection_rate_per_source;
}

/** Services that share a port wait equally long for the first bytes of their clients. */
function shareTime(
  { bind_address: host, port, bind_unix: path, runtime }: Service,
  services: readonly Service[],
): void {
  const sharers = services.filter((it) => it.bind_address === host && it.port === port && it.bind_unix === path);
  const times = sharers.map((it) => it.runtime.first_bytes_timeout_ms).filter((it) => typeof it === 'number');
  if (times.length > 0) runtime.first_bytes_timeout_ms = Math.max(...times);
}

/** Moves settings that all services share to the top level. */
function hoist(draft: Draft): void {
  const { runtime, services } = draft;
  const [first, ...others] = services;
  if (first === undefined || others.length === 0) return;
  for (const key of Object.keys(first.runtime) as (keyof Runtime)[]) {
    const value = first.runtime[key];
    const isShared = others.every((it) => it.runtime[key] === value) && runtime[key] === undefined;
    if (value === undefined || !isShared || key === 'max_concurrent_connections') continue;
    runtime[key] = value;
    for (const service of services) delete service.runtime[key];
  }
  for (const key of ['method', 'health_check'] as const) {
    const value = JSON.stringify(first[key]);
    if (value === undefined || others.some((it) => JSON.stringify(it[key]) !== value)) continue;
    Object.assign(draft, { [key]: first[key] });
    for (const service of services) delete service[key];
  }
}

function addressOf({ host, port, unix, discover }: Backend): string {
  return unix ?? `${host?.toLowerCase() ?? ''}:${discover === 'srv' ? 'srv' : port}`;
}

/** Merges backends with the same address and adds up their weights. */
function together(service: Service, ledger: Ledger): Backend[] {
  const byAddress = new Map<string, Backend>();
  for (const backend of service.backends) {
    const strays = isIP(backend.host ?? '') !== 0 && isIP(backend.source ?? '') !== 0;
    if (strays && isIP(backend.host ?? '') !== isIP(backend.source ?? '')) {
      ledger.lost(service.at, 'source and backend are of two families', null, `source ${backend.source ?? ''}`);
      delete backend.source;
    }
    // An address cannot be discovered.
    if (isIP(backend.host ?? '') !== 0 && backend.discover === 'all') delete backend.discover;
    const key = addressOf(backend);
    const first = byAddress.get(key);
    if (first === undefined) byAddress.set(key, backend);
    else {
      first.weight = Math.min(256, (first.weight ?? 1) + (backend.weight ?? 1));
      if (backend.backup !== true) delete first.backup;
      if (first.max_connections !== undefined) {
        if (backend.max_connections === undefined) delete first.max_connections;
        else first.max_connections = Math.min(MAX_CONNECTIONS, first.max_connections + backend.max_connections);
      }
      ledger.differs(service.at, 'it is one backend here, with the weights of both', null, `${key} twice`);
    }
  }
  return [...byAddress.values()];
}

/** Whether any backend takes clients. If all that do are backups, the first of them becomes an ordinary one. */
export function isServed(service: Service, ledger: Ledger): boolean {
  const { backends, at } = service;
  const check = service.health_check;
  if (check?.port !== undefined && backends.some(({ unix }) => unix !== undefined)) {
    ledger.lost(at, 'a Unix socket has no port to check', null, `a check at port ${check.port}`);
    delete check.port;
  }
  if (backends.every(({ weight }) => weight === 0)) {
    ledger.lost(at, 'no server of it takes clients', 'give one a weight, and import again');
    return false;
  }
  const serving = backends.filter(({ weight }) => weight !== 0);
  if (serving.every(({ backup }) => backup === true)) {
    delete serving[0]?.backup;
    ledger.differs(at, 'all servers are backups, so the first one is none');
  }
  return true;
}

/** The service without its place and the settings of the listening socket. */
function contentOf({ name: _name, at: _at, parts: _parts, bind_address: _host, runtime, ...rest }: Service): string {
  const { tcp_backlog: _backlog, tcp_keepalive_ms: _keepalive, ...times } = runtime;
  return JSON.stringify([rest, times]);
}

/** Merges `0.0.0.0` and `::` on one port into a listener at `::`, which takes IPv4 too. */
function withoutTwins(services: readonly Service[], ledger: Ledger): Service[] {
  const kept: Service[] = [];
  const wild = (host: string | undefined): boolean => host === '0.0.0.0' || host === '::';
  for (const service of services) {
    const { bind_address: host, port } = service;
    const same = kept.find(
      (it) =>
        contentOf(it) === contentOf(service) && (it.bind_address === host || (wild(host) && wild(it.bind_address))),
    );
    if (same === undefined || (port === undefined && service.bind_unix === undefined)) kept.push(service);
    else if (wild(host) && host !== same.bind_address) same.bind_address = '::';
    else ledger.unneeded(service.at, 'the same listener is there already');
  }
  // Services that share a port by server name need the same address.
  for (const service of kept) {
    const isTwin = (it: Service): boolean => it.port === service.port && wild(it.bind_address);
    if (wild(service.bind_address) && kept.some((it) => isTwin(it) && it.bind_address === '::'))
      service.bind_address = '::';
  }
  return kept;
}

function atMost(services: readonly Service[], ledger: Ledger): Service[] {
  let backends = 0;
  const kept: Service[] = [];
  for (const service of services) {
    const fits = kept.length < MAX_SERVICES && backends + service.backends.length <= MAX_BACKENDS;
    if (fits) {
      backends += service.backends.length;
      kept.push(service);
    } else {
      const why = `bal has at most ${MAX_SERVICES} services and ${MAX_BACKENDS} backends`;
      ledger.lost(service.at, why, 'let another bal serve the rest', `service ${service.name}`);
    }
  }
  return kept;
}

/** Keeps the limits of services within the instance's. */
function setLimit(draft: Draft): void {
  const limits = draft.services.map(({ runtime }) => runtime.max_concurrent_connections);
  const own = limits.filter((it) => typeof it === 'number');
  if (own.length === 0) return;
  const all = draft.runtime.max_concurrent_connections;
  if (typeof all !== 'number') {
    const others = (limits.length - own.length) * USUAL_CONNECTIONS;
    const sum = own.reduce((total, it) => total + it, others);
    draft.runtime.max_concurrent_connections = Math.min(MAX_CONNECTIONS, Math.max(USUAL_CONNECTIONS, sum));
    return;
  }
  for (const { runtime } of draft.services) {
    if (Number(runtime.max_concurrent_connections ?? 0) > all) runtime.max_concurrent_connections = all;
  }
}
