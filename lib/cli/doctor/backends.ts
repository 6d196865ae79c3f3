// Checks that this machine can reach the backends. Looks up and connects to all at once, with the configured timeout.
import { splitAddress } from '../../../config/host.ts';
import { isLiteral, isPath } from '../../../config/unix.ts';
import { quoted } from '../../../config/shell.ts';
import type { HealthCheckPlan } from '../../../config/health-check.ts';
import type { BackendPlan, ServicePlan } from '../../../config/plan.ts';
import { lookUpAside, LOOKUP_MS, type Found } from '../../lookup.ts';
import { lookGently, type Looked } from './look.ts';
import { asChanged } from './changed.ts';
import { critical, ok, warn, type Finding, type Patient } from './finding.ts';

type Look =
  /** The configuration allows no connects except those of clients. */
  | { readonly kind: 'not checked' }
  /** Only the running bal knows its addresses. */
  | { readonly kind: 'by records' }
  | Looked
  | { readonly kind: 'unresolved'; readonly code: string };

/** Look-up results by name. */
type Names = ReadonlyMap<string, Found>;

export async function checkBackends({ disk, running, status }: Patient): Promise<Finding[]> {
  const plan = disk.plan ?? running;
  // Changes of another file's backends say nothing about these.
  const changes = plan?.configPath === status?.config_path ? (status?.live_changes ?? []) : [];
  const services = (plan?.services ?? []).map((service) => asChanged(service, changes));
  const looked = services.flatMap(({ backends }) => backends.filter(({ discover }) => discover !== 'srv'));
  const hosts = looked.map(({ host }) => host).filter((host) => !isLiteral(host));
  const names = await lookUpAside(hosts, LOOKUP_MS, plan?.dnsServers);
  const [server] = plan?.dnsServers ?? [];
  return (await Promise.all(services.map((service) => checkService(service, names, server)))).flat();
}

/** `server`: the first of `dns_servers`. */
async function checkService(service: ServicePlan, names: Names, server: string | undefined): Promise<Finding[]> {
  const { backends, runtime, healthCheck } = service;
  const looks = await Promise.all(backends.map((backend) => look(service, backend, names)));
  // One backend of several being down costs no client anything; the last one does.
  const judge = looks.some(({ kind }) => ['connected', 'not checked', 'by records'].includes(kind)) ? warn : critical;
  return backends.map((backend, i) => {
    const name = `backend:${service.name}/${backend.address}`;
    const found = looks[i];
    if (found?.kind === 'connected') {
      const via = found.ip === backend.host ? '' : ` at ${found.ip}`;
      const passes = healthCheck.type === 'tcp' ? '' : ` and passes its ${healthCheck.type} check`;
      return ok(name, `${backend.address} accepts connections${via}${passes} (${found.ms} ms)`);
    }
    if (found?.kind === 'answered wrongly') return judge(name, ...wrongAnswer(backend, healthCheck, found.fact));
    if (found?.kind === 'by records') return ok(name, `${backend.host} is looked up as SRV records: see 'bal status'`);
    if (found?.kind === 'not checked') return ok(name, `${backend.address} is not checked (health_check: none)`);
    if (found?.kind === 'unresolved') return judge(name, ...unresolved(backend, found.code, server));
    return judge(name, ...explain(backend, found?.code ?? '?', runtime.healthTimeoutMs));
  });
}

function wrongAnswer(
  { address }: BackendPlan,
  check: HealthCheckPlan,
  fact: string,
): [summary: string, why: string, hint: string] {
  const at = check.type === 'none' || check.port === null ? '' : ` at port ${check.port}`;
  return [
    `${address} accepts connections, but its ${check.type} check${at} fails: ${fact}`,
    'the server is starting, overloaded or faulty, or health_check asks for the wrong thing',
    "read the server's own log, and compare its answer with health_check in the configuration",
  ];
}

/** The system may know names that `dns_servers` do not. */
function unresolved(
  { host, address }: BackendPlan,
  code: string,
  server: string | undefined,
): [summary: string, why: string, hint: string] {
  const at = splitAddress(server ?? '');
  return [
    `${address}: the name ${host} cannot be resolved (${code})`,
    'the name is misspelt, or DNS is failing',
    at === null
      ? `try: getent hosts ${host}; correct the name, /etc/hosts or the resolver`
      : `try: dig @${at.host} -p ${at.port} ${host}; correct the name, or dns_servers`,
  ];
}

/** Returns what happened, why, and what to do. */
function explain(
  { host, port, address, sources }: BackendPlan,
  code: string,
  ms: number,
): [summary: string, why: string, hint: string] {
  if (isPath(host)) return explainPath(host, address, code, ms);
  switch (code) {
    case 'ECONNREFUSED':
      return [
        `${address} refuses connections`,
        'nothing listens there: the backend is not started, or on another port',
        `start the backend, or correct its port; on its machine: ss -ltn 'sport = :${port}'`,
      ];
    case 'ETIMEDOUT':
      return [
        `${address} does not answer within ${ms} ms`,
        'a firewall drops the packets, the host is down, or the network path is broken',
        `try: ping ${host}, then check the firewall and the route between the two machines`,
      ];
    case 'EADDRNOTAVAIL':
      if (sources.length === 0) break;
      return [
        `${address} cannot be connected to from ${sources.join(' and ')} (${code})`,
        'this machine has not that address, or it is of another family, or its ports are used up',
        "correct the backend's source, or add the address to an interface: ip address",
      ];
  }
  return [
    `${address} cannot be reached (${code})`,
    'no route to the host, or this machine is short of ports or descriptors',
    `check address and network: ip route get ${host}`,
  ];
}

function explainPath(
  path: string,
  address: string,
  code: string,
  ms: number,
): [summary: string, why: string, hint: string] {
  switch (code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return [
        `${address} refuses connections (${code})`,
        code === 'ENOENT'
          ? 'there is no such file: the backend is not started, or has its socket elsewhere'
          : 'nobody listens on that socket: the backend has ended',
        `start the backend, or correct the path: ls -l ${quoted(path)}`,
      ];
    case 'EACCES':
      return [
        `${address} may not be connected to (${code})`,
        'connecting needs the right to write to the socket, and to enter its folders',
        `let the user that runs bal write to it: ls -l ${quoted(path)}`,
      ];
    default:
      return [
        `${address} cannot be connected to (${code}, within ${ms} ms)`,
        'its queue of clients is full, or it is no stream socket',
        `look at it: ss -lx src ${quoted(path)}`,
      ];
  }
}

async function look(service: ServicePlan, backend: BackendPlan, names: Names): Promise<Look> {
  const { healthCheck, runtime } = service;
  if (backend.discover === 'srv') return { kind: 'by records' };
  const found = names.get(backend.host) ?? { ips: [backend.host] };
  if ('code' in found) return { kind: 'unresolved', code: found.code };
  if (healthCheck.type === 'none') return { kind: 'not checked' };
  return await lookGently(found.ips, backend, service, runtime.healthTimeoutMs);
}
