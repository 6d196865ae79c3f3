// Measures what watching bal costs: the admin listener, connection records, scrapes and `bal top`. A few percent are less than a
// machine's own variation from second to second. So the compared instances carry load at the same time, in many short runs, and
// are restarted now and then.
import { spawn } from 'node:child_process';
import { request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { environment } from '../harness/cli.ts';
import { askStatus } from '../harness/control.ts';
import type { EngineName } from '../harness/engines.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { residentBytes } from '../harness/processes.ts';
import { BAL } from '../../lib/testing/root.ts';
import { home } from '../../lib/paths.ts';
import { runClient } from './loadgen.ts';
import type { Bench } from './measure.ts';
import type { Options } from './options.ts';
import { fineCpuSeconds, fineCpuSecondsOf } from './process-tree.ts';
import { balConfiguration, balProxy } from './proxies/bal.ts';
import { hasSeenBackends, type Running, startProxy, type Surroundings } from './running.ts';
import { quietWaiter } from './quiet.ts';
import { slopes, type Spread, spread } from './statistics.ts';

export interface EyesFigures {
  readonly engine: EngineName;
  /** CPU per short connection, relative to a bal with `log_connections: none` and no admin listener at the same time. */
  readonly watched: Spread | null;
  readonly recorded: Spread | null;
  /** Percent of the records of `log_connections: all` that were dropped. */
  readonly dropped: Spread | null;
  /** Milliseconds, with 100 backends and 8 workers. */
  readonly scrape: Spread | null;
  /** MiB that each thousand scrapes after the first adds to the primary's memory; a single value varies by several MiB. */
  readonly grown: Spread | null;
  /** Percent of a core that the primary uses while `bal top` runs. */
  readonly top: Spread | null;
}

export const BIG = { backends: 100, workers: 8 };
const VARIANTS = ['plain', 'watched', 'recorded'] as const;
type Variant = (typeof VARIANTS)[number];

interface Instance {
  readonly running: Running;
  readonly pid: number;
  readonly admin: number;
}

async function started(
  engine: EngineName,
  backends: readonly number[],
  around: Surroundings,
  settings: string,
  workers: number | null = null,
): Promise<Instance> {
  const admin = await freePort();
  const more = settings.replace('ADMIN', String(admin));
  const proxy = balProxy(engine, `bal-${engine}`, (place) => {
    const common = balConfiguration(engine, place);
    return `${workers === null ? common : common.replace(/^workers: .*$/m, `workers: ${workers}`)}${more}`;
  });
  const running = await startProxy(proxy, backends, around);
  await hasSeenBackends(running);
  return { running, pid: running.pid ?? 0, admin };
}

/** Each of the three gets a third of the clients of the case `conn-fin`. */
const LOAD = ['conn', '-c', '21'];
const ADMIN = 'admin: "127.0.0.1:ADMIN"\n';
const SETTINGS: Readonly<Record<Variant, string>> = {
  plain: 'log_connections: none\n',
  watched: `${ADMIN}log_connections: failed\n`,
  recorded: 'log_connections: all\n',
};

/** Fetches /metrics; returns the milliseconds that it took. */
function scrape(port: number): Promise<number> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const asking = request({ port, host: '127.0.0.1', path: '/metrics', agent: false }, (response) => {
      response.on('error', reject);
      response.on('end', () => resolve(performance.now() - began));
      response.resume();
    });
    asking.on('error', reject);
    asking.end();
  });
}

