// The metrics of bal. Names, labels and units are a contract with dashboards and alerts: never rename one. Use few labels: listener
// (the service's name, or the address that services share), backend, reason, worker state.

import { routedListeners } from '../../../config/listeners.ts';
import { CONNECT_BOUNDS, DURATION_BOUNDS } from '../../ipc/histogram.ts';
import { BACKEND_REASONS, REASONS, REFUSALS } from '../../ipc/reasons.ts';
import { version } from '../../version.ts';
import { cooldownLeft, isReachable } from '../upstream/backend.ts';
import { liveChanges } from '../live/live-changes.ts';
import { nameFamilies } from './names.ts';
import type { Observed } from './observed.ts';
import { drainingStatus } from '../reload/old-workers.ts';
import type { Family, Sample } from './prometheus.ts';
import { counter, gauge, histogram } from './prometheus.ts';
import type { Service } from '../upstream/services.ts';
import { backendSum, serviceSum } from '../stats/totals.ts';

/** `startedAt` in performance.now() terms; `dropped` log lines. */
export function metricFamilies(instance: Observed, startedAt: number, dropped: number): Family[] {
  return [
    ...processFamilies(instance, startedAt, dropped),
    ...listenerFamilies(instance),
    ...backendFamilies(instance),
    ...nameFamilies(instance),
  ];
}

function processFamilies(instance: Observed, startedAt: number, dropped: number): Family[] {
  const { fleet, plan, basePlan, overrides, reloads, respawned, contents, evenness } = instance;
  const { spread } = evenness;
  const draining = drainingStatus(instance);
  const workers = fleet.all();
  const engine = workers.find((worker) => worker.engine !== null)?.engine ?? 'none';
  // Do not derive it from the current clock, which is set and slewed: a moving start time looks like a restart.
  const since = (performance.timeOrigin + startedAt) / 1000;
  return [
    gauge('bal_info', 'Always 1; the labels tell what runs.', [
      { labels: { version, engine, node: process.versions.node }, value: 1 },
    ]),
    gauge('bal_start_time_seconds', 'When bal was started, in seconds since 1970.', one(Math.round(since))),
    gauge(
      'bal_workers',
      'Worker processes by state.',
      (['forked', 'ready', 'draining'] as const).map((state) => ({
        labels: { state },
        value: workers.filter((worker) => worker.state === state).length,
      })),
    ),
    gauge('bal_draining_connections', 'Clients of old workers, from before a reload.', one(draining.connections)),
    gauge('bal_draining_generations', 'Generations of old workers that have clients.', one(draining.generations)),
    counter('bal_worker_respawns_total', 'Workers started in place of one that died.', one(respawned)),
    gauge(
      'bal_worker_connections_spread',
      'Connections that the fullest worker that serves has more than the emptiest.',
      one(spread === null ? 0 : spread.most - spread.fewest),
    ),
    counter(
      'bal_worker_connections_moved_total',
      'Connections moved from full workers to empty ones.',
      one(evenness.moved),
    ),
    counter('bal_config_reloads_total', 'Reloads that were carried out.', one(reloads)),
    gauge(
      'bal_config_last_reload_successful',
      '1 unless the last reload was rejected.',
      one(contents.refused === null ? 1 : 0),
    ),
    gauge(
      'bal_live_changes',
      'What `bal backend` has changed and the file does not say.',
      one(liveChanges(basePlan, overrides).length),
    ),
    gauge('bal_max_connections', 'The limit for the whole instance.', one(plan.maxConnections)),
    counter('bal_log_lines_dropped_total', 'Log lines and records that could not be kept.', one(dropped)),
  ];
}

