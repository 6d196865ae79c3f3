// Measures what a feature costs: CPU per short connection with it and without it, or with it and in haproxy with the same. A bal
// with it and one without differ by less than the machine from second to second, so they carry load at the same time; bal and
// haproxy would disturb each other's turns, so they run one after the other, each as often first.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { runClient } from '../loadgen.ts';
import type { Bench } from '../measure.ts';
import type { Options } from '../options.ts';
import { fineCpuSecondsOf, memoryOf } from '../process-tree.ts';
import type { Proxy } from '../proxies/proxy.ts';
import { quietWaiter } from '../quiet.ts';
import { hasSeenBackends, type Running, startProxy, type Surroundings } from '../running.ts';
import { type Spread, spread } from '../statistics.ts';
import type { Feature } from './features.ts';

export interface FeatureFigures {
  readonly feature: Feature;
  /** CPU per short connection, as a multiple of the other one's. */
  readonly cpu: Spread | null;
  /** MiB more than without it. */
  readonly memory: Spread | null;
  /** Connections of bal with the feature that failed, and wrong bytes. */
  readonly faults: number;
}

interface Loaded {
  readonly running: Running;
  readonly pid: number;
}

/** Starts it; a bal knows its backends then. */
async function started(proxy: Proxy, backends: readonly number[], around: Surroundings): Promise<Loaded> {
  const running = await startProxy(proxy, backends, around);
  if (proxy.name !== 'haproxy') await hasSeenBackends(running);
  return { running, pid: running.pid ?? 0 };
}

/** `backends`: as many ports as the feature has backends for each of the two. */
export async function measureFeature(
  { program, cores }: Pick<Bench, 'program' | 'cores'>,
  feature: Feature,
  backends: readonly [with_: readonly number[], base: readonly number[]],
  around: Surroundings,
  { features: { batches, rounds, warmUpSeconds }, seconds, patienceSeconds }: Options,
  say: (line: string) => void,
): Promise<FeatureFigures> {
  const quiet = quietWaiter(cores, patienceSeconds);
  const ratios: number[] = [];
  const memories: number[] = [];
  let faults = 0;
  const isTogether = feature.against !== 'haproxy';
  const load = ['conn', '-c', isTogether ? '32' : '64', ...options(feature, around)];

  /** CPU seconds per connection. */
  async function cost({ running, pid }: Loaded): Promise<number> {
    const before = fineCpuSecondsOf(pid);
    const { done, failures, wrong_bytes } = await runClient(program, load, running.ports, seconds);
    await pause(150); // the last connections
    if (running.name === feature.bal.name)
      faults += wrong_bytes + Object.values(failures).reduce((sum, count) => sum + count, 0);
    return (fineCpuSecondsOf(pid) - before) / done;
  }

  async function both(pair: readonly [Loaded, Loaded], isBaseFirst: boolean): Promise<readonly [number, number]> {
    if (isTogether) return Promise.all([cost(pair[0]), cost(pair[1])]);
    if (!isBaseFirst) return [await cost(pair[0]), await cost(pair[1])];
    const base = await cost(pair[1]);
    return [await cost(pair[0]), base];
  }

  /** Until compilers, caches and pools are warm, and each of the client addresses has come. */
  async function warmUp(pair: readonly [Loaded, Loaded]): Promise<void> {
    const began = performance.now();
    let come = 0;
    while (come < (feature.sources ?? 0) || performance.now() - began < warmUpSeconds * 1000) {
      const results = await Promise.all(pair.map(({ running }) => runClient(program, load, running.ports, seconds)));
      come += Math.min(...results.map(({ done }) => done));
    }
  }

  for (let batch = 0; batch < batches; batch++) {
    const all: Loaded[] = [];
    try {
      const it = await started(feature.bal, backends[0], around);
      all.push(it);
      const base = await started(feature.base, backends[1], around);
      all.push(base);
      await warmUp([it, base]);
      for (let round = 0; round < rounds; round++) {
        await quiet();
        const [cpu, baseCpu] = await both([it, base], round % 2 === 1);
        ratios.push(cpu / baseCpu);
        say(`feature ${feature.name} ${batch}.${round}: ${(cpu * 1e6).toFixed(1)} µs, ${(cpu / baseCpu).toFixed(3)}`);
      }
      memories.push((memoryOf(it.pid).own - memoryOf(base.pid).own) / 1024);
    } finally {
      for (const { running } of all) await running.stop();
    }
  }
  const memory = feature.memory === null ? null : spread(memories);
  return { feature, cpu: spread(ratios), memory, faults };
}

/** The load generator's options. */
function options({ sources, prologue, name }: Feature, { scratch }: Surroundings): string[] {
  const from = sources === null ? [] : ['-s', String(sources)];
  if (prologue === null) return from;
  const file = join(scratch, `${name}.bytes`);
  writeFileSync(file, prologue);
  return [...from, '-p', file];
}
