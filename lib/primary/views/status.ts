// The answer to `bal status`, from the current state of services, workers and totals.

import { hostname } from 'node:os';
import type { BackendStatus, ServiceStatus, Status, WorkerStatus } from '../../control/protocol.ts';
import type { WatchStatus } from '../../control/watch.ts';
import type { SpreadStatus } from '../../control/totals.ts';
import { sendProxyOf, type ServicePlan } from '../../../config/plan.ts';
import { TURNED_AWAY } from '../../ipc/reasons.ts';
import { home } from '../../paths.ts';
import { version } from '../../version.ts';
import type { Backend } from '../upstream/backend.ts';
import { cooldownLeft, isReachable, stateOf } from '../upstream/backend.ts';
import { administrationOf, liveChanges } from '../live/live-changes.ts';
import { metricFamilies } from './metrics.ts';
import { discoveryOf } from './names.ts';
import { phaseOf, type Observed } from './observed.ts';
import type { Sink } from '../log/log.ts';
import { drainingStatus } from '../reload/old-workers.ts';
import { slowStartOf } from '../upstream/slow-start.ts';
import { exposition } from './prometheus.ts';
import type { ServiceCounts } from '../stats/totals.ts';
import { backendSum, instanceSum, serviceSum, workerSum } from '../stats/totals.ts';
import { endsOf, listenersStatus } from './listeners.ts';
import type { WorkerProcess } from '../workers/worker-process.ts';

/** Workers answer within 1 or 2 ms. A hung one must not hold up the operator. */
const REFRESH_MS = 250;

/** `startedAt` in performance.now() terms. */
export async function statusOf(
  instance: Observed,
  sink: Sink,
  startedAt: number,
  watch: WatchStatus | null,
): Promise<Status> {
  const { fleet, statistics, plan } = instance;
  await statistics.refresh(fleet.all(), REFRESH_MS);
  const services = plan.services.map((service) => serviceStatus(instance, service));
  const [first] = services;
  const { clients, backends: relayed } = instanceSum(statistics.totals);
  return {
    running: true,
    pid: process.pid,
    host: hostname(),
    home: home().dir,
    config_path: plan.configPath,
    included_files: instance.filePlan.included,
    watch,
    refused_reload: instance.contents.refused,
    bind_address: first?.bind_address ?? null,
    port: first?.port ?? null,
    method: first?.method ?? null,
    backend_total: first?.backend_total ?? null,
    backend_reachable: first?.backend_reachable ?? null,
    backends: first?.backends ?? [],
    active_connections: first?.active_connections ?? null,
    last_check_time: first?.last_check_time ?? null,
    protection_mode: first?.protection_mode ?? { enabled: null, reason: null, since: null, exit_condition: null },
    version,
    engine: fleet.all().find((worker) => worker.engine !== null)?.engine ?? null,
    uptime_ms: Math.round(performance.now() - startedAt),
    generation: instance.generation,
    state: phaseOf(instance),
    max_connections: plan.maxConnections,
    services,
    listeners: listenersStatus(instance),
    // Serving workers first: there may be many old ones.
    workers: [...fleet.all()].sort(byService).flatMap((worker) => workerStatus(instance, worker)),
    draining: drainingStatus(instance),
    spread: spreadStatus(instance),
    totals: {
      active_connections: clients.active,
      connections_total: admitted(clients),
      bytes_in: relayed.bytes_in,
      bytes_out: relayed.bytes_out,
      rejected_total: turnedAway(clients),
      failed_total: clients.ended_no_backend_total + clients.ended_connect_failed_total,
      workers_respawned_total: instance.respawned,
      reloads_total: instance.reloads,
      log_lines_dropped_total: sink.dropped + instance.linesDropped,
    },
    log: { file: sink.file, fault: sink.fault },
    live_changes: liveChanges(instance.basePlan, instance.overrides),
  };
}

function spreadStatus({ evenness: { spread, moved } }: Observed): SpreadStatus | null {
  return spread === null ? null : { ...spread, moved_total: moved };
}

/** The answer to `GET /metrics`. */
export async function metricsOf(instance: Observed, sink: Sink, startedAt: number): Promise<string> {
  await instance.statistics.refresh(instance.fleet.all(), REFRESH_MS);
  return exposition(metricFamilies(instance, startedAt, sink.dropped + instance.linesDropped));
}

