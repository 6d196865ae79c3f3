// Turns a draft without mistakes into the Plan, and lists all values with their origins.
import { accessPlan } from './access.ts';
import type { BackendDraft, Draft, ServiceDraft } from './draft.ts';
import { healthCheckPlan, healthCheckSettings } from './health-check-draft.ts';
import { splitAddress } from './host.ts';
import { nameServer } from './name-servers.ts';
import { addressOf, type BackendPlan, type Plan, type ServicePlan } from './plan.ts';
import { showPath } from './problem.ts';
import { protocolsOf, serverNamesOf } from './server-name.ts';
import { sourcesOf } from './source.ts';
import { RUNTIME_KEYS, toRuntime, type Setting } from './tune.ts';

export interface Effective {
  /** `services.web.runtime.tcp_backlog`, even if the value comes from elsewhere. */
  readonly path: string;
  readonly value: string | number | boolean;
  /** `default`, `auto-tuned`, `file:LINE`, or `PATH:LINE` in an included file. */
  readonly origin: string;
}

/** `read`: facts about the files, copied into the plan. */
export function planOf(draft: Draft, read: Pick<Plan, 'configPath' | 'included' | 'fingerprint'>): Plan {
  return {
    ...read,
    logLevel: draft.logLevel.value,
    logConnections: draft.logConnections.value,
    admin: splitAddress(draft.admin.value),
    adminHosts: draft.adminHosts.value,
    controlGroup: draft.controlGroup.path === null ? null : draft.controlGroup.value,
    workers: draft.workers.value,
    engine: draft.engine.value,
    dnsServers: draft.dnsServers.value.map(nameServer),
    maxConnections: draft.limit.value,
    services: draft.services.map((service) => serviceOf(service, draft.limit.value)),
  };
}

function serviceOf(draft: ServiceDraft, instanceLimit: number): ServicePlan {
  const limit = draft.ownLimit?.value ?? instanceLimit;
  return {
    name: draft.name,
    bindAddress: draft.bindAddress.value,
    port: draft.port.value,
    bindUnix: bindUnixOf(draft),
    method: draft.method.value,
    sendProxy: draft.sendProxy.value,
    proxiesFrom: draft.proxiesFrom.value,
    serverNames: serverNamesOf(draft.serverName.value),
    protocols: protocolsOf(draft.alpn.value),
    access: accessPlan(draft.access),
    backends: draft.backends.map(backendOf),
    discovers: draft.backends.some(({ discover }) => discover.value !== 'address'),
    healthCheck: healthCheckPlan(draft.healthCheck),
    runtime: toRuntime(draft.runtime),
    ownLimit: limit < instanceLimit ? limit : null,
  };
}

function backendOf(draft: BackendDraft): BackendPlan {
  const { host, port, weight, backup, maxConnections, sendProxy, source, discover } = draft;
  return {
    host: host.value,
    port: port.value,
    address: addressOf(host.value, port.value),
    weight: weight.value,
    backup: backup.value,
    rank: 0,
    maxConnections: maxConnections.value,
    sendProxy: sendProxy.path === null ? null : sendProxy.value,
    sources: sourcesOf(source.value),
    discover: discover.value,
    discoveredFrom: null,
    hostname: null,
  };
}

function bindUnixOf({ bindUnix, bindUnixMode }: ServiceDraft): ServicePlan['bindUnix'] {
  return bindUnix.path === null ? null : { path: bindUnix.value, mode: Number.parseInt(bindUnixMode.value, 8) };
}

/** Lists every value in effect, in the order of the file, without the wrong ones. */
export function effectiveOf(draft: Draft): Effective[] {
  const list: Effective[] = [];
  const add = (path: readonly (string | number)[], { value, origin, sound }: Setting<string | number | boolean>) => {
    if (sound) list.push({ path: showPath(path), value, origin });
  };
  add(['log_level'], draft.logLevel);
  add(['log_connections'], draft.logConnections);
  if (draft.admin.path !== null) add(['admin'], draft.admin);
  if (draft.adminHosts.path !== null) {
    add(['admin_hosts'], { ...draft.adminHosts, value: draft.adminHosts.value.join(', ') });
  }
  if (draft.controlGroup.path !== null) add(['control_group'], draft.controlGroup);
  add(['workers'], draft.workers);
  add(['engine'], draft.engine);
  const { dnsServers } = draft;
  if (dnsServers.path !== null) add(['dns_servers'], { ...dnsServers, value: dnsServers.value.join(', ') });
  if (draft.services.some(({ path }) => path.length > 0)) add(['runtime', 'max_concurrent_connections'], draft.limit);
  for (const service of draft.services) {
    const { path, backends, backendsSound, healthCheck, runtime } = service;
    if (service.port.value !== 0) {
      add([...path, 'bind_address'], service.bindAddress);
      add([...path, 'port'], service.port);
    }
    if (service.bindUnix.path !== null) {
      add([...path, 'bind_unix'], service.bindUnix);
      add([...path, 'bind_unix_mode'], service.bindUnixMode);
    }
    add([...path, 'method'], service.method);
    add([...path, 'send_proxy_protocol'], service.sendProxy);
    const { proxiesFrom } = service;
    const from = { ...proxiesFrom, value: proxiesFrom.value.join(', ') };
    if (proxiesFrom.path !== null) add([...path, 'accept_proxy_protocol', 'from'], from);
    const { serverName, alpn } = service;
    if (serverName.path !== null)
      add([...path, 'server_name'], { ...serverName, value: serverNamesOf(serverName.value).join(', ') });
    if (alpn.path !== null) add([...path, 'alpn'], { ...alpn, value: protocolsOf(alpn.value).join(', ') });
    const { setting, allow, deny } = service.access;
    for (const [key, list] of Object.entries({ allow, deny })) {
      if (list !== null && service.access.sound)
        add([...path, 'access', key], { ...setting, value: list.map(({ text }) => text).join(', ') });
    }
    for (const [i, backend] of backends.entries()) {
      const isUnix = backend.unix.path !== null;
      add([...path, 'backends', i, isUnix ? 'unix' : 'host'], backend.host);
      if (!isUnix && backend.port.value !== 0) add([...path, 'backends', i, 'port'], backend.port);
      for (const [key, setting] of [
        ['discover', backend.discover],
        ['weight', backend.weight],
        ['backup', backend.backup],
        ['max_connections', backend.maxConnections],
        ['send_proxy_protocol', backend.sendProxy],
      ] as const) {
        if (setting.path !== null) add([...path, 'backends', i, key], setting);
      }
      const { source } = backend;
      if (source.path !== null) {
        add([...path, 'backends', i, 'source'], { ...source, value: sourcesOf(source.value).join(', ') });
      }
    }
    for (const [key, value] of healthCheckSettings(healthCheck)) add([...path, 'health_check', key], value);
    for (const key of RUNTIME_KEYS) {
      const isGuess = runtime[key].origin === 'auto-tuned' && !backendsSound; // the number of backends is unknown
      if (!isGuess) add([...path, 'runtime', key], runtime[key]);
    }
  }
  return list;
}
