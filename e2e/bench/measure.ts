// Measures one run of one case on one running proxy.
import { setTimeout as pause } from 'node:timers/promises';
import type { Case } from './cases.ts';
import { holdOpen, type LoadResult, runClient } from './loadgen.ts';
import { cpuSecondsOf, machineBusySeconds, memoryOf } from './process-tree.ts';
import type { Running } from './running.ts';
import type { Sample } from './statistics.ts';

export interface Bench {
  /** The load generator. */
  readonly program: string;
  readonly backendsPid: number;
  readonly cores: number;
}

type Values = Sample['values'];

/** Silence before memory is read, so that buffers are returned and idle-time garbage collection runs. */
const SILENCE_MS = 500;

function figures(kase: Case, load: LoadResult, cpuSeconds: number | null): Values {
  const { done, seconds, bytes } = load;
  if (kase.kind === 'check') return { checked: bytes / 1e9 };
  if (done === 0) return {};
  if (kase.kind === 'stream')
    return { ...(cpuSeconds !== null && { cpu: cpuSeconds / (bytes / 1e9) }), rate: bytes / 1e9 / seconds };
  const cpu = cpuSeconds === null ? {} : { cpu: (cpuSeconds * 1e6) / done };
  return { ...cpu, rate: done / seconds, p50: load.p50_us, p99: load.p99_us };
}

function sample(kase: Case, proxy: Running, round: number, load: LoadResult, values: Values, foreign: number): Sample {
  const failures = Object.fromEntries(Object.entries(load.failures).filter(([, count]) => count > 0));
  return { case: kase.name, proxy: proxy.name, round, values, failures, wrongBytes: load.wrong_bytes, foreign };
}

/** Tracks the CPU time of the proxy and of all other programs from now on. */
function watchCpu({ backendsPid, cores }: Bench, pid: number | null) {
  const look = () => ({
    at: performance.now() / 1000,
    busy: machineBusySeconds(),
    proxy: pid === null ? 0 : cpuSecondsOf(pid),
    backends: cpuSecondsOf(backendsPid),
    self: process.cpuUsage(),
  });
  const from = look();
  return (load: LoadResult): { cpuSeconds: number | null; foreign: number } => {
    const to = look();
    const proxy = to.proxy - from.proxy;
    const { user, system } = process.cpuUsage(from.self);
    const ours = proxy + to.backends - from.backends + load.cpu_s + (user + system) / 1e6;
    const foreign = (to.busy - from.busy - ours) / (cores * (to.at - from.at));
    return { cpuSeconds: pid === null ? null : proxy, foreign: Math.max(0, foreign) };
  };
}

/** Reads CPU time before the client starts and after it ends, because all that the proxy does for the load counts. */
export async function measureLoad(
  bench: Bench,
  kase: Case,
  proxy: Running,
  round: number,
  seconds: number,
): Promise<Sample> {
  const cpu = watchCpu(bench, proxy.pid);
  const load = await runClient(bench.program, kase.load, proxy.ports, seconds);
  await pause(50); // until the last connections are closed
  const { cpuSeconds, foreign } = cpu(load);
  return sample(kase, proxy, round, load, figures(kase, load, cpuSeconds), foreign);
}

/** Measures a fresh proxy's memory at rest, and its growth per silent connection. */
export async function measureIdle(
  bench: Bench,
  kase: Case,
  proxy: Running,
  round: number,
  connections: number,
): Promise<Sample> {
  // Exclude what only the first connections load, such as code.
  const few = await holdOpen(bench.program, proxy.ports, 16);
  await few.release();
  await pause(SILENCE_MS);
  const rest = proxy.pid === null ? null : memoryOf(proxy.pid);
  const held = await holdOpen(bench.program, proxy.ports, connections);
  await pause(SILENCE_MS);
  const full = proxy.pid === null ? null : memoryOf(proxy.pid);
  const load = await held.release();
  const values =
    rest === null || full === null ? {} : { rest: rest.pss / 1024, perConnection: (full.own - rest.own) / connections };
  return sample(kase, proxy, round, load, values, 0);
}
