// The difference between two Plans, as a reload reports it: in the keys of the file. Pure, and free of typebox.
import { healthCheckValues } from './health-check.ts';
import { RUNTIME_FIELDS } from './names.ts';
import { addressOf, whereOf, type BackendPlan, type Plan, type Runtime, type ServicePlan } from './plan.ts';

export interface Change {
  /** `default.backends`, `log_level`, … */
  readonly what: string;
  /** Null if it did not exist. */
  readonly from: string | null;
  /** Null if it no longer exists. */
  readonly to: string | null;
}

export interface Difference {
  readonly changed: readonly Change[];
  /** Changes that need a restart. No key of the file does, only a different file. */
  readonly unchangeable: readonly Change[];
}

export function planDifference(from: Plan, to: Plan): Difference {
  const changed = [
    ...change('log_level', from.logLevel, to.logLevel),
    ...change('log_connections', from.logConnections, to.logConnections),
    ...change('admin', adminOf(from), adminOf(to)),
    ...change('admin_hosts', hostsOf(from), hostsOf(to)),
    ...change('control_group', from.controlGroup ?? null, to.controlGroup),
    ...change('workers', from.workers, to.workers),
    ...change('engine', from.engine, to.engine),
    ...change('dns_servers', listOrNull(from.dnsServers), listOrNull(to.dnsServers)),
    ...change('max_concurrent_connections', from.maxConnections, to.maxConnections),
    ...services(from.services, to.services),
  ];
  return { changed, unchangeable: change('config_path', from.configPath, to.configPath) };
}

/** A plan of an older version lacks the field. */
function hostsOf({ adminHosts }: Partial<Plan>): string | null {
  return adminHosts === undefined || adminHosts.length === 0 ? null : adminHosts.join(', ');
}

function adminOf({ admin }: Plan): string | null {
  return admin === null ? null : addressOf(admin.host, admin.port);
}

function services(from: readonly ServicePlan[], to: readonly ServicePlan[]): Change[] {
  const before = new Map(from.map((service) => [service.name, service]));
  const after = new Map(to.map((service) => [service.name, service]));
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].flatMap((name) => {
    const [old, now] = [before.get(name), after.get(name)];
    return old !== undefined && now !== undefined ? service(old, now) : change(name, summary(old), summary(now));
  });
}

function service(from: ServicePlan, to: ServicePlan): Change[] {
  const { name } = to;
  return [
    ...change(`${name}.bind_address`, tcpOf(from)?.bindAddress ?? null, tcpOf(to)?.bindAddress ?? null),
    ...change(`${name}.port`, tcpOf(from)?.port ?? null, tcpOf(to)?.port ?? null),
    ...change(`${name}.bind_unix`, from.bindUnix?.path ?? null, to.bindUnix?.path ?? null),
    ...change(`${name}.bind_unix_mode`, modeOf(from), modeOf(to)),
    ...change(`${name}.method`, from.method, to.method),
    ...change(`${name}.send_proxy_protocol`, from.sendProxy, to.sendProxy),
    ...change(`${name}.accept_proxy_protocol.from`, listOrNull(from.proxiesFrom), listOrNull(to.proxiesFrom)),
    ...listChange(`${name}.server_name`, from.serverNames, to.serverNames, 'names'),
    ...listChange(`${name}.alpn`, from.protocols, to.protocols, 'protocols'),
    ...access(from, to),
    ...change(`${name}.backends`, backends(from), backends(to)),
    ...healthCheck(from, to),
    ...runtime(from, to),
  ];
}

function tcpOf(service: ServicePlan): ServicePlan | null {
  return service.port === 0 ? null : service;
}

/** A plan of an older version lacks the field. */
function modeOf({ bindUnix = null }: Partial<ServicePlan>): string | null {
  return bindUnix === null ? null : `0${bindUnix.mode.toString(8)}`;
}

function access(from: ServicePlan, to: ServicePlan): Change[] {
  return (['allow', 'deny'] as const).flatMap((key) =>
    listChange(`${to.name}.access.${key}`, from.access?.[key] ?? [], to.access?.[key] ?? [], 'networks'),
  );
}

/** `noun` names the entries of a list that may be long. */
function listChange(what: string, before: readonly string[], after: readonly string[], noun: string): Change[] {
  if (before.join(' ') === after.join(' ')) return [];
  return [{ what, from: shortened(before, null, noun), to: shortened(after, before, noun) }];
}

const SHOWN = 3;

/** Shows a short list in full; of a long one its length and the entries added and removed. */
function shortened(list: readonly string[], before: readonly string[] | null, noun: string): string | null {
  if (list.length <= SHOWN) return list.length === 0 ? null : list.join(' ');
  const [were, are] = [new Set(before ?? list), new Set(list)];
  const added = list.filter((it) => !were.has(it)).map((it) => `+${it}`);
  const gone = (before ?? []).filter((it) => !are.has(it)).map((it) => `-${it}`);
  const differing = [...added.slice(0, SHOWN), ...gone.slice(0, SHOWN)].join(' ');
  const more = added.length > SHOWN || gone.length > SHOWN ? ' …' : '';
  return `${list.length} ${noun}${differing === '' ? '' : ` (${differing}${more})`}`;
}

function listOrNull(values: readonly string[]): string | null {
  return values.length === 0 ? null : values.join(', ');
}

function healthCheck({ healthCheck: from }: ServicePlan, { name, healthCheck: to }: ServicePlan): Change[] {
  const [before, after] = [healthCheckValues(from), healthCheckValues(to)];
  const isKey = (key: string): key is keyof typeof before => key in before || key in after;
  return Object.keys({ ...before, ...after })
    .filter(isKey)
    .flatMap((key) => change(`${name}.health_check.${key}`, before[key] ?? null, after[key] ?? null));
}

/**
 * A service's limit is its own or the instance's. A change of the instance's limit is reported once, not again for every
 * service.
 */
function runtime(from: ServicePlan, to: ServicePlan): Change[] {
  const own = change(`${to.name}.runtime.max_concurrent_connections`, from.ownLimit, to.ownLimit);
  const rest = Object.entries(RUNTIME_FIELDS).flatMap(([key, field]) =>
    field === 'maxConnections' ? [] : change(`${to.name}.runtime.${key}`, value(from, field), value(to, field)),
  );
  return [...own, ...rest];
}

function value(service: ServicePlan, field: keyof Runtime): string | number {
  return service.runtime[field];
}

function backends(service: ServicePlan): string {
  return service.backends.map(backendText).join(', ');
}

export function backendText(backend: BackendPlan): string {
  const { address, weight, backup, maxConnections, sendProxy, sources, discover } = backend;
  const share = `${weight === 1 ? '' : ` weight ${weight}`}${backup ? ' backup' : ''}`;
  const proxy = sendProxy === null ? '' : ` send_proxy_protocol ${sendProxy}`;
  const from = sources.length === 0 ? '' : ` source ${sources.join(' and ')}`;
  const whole = discover === 'address' ? '' : ` discover ${discover}`;
  return `${address}${whole}${share}${maxConnections === 0 ? '' : ` max_connections ${maxConnections}`}${proxy}${from}`;
}

function summary(service: ServicePlan | undefined): string | null {
  if (service === undefined) return null;
  return `${whereOf(service)} to ${backends(service)}`;
}

function change(what: string, from: string | number | null, to: string | number | null): Change[] {
  if (from === to) return [];
  return [{ what, from: from === null ? null : String(from), to: to === null ? null : String(to) }];
}
