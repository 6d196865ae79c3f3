// Runs the rounds: in each round every case, and in each case every proxy in sequence, so that compared runs are seconds apart;
// some cases several times. The proxy that starts rotates from case to case and from turn to turn.
import type { Case } from './cases.ts';
import { runClient } from './loadgen.ts';
import { type Bench, measureIdle, measureLoad } from './measure.ts';
import type { Options } from './options.ts';
import { DISTURBED, quietWaiter } from './quiet.ts';
import type { Proxy } from './proxies/proxy.ts';
import { type Running, startProxy, type Surroundings } from './running.ts';
import type { Sample } from './statistics.ts';

/** A proxy and its own backends, so that one proxy's TIME_WAIT connections to backends do not affect another. */
export interface Contender {
  readonly proxy: Proxy;
  readonly backends: readonly number[];
}

export interface Plan {
  readonly contenders: readonly Contender[];
  readonly cases: readonly Case[];
  readonly options: Options;
  readonly around: Surroundings;
  /** For memory: a copy of the Node.js binary, so that no other process shares its pages. */
  readonly ownNode: string;
}

export interface Outcome {
  readonly samples: readonly Sample[];
  /** What could not be measured, and why. */
  readonly problems: readonly string[];
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const at = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Warms up compilers, caches and pools before anything counts. */
async function warmUp({ program }: Bench, proxy: Running, seconds: number): Promise<void> {
  await runClient(program, ['conn', '-c', '64'], proxy.ports, seconds);
  await runClient(program, ['rr', '-c', '64'], proxy.ports, seconds / 2);
}

export async function runRounds(bench: Bench, plan: Plan, say: (line: string) => void): Promise<Outcome> {
  const { contenders, cases, options, around, ownNode } = plan;
  const quiet = quietWaiter(bench.cores, options.patienceSeconds);
  const samples: Sample[] = [];
  const problems: string[] = [];

  /** Records a failure of one proxy in one case, and continues with the rest. */
  const attempt = async (what: string, action: () => Promise<void>): Promise<void> => {
    try {
      await action();
    } catch (error) {
      problems.push(`${what}: ${reason(error)}`);
      say(`${what}: ${reason(error)}`);
    }
  };

  const keep = (sample: Sample): void => {
    samples.push(sample);
    const values = Object.entries(sample.values).map(([name, value]) => `${name} ${value.toPrecision(4)}`);
    const failed = Object.keys(sample.failures).length > 0 ? `, failures ${JSON.stringify(sample.failures)}` : '';
    say(`round ${sample.round} ${sample.case} ${sample.proxy}: ${values.join(', ')}${failed}`);
  };

  const undisturbed = async (measure: () => Promise<Sample>): Promise<Sample> => {
    await quiet();
    let best = await measure();
    for (let again = 0; again < options.retries && best.foreign > DISTURBED && (await quiet()); again++) {
      const next = await measure();
      if (next.foreign < best.foreign) best = next;
    }
    return best;
  };

  const loads = cases.filter(({ kind }) => kind !== 'idle');
  const runLoads = async (round: number): Promise<void> => {
    const running: Running[] = [];
    try {
      for (const { proxy, backends } of loads.length > 0 ? contenders : [])
        await attempt(`round ${round} ${proxy.name}`, async () => {
          const started = await startProxy(proxy, backends, around);
          running.push(started);
          await warmUp(bench, started, options.seconds);
        });
      for (const [i, kase] of loads.entries()) {
        const turns = kase.turns ?? 1;
        for (let turn = 0; turn < turns; turn++) {
          const each = (round - 1) * turns + turn + 1;
          for (const proxy of rotated(running, round + i + turn))
            await attempt(`round ${each} ${kase.name} ${proxy.name}`, async () =>
              keep(await undisturbed(() => measureLoad(bench, kase, proxy, each, options.seconds))),
            );
        }
      }
    } finally {
      for (const proxy of running) await proxy.stop();
    }
  };

  const runIdle = async (kase: Case, round: number): Promise<void> => {
    for (const { proxy, backends } of rotated(contenders, round)) {
      if (proxy.name === 'direct') continue; // there is no process to measure
      await attempt(`round ${round} ${kase.name} ${proxy.name}`, async () => {
        const started = await startProxy(proxy, backends, { ...around, node: ownNode });
        try {
          keep(await measureIdle(bench, kase, started, round, options.idleConnections));
        } finally {
          await started.stop();
        }
      });
    }
  };

  for (let round = 1; round <= options.rounds; round++) {
    await runLoads(round);
    for (const kase of cases) if (kase.kind === 'idle') await runIdle(kase, round);
  }
  return { samples, problems };
}
