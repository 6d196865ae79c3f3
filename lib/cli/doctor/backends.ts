// Can this machine reach the backends? Each is looked up and connected to, all at once, with its configured timeout.
import { connect, isIP } from 'node:net';
import type { BackendPlan, ServicePlan } from '../../../config/plan.ts';
import { hangUp } from '../../hang-up.ts';
import { lookUpAside, type Found } from '../../lookup.ts';
import { critical, ok, warn, type Finding, type Patient } from './finding.ts';

type Probe =
  /** The configuration wants no connects but clients'. */
  | { readonly kind: 'not checked' }
  | { readonly kind: 'connected'; readonly ms: number; readonly ip: string }
  | { readonly kind: 'unresolved' | 'failed'; readonly code: string };

/** What each name leads to. */
type Names = ReadonlyMap<string, Found>;

export async function checkBackends({ disk, running }: Patient): Promise<Finding[]> {
  const services = (disk.plan ?? running)?.services ?? [];
  const hosts = services.flatMap(({ backends }) => backends.map(({ host }) => host));
  const names = await lookUpAside(hosts.filter((host) => isIP(host) === 0));
  return (await Promise.all(services.map((service) => checkService(service, names)))).flat();
}

async function checkService(service: ServicePlan, names: Names): Promise<Finding[]> {
  const { backends, runtime, healthCheck } = service;
  const mayAsk = healthCheck.type !== 'none';
  const probes = await Promise.all(backends.map((backend) => probe(backend, names, runtime.healthTimeoutMs, mayAsk)));
  // One of several that is down costs nobody anything yet; the last one does.
  const judge = probes.some(({ kind }) => kind === 'connected' || kind === 'not checked') ? warn : critical;
  return backends.map((backend, i) => {
    const name = `backend:${service.name}/${backend.address}`;
    const found = probes[i];
    if (found?.kind === 'connected') {
      const via = found.ip === backend.host ? '' : ` at ${found.ip}`;
      return ok(name, `${backend.address} accepts connections${via} (${found.ms} ms)`);
    }
    if (found?.kind === 'not checked') return ok(name, `${backend.address} is not checked (health_check: none)`);
    return judge(name, ...explain(backend, found ?? { kind: 'failed', code: '?' }, runtime.healthTimeoutMs));
  });
}

/** What happened, why, and what to do. */
function explain(
  { host, port, address }: BackendPlan,
  { kind, code }: Extract<Probe, { kind: 'unresolved' | 'failed' }>,
  ms: number,
): [summary: string, why: string, hint: string] {
  if (kind === 'unresolved') {
    return [
      `${address}: the name ${host} cannot be resolved (${code})`,
      'the name is misspelt, or DNS is failing',
      `try: getent hosts ${host}; correct the name, /etc/hosts or the resolver`,
    ];
  }
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
    default:
      return [
        `${address} cannot be reached (${code})`,
        'no route to the host, or this machine is short of ports or descriptors',
        `check address and network: ip route get ${host}`,
      ];
  }
}

async function probe({ host, port }: BackendPlan, names: Names, timeoutMs: number, mayAsk: boolean): Promise<Probe> {
  const found = names.get(host) ?? { ip: host };
  if ('code' in found) return { kind: 'unresolved', code: found.code };
  return mayAsk ? await probeGently(found.ip, port, timeoutMs) : { kind: 'not checked' };
}

function probeGently(ip: string, port: number, timeoutMs: number): Promise<Probe> {
  return new Promise((settle) => {
    const from = performance.now();
    const socket = connect({ host: ip, port, timeout: timeoutMs });
    socket.once('connect', () => {
      settle({ kind: 'connected', ip, ms: Math.ceil(performance.now() - from) });
      socket.setTimeout(0);
      hangUp(socket);
    });
    socket.once('timeout', () => {
      settle({ kind: 'failed', code: 'ETIMEDOUT' });
      socket.destroy();
    });
    // Also when the backend resets a connection that is already said goodbye to: then it was connected.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      settle({ kind: 'failed', code: error.code ?? error.message });
    });
  });
}