export async function measureEyes(
  { program, cores }: Pick<Bench, 'program' | 'cores'>,
  engine: EngineName,
  backends: readonly number[],
  around: Surroundings,
  { eyes, seconds, patienceSeconds }: Options,
  say: (line: string) => void,
): Promise<EyesFigures> {
  const quiet = quietWaiter(cores, patienceSeconds);
  const ratios: Record<Variant, number[]> = { plain: [], watched: [], recorded: [] };
  const dropped: number[] = [];

  /** Runs one variant next to the others; returns CPU seconds per connection. Scrapes a watched one during the run. */
  async function cost(variant: Variant, instance: Instance): Promise<number> {
    const before = fineCpuSecondsOf(instance.pid);
    const running = runClient(program, LOAD, instance.running.ports, seconds);
    if (variant === 'watched') await scrape(instance.admin);
    const { done } = await running;
    await pause(150); // the last connections, and their records
    return (fineCpuSecondsOf(instance.pid) - before) / done;
  }

  for (let batch = 0; batch < eyes.batches; batch++) {
    const instances = new Map<Variant, Instance>();
    try {
      for (const variant of VARIANTS) {
        const instance = await started(engine, backends.slice(0, 4), around, SETTINGS[variant]);
        instances.set(variant, instance);
        await runClient(program, LOAD, instance.running.ports, seconds);
      }
      for (let round = 0; round < eyes.rounds; round++) {
        await quiet();
        const costs = await Promise.all(Array.from(instances, (each) => cost(...each)));
        const [plain = NaN] = costs;
        for (const [i, variant] of VARIANTS.entries()) ratios[variant].push((costs[i] ?? NaN) / plain);
        say(
          `eyes ${engine} ${batch}.${round}: watched ${ratios.watched.at(-1)?.toFixed(3)}, recorded ${ratios.recorded.at(-1)?.toFixed(3)}`,
        );
      }
      const recorded = instances.get('recorded');
      if (recorded !== undefined) {
        const { totals } = await askStatus(home({ BAL_HOME: recorded.running.dir }).socket);
        dropped.push((100 * (totals?.log_lines_dropped_total ?? 0)) / Math.max(1, totals?.connections_total ?? 0));
      }
    } finally {
      for (const { running } of instances.values()) await running.stop();
    }
  }

  const big = await started(engine, backends.slice(0, BIG.backends), around, ADMIN, BIG.workers);
  try {
    const times: number[] = [];
    const resident: number[] = [];
    for (let thousand = 0; thousand < eyes.thousands; thousand++) {
      for (let i = 0; i < eyes.scrapes; i++) times.push(await scrape(big.admin));
      resident.push(residentBytes(big.pid) / 2 ** 20);
    }
    say(`eyes ${engine}: ${resident.map((mib) => mib.toFixed(1)).join(', ')} MiB after each ${eyes.scrapes} scrapes`);
    // The first thousand fill caches and pools and trigger the compilers.
    const counted = times.slice(Math.min(eyes.scrapes, times.length / 2));
    const small = await started(engine, backends.slice(0, 4), around, ADMIN);
    try {
      const top: number[] = [];
      for (let i = 0; i < eyes.batches; i++) top.push(await topCost(small, eyes.topSeconds));
      return {
        engine,
        watched: spread(ratios.watched),
        recorded: spread(ratios.recorded),
        dropped: spread(dropped),
        scrape: spread(counted),
        grown: spread(slopes(resident)), // the first thousand has filled V8's young generation
        top: spread(top),
      };
    } finally {
      await small.running.stop();
    }
  } finally {
    await big.running.stop();
  }
}

/** Percent of a core that the primary uses more while `bal top` runs than before. */
async function topCost({ running, pid }: Instance, seconds: number): Promise<number> {
  const idle = await busy(pid, seconds);
  const top = spawn(process.execPath, [BAL, 'top'], {
    env: environment(running.dir),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await new Promise((resolve) => top.stdout.once('data', resolve));
    top.stdout.resume();
    return 100 * ((await busy(pid, seconds)) - idle);
  } finally {
    top.kill('SIGKILL');
  }
}

async function busy(pid: number, seconds: number): Promise<number> {
  const [began, before] = [performance.now(), fineCpuSeconds(pid)];
  await pause(seconds * 1000);
  return (fineCpuSeconds(pid) - before) / ((performance.now() - began) / 1000);
}
