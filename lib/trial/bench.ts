// Measures what bal costs on this machine: the same clients and backend with and without it, one after the other.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Status } from '../control/protocol.ts';
import { sumOf, type LoadResult, type Mode } from './load.ts';
import { conditions, type Conditions } from './machine.ts';
import type { Clients, Stage } from './stage.ts';

export interface Pair {
  readonly direct: number;
  readonly bal: number;
}

export interface BenchReport {
  /** Connect, one question of 64 bytes, its answer, close. */
  readonly connections_per_second: Pair;
  /** Questions of 64 bytes over persistent connections. */
  readonly requests_per_second: Pair;
  /** Bytes that came back; as many were sent. */
  readonly bytes_per_second: Pair;
  /** From question to answer over a single connection, without other load. */
  readonly latency_p50_us: Pair;
  readonly latency_p99_us: Pair;
  /** Over all processes of bal; null if the system does not say. */
  readonly memory_per_connection_bytes: number | null;
  /** Of all measurements, by kind. */
  readonly losses: LoadResult['lost'];
  /** Per measurement. */
  readonly seconds: number;
  readonly workers: number;
  readonly conditions: Conditions;
}

const MANY = 32;
const STREAMS = 8;
/** The first connections pay one-time costs, such as compiled code. */
const FIRST_IDLE = 200;
const IDLE = 2000;
const SETTLE_MS = 500;
const WARM_MS = 500;

/** Reports each phase to `tell`. Rejects on abort. */
export async function bench(
  stage: Stage,
  seconds: number,
  tell: (what: string) => void,
  signal: AbortSignal,
): Promise<BenchReport> {
  const before = conditions();
  const backend = await stage.backend();
  stage.configure({
    port: stage.port,
    bind_address: '127.0.0.1',
    log_connections: 'none',
    backends: [{ host: '127.0.0.1', port: backend.port }],
  });
  const started = await stage.bal('start', '-d');
  if (started.code !== 0) throw new Error(started.stderr.trim().replaceAll(/\s*\n\s*/g, '; '));
  const lost: LoadResult['lost'][] = [];

  async function run(port: number, mode: Mode, clients: number, ms: number): Promise<LoadResult> {
    if (signal.aborted) throw new Error('Cannot go on: it was interrupted');
    const load = stage.clients({ mode, port, clients, pauseMs: 0 });
    await load.ready();
    await sleep(ms, undefined, { signal });
    const result = await load.stop();
    lost.push(result.lost);
    return result;
  }

  async function both(what: string, mode: Mode, clients: number): Promise<{ direct: LoadResult; bal: LoadResult }> {
    tell(what);
    const direct = await run(backend.port, mode, clients, seconds * 1000);
    return { direct, bal: await run(stage.port, mode, clients, seconds * 1000) };
  }

  async function memory(): Promise<{ perConnection: number | null; status: Status }> {
    tell('memory');
    const status = JSON.parse((await stage.bal('status', '--json')).stdout) as Status;
    const pids = [status.pid ?? 0, ...status.workers.map(({ pid }) => pid)];
    const held: Clients[] = [];
    const withThem = async (clients: number): Promise<number | null> => {
      const load = stage.clients({ mode: 'rest', port: stage.port, clients, pauseMs: 0 });
      held.push(load);
      await load.ready();
      await sleep(SETTLE_MS, undefined, { signal });
      return memoryOf(pids);
    };
    const empty = await withThem(FIRST_IDLE);
    const full = await withThem(IDLE);
    for (const load of held) lost.push((await load.stop()).lost);
    return { perConnection: empty === null || full === null ? null : perOne(full - empty), status };
  }

  // Measure memory first: later garbage may be collected during the measurement.
  const { perConnection, status } = await memory();
  // Warm up: Node.js compiles hot code.
  for (const port of [backend.port, stage.port]) await run(port, 'visits', MANY, WARM_MS);
  const visits = await both('connections', 'visits', MANY);
  const talks = await both('requests', 'talks', MANY);
  const streams = await both('bytes', 'streams', STREAMS);
  const single = await both('latency', 'talks', 1);
  const rate = (of: typeof visits, value: (result: LoadResult) => number): Pair => ({
    direct: Math.round(value(of.direct) / of.direct.seconds),
    bal: Math.round(value(of.bal) / of.bal.seconds),
  });
  return {
    connections_per_second: rate(visits, ({ done }) => done),
    requests_per_second: rate(talks, ({ done }) => done),
    bytes_per_second: rate(streams, ({ bytes }) => bytes),
    latency_p50_us: { direct: single.direct.p50_us ?? 0, bal: single.bal.p50_us ?? 0 },
    latency_p99_us: { direct: single.direct.p99_us ?? 0, bal: single.bal.p99_us ?? 0 },
    memory_per_connection_bytes: perConnection,
    losses: sumOf(lost),
    seconds,
    workers: status.workers.length,
    conditions: { ...before, engine: status.engine },
  };
}

function perOne(bytes: number): number {
  return Math.max(0, Math.round(bytes / IDLE));
}

/** Sums the private memory of these processes and their part of shared memory; null if Linux does not say. */
function memoryOf(pids: readonly number[]): number | null {
  try {
    return pids.reduce((sum, pid) => {
      const kib = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
      return sum + Number(kib) * 1024;
    }, 0);
  } catch {
    return null;
  }
}