function listenerFamilies({ plan, services, statistics }: Observed): Family[] {
  const rowOf = (name: string) => ({ labels: { listener: name }, sum: serviceSum(statistics.totals, name) });
  const listeners = plan.services.map(({ name }) => rowOf(name));
  // Clients without a service, or not yet assigned to one, count for the address that they came to.
  const all = [...listeners, ...routedListeners(plan).map(({ address }) => rowOf(address))];
  const buckets = (
    name: 'connect_seconds' | 'duration_seconds',
    bounds: typeof CONNECT_BOUNDS | typeof DURATION_BOUNDS,
  ): Sample[] =>
    listeners.flatMap(({ labels, sum: { clients } }) => {
      const counts = Object.entries(clients).flatMap(([field, value]) =>
        field.startsWith(`${name}_le_`) ? [value] : [],
      );
      return histogram(labels, bounds, counts, clients[`${name}_sum`]);
    });
  return [
    counter(
      'bal_listener_connections_total',
      'Clients accepted, also those refused afterwards.',
      all.map(({ labels, sum }) => ({ labels, value: sum.clients.accepted_total })),
    ),
    gauge(
      'bal_listener_connections_active',
      'Connections of clients open now.',
      all.map(({ labels, sum }) => ({ labels, value: sum.clients.active })),
    ),
    gauge(
      'bal_listener_waiting',
      'Clients that wait because the limit is reached or every backend is full.',
      listeners.map(({ labels, sum }) => ({ labels, value: sum.clients.waiting })),
    ),
    counter(
      'bal_listener_waited_total',
      'Clients that had to wait.',
      listeners.map(({ labels, sum }) => ({ labels, value: sum.clients.waited_total })),
    ),
    counter(
      'bal_connections_ended_total',
      'Connections by the reason of their end.',
      all.flatMap(({ labels, sum }) =>
        REASONS.map((reason) => ({ labels: { ...labels, reason }, value: sum.clients[`ended_${reason}_total`] })),
      ),
    ),
    counter(
      'bal_rejected_connections_total',
      'Clients that were refused, by the reason.',
      all.flatMap(({ labels, sum }) =>
        REFUSALS.map((reason) => ({
          labels: { ...labels, reason },
          value: sum.clients[`ended_${reason}_total`],
        })),
      ),
    ),
    counter(
      'bal_bytes_total',
      'Bytes relayed; in: from clients to backends.',
      listeners.flatMap(({ labels, sum }) => [
        { labels: { ...labels, direction: 'in' }, value: sum.backends.bytes_in },
        { labels: { ...labels, direction: 'out' }, value: sum.backends.bytes_out },
      ]),
    ),
    {
      name: 'bal_backend_connect_duration_seconds',
      help: 'From the first attempt until a backend was connected.',
      type: 'histogram',
      samples: buckets('connect_seconds', CONNECT_BOUNDS),
    },
    {
      name: 'bal_connection_duration_seconds',
      help: 'From accepting a client until its end.',
      type: 'histogram',
      samples: buckets('duration_seconds', DURATION_BOUNDS),
    },
    gauge(
      'bal_protection_enabled',
      '1 while protection mode is on.',
      listeners.map(({ labels }) => ({ labels, value: services.guarded(labels.listener) ? 1 : 0 })),
    ),
  ];
}

function backendFamilies({ plan, services, statistics }: Observed): Family[] {
  const now = performance.now();
  const backends = plan.services.flatMap(({ name }) => {
    const service: Service | undefined = services.get(name);
    if (service === undefined) return [];
    const { settings } = service.pool;
    return service.pool.backends
      .filter(({ draining }) => !draining)
      .map((backend) => ({
        labels: { listener: name, backend: backend.address },
        backend,
        settings,
        sum: backendSum(statistics.totals, name, backend.address),
      }));
  });
  type Row = (typeof backends)[number];
  const each = (value: (row: Row) => number): Sample[] =>
    backends.map((row) => ({ labels: row.labels, value: value(row) }));
  return [
    gauge(
      'bal_backend_up',
      '1 while the backend is up; one that is not checked counts as up until clients cannot reach it.',
      each(({ backend, settings }) => (isReachable(backend, settings) ? 1 : 0)),
    ),
    gauge(
      'bal_backend_weight',
      'Its configured share of the connections.',
      each(({ backend }) => backend.weight),
    ),
    gauge(
      'bal_backend_max_connections',
      'Connections that it may have; 0: any number.',
      each(({ backend }) => backend.maxConnections),
    ),
    gauge(
      'bal_backend_cooldown_seconds',
      'What is left of a cool-down.',
      each(({ backend }) => cooldownLeft(backend, now) / 1000),
    ),
    gauge(
      'bal_backend_connections_active',
      'Connections to the backend open now.',
      each(({ sum }) => sum.active),
    ),
    counter(
      'bal_backend_connections_total',
      'Connections made to the backend.',
      each(({ sum }) => sum.connections_total),
    ),
    counter(
      'bal_backend_connect_errors_total',
      'Failed connects of clients.',
      backends.flatMap(({ labels, sum }) =>
        (['refused', 'timeout', 'other', 'local'] as const).map((reason) => ({
          labels: { ...labels, reason },
          value: sum[`${reason}_total`],
        })),
      ),
    ),
    counter(
      'bal_backend_connections_ended_total',
      'Connections made to the backend by the reason of their end.',
      backends.flatMap(({ labels, sum }) =>
        BACKEND_REASONS.map((reason) => ({ labels: { ...labels, reason }, value: sum[`ended_${reason}_total`] })),
      ),
    ),
    counter(
      'bal_backend_bytes_total',
      'Bytes relayed; in: from clients to the backend.',
      backends.flatMap(({ labels, sum }) => [
        { labels: { ...labels, direction: 'in' }, value: sum.bytes_in },
        { labels: { ...labels, direction: 'out' }, value: sum.bytes_out },
      ]),
    ),
  ];
}

function one(value: number): Sample[] {
  return [{ labels: {}, value }];
}
