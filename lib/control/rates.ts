// Rates between two statuses, and their history, for live views. Pure: time is an argument.

import type { Status } from './protocol.ts';
import { refusedIn } from './totals.ts';

/** Per second. */
export interface Rates {
  /** New connections. For clients, refused ones are included. */
  readonly connections: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Clients that got no backend: refused by rules and limits, or none could be reached. */
  readonly refused: number;
}

export interface History {
  readonly status: Status;
  /** When the status was made, in ms of any monotonic clock. */
  readonly at: number;
  readonly total: Rates;
  /** By `service address`. */
  readonly backends: ReadonlyMap<string, Rates>;
  /** By worker id and pid. */
  readonly workers: ReadonlyMap<string, Rates>;
  /** Connections per second of each backend, oldest first. */
  readonly trend: ReadonlyMap<string, readonly number[]>;
}

const TREND_LENGTH = 60;

interface Counts {
  readonly connections_total: number | null;
  readonly bytes_in: number | null;
  readonly bytes_out: number | null;
  readonly rejected_total?: number;
  /** Refused clients that are included in `connections_total`. */
  readonly refused_later?: number;
}

/** Whether both come from the same run of bal. In a container each run has PID 1, and only the uptime starts anew. */
export function isSameRun(before: Status, now: Status): boolean {
  return before.pid === now.pid && (before.uptime_ms ?? 0) <= (now.uptime_ms ?? Infinity);
}

/** Compares only within one run: a restarted bal counts from zero. */
export function observe(before: History | null, status: Status, at: number): History {
  const isSame = before !== null && isSameRun(before.status, status);
  const seconds = before === null ? Infinity : Math.max(0.001, (at - before.at) / 1000);
  const old = isSame ? backendCounts(before.status) : new Map<string, Counts>();
  const backends = new Map<string, Rates>();
  const trend = new Map<string, readonly number[]>();
  for (const [key, counts] of backendCounts(status)) {
    const rates = rate(counts, old.get(key), seconds);
    backends.set(key, rates);
    trend.set(key, [...(before?.trend.get(key) ?? []), rates.connections].slice(-TREND_LENGTH));
  }
  const oldWorkers = isSame ? workerCounts(before.status) : new Map<string, Counts>();
  const workers = new Map(
    [...workerCounts(status)].map(([key, counts]) => [key, rate(counts, oldWorkers.get(key), seconds)]),
  );
  const total = isSame ? rate(instanceCounts(status), instanceCounts(before.status), seconds) : NONE;
  return { status, at, total, backends, workers, trend };
}

export function backendKey(service: string, address: string): string {
  return `${service} ${address}`;
}

export function workerKey(id: number, pid: number): string {
  return `${id} ${pid}`;
}

const NONE: Rates = { connections: 0, bytesIn: 0, bytesOut: 0, refused: 0 };

/** Without an older value there is no rate. */
function rate(now: Counts, before: Counts | undefined, seconds: number): Rates {
  if (before === undefined) return NONE;
  const per = (a: number | null | undefined, b: number | null | undefined): number =>
    Math.max(0, (a ?? 0) - (b ?? 0)) / seconds;
  return {
    connections: per(came(now), came(before)),
    bytesIn: per(now.bytes_in, before.bytes_in),
    bytesOut: per(now.bytes_out, before.bytes_out),
    refused: per(refused(now), refused(before)),
  };
}

/** `connections_total` excludes clients refused by rules and limits. */
function came({ connections_total, rejected_total = 0 }: Counts): number {
  return (connections_total ?? 0) + rejected_total;
}

function refused({ rejected_total = 0, refused_later = 0 }: Counts): number {
  return rejected_total + refused_later;
}

function instanceCounts(status: Status): Counts {
  const { byFirstBytes, withoutBackend } = refusedIn(status);
  const { connections_total = null, bytes_in = null, bytes_out = null, rejected_total = 0 } = status.totals ?? {};
  return { connections_total, bytes_in, bytes_out, rejected_total, refused_later: byFirstBytes + withoutBackend };
}

function backendCounts({ services }: Status): Map<string, Counts> {
  return new Map(
    services.flatMap(({ name, backends }) => backends.map((backend) => [backendKey(name, backend.address), backend])),
  );
}

function workerCounts({ workers }: Status): Map<string, Counts> {
  return new Map(workers.map((worker) => [workerKey(worker.id, worker.pid), worker]));
}