function serviceStatus(instance: Observed, plan: ServicePlan): ServiceStatus {
  const { services, statistics } = instance;
  const service = services.get(plan.name);
  const pool = service?.pool.backends ?? [];
  const staying = pool.filter((backend) => !backend.draining);
  const reaches = (backend: Backend) => service !== undefined && isReachable(backend, service.pool.settings);
  const { clients } = serviceSum(statistics.totals, plan.name);
  const sendProxies = new Map(plan.backends.map((backend) => [backend.address, sendProxyOf(plan, backend)]));
  return {
    name: plan.name,
    bind_address: plan.bindAddress,
    port: plan.port,
    bind_unix: plan.bindUnix?.path ?? null,
    method: plan.method,
    backend_total: staying.length,
    backend_reachable: staying.filter(reaches).length,
    backends: pool.map((backend) => {
      const now = performance.now();
      const slowStart = service === undefined ? null : slowStartOf(backend, service.pool.settings, now);
      return {
        ...backendStatus(instance, plan.name, backend, reaches(backend)),
        slow_start: slowStart,
        send_proxy_protocol: backend.draining ? null : (sendProxies.get(backend.address) ?? null),
      };
    }),
    health_check: plan.healthCheck.type,
    accept_proxy_protocol: plan.proxiesFrom,
    server_name: plan.serverNames,
    alpn: plan.protocols,
    discovery: discoveryOf(instance, plan.name),
    active_connections: clients.active,
    last_check_time: latest(staying),
    protection_mode: services.protection(plan.name),
    waiting: clients.waiting,
    waited_total: clients.waited_total,
    ends: endsOf(clients),
    recent: statistics.recent(plan.name, null),
  };
}

function backendStatus(
  { statistics, basePlan, overrides }: Observed,
  service: string,
  backend: Backend,
  reachable: boolean,
): Omit<BackendStatus, 'slow_start' | 'send_proxy_protocol'> {
  const administration = administrationOf(basePlan, overrides, service, backend.address);
  const counted = backendSum(statistics.totals, service, backend.address);
  return {
    address: backend.address,
    reachable,
    state: stateOf(backend),
    active_connections: counted.active,
    last_check_time: backend.lastCheck === null ? null : new Date(backend.lastCheck.wall).toISOString(),
    counters: backend.counters,
    connections_total: counted.connections_total,
    bytes_in: counted.bytes_in,
    bytes_out: counted.bytes_out,
    cooldown_ms: Math.round(cooldownLeft(backend, performance.now())),
    backup: backend.draining ? null : backend.backup,
    max_connections: backend.draining ? null : backend.maxConnections,
    source: backend.sources,
    discovered_from: backend.discoveredFrom,
    ...administration,
    recent: statistics.recent(service, backend.address),
  };
}

function byService(one: WorkerProcess, other: WorkerProcess): number {
  return Number(one.state === 'draining') - Number(other.state === 'draining');
}

function workerStatus({ statistics }: Observed, worker: WorkerProcess): WorkerStatus[] {
  if (worker.state === 'gone') return [];
  const { clients, backends } = workerSum(statistics.totals, worker.pid);
  return [
    {
      id: worker.id,
      pid: worker.pid,
      state: worker.state,
      generation: worker.generation,
      active_connections: clients.active,
      connections_total: admitted(clients),
      bytes_in: backends.bytes_in,
      bytes_out: backends.bytes_out,
      rejected_total: turnedAway(clients),
      rss_bytes: statistics.rssBytes(worker),
    },
  ];
}

/** The number of clients that were admitted. */
function admitted(clients: ServiceCounts): number {
  return clients.accepted_total - turnedAway(clients);
}

function turnedAway(clients: ServiceCounts): number {
  return TURNED_AWAY.reduce((sum, reason) => sum + clients[`ended_${reason}_total`], 0);
}

function latest(backends: readonly Backend[]): string | null {
  const walls = backends.flatMap(({ lastCheck }) => (lastCheck === null ? [] : [lastCheck.wall]));
  return walls.length === 0 ? null : new Date(Math.max(...walls)).toISOString();
}
