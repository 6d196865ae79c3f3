// Measures how long connections stand still during the handover of a reload, how long the whole reload takes, and what a client
// sees of it. By hand: node .build/e2e/soak/handover/figures-main.js [conditions, in words]
import { availableParallelism, loadavg } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { isStandstill, type Standstill } from '../../../lib/ipc/standstill.ts';
import { freePort } from '../../../lib/testing/ports.ts';
import { quietWaiter } from '../../bench/quiet.ts';
import { type Bal, startBal } from '../../harness.ts';
import { backend } from '../../harness/backend.ts';
import { echo } from '../../harness/behaviours.ts';
import { type Client, connectTo } from '../../harness/client.ts';
import { configFor } from '../../harness/config.ts';
import { crowdProcess, PATIENCE_MS } from '../crowd-process.ts';
import { figuresOf, keepFigures } from '../figures.ts';
import { owned } from '../owned.ts';

interface Case {
  readonly connections: number;
  /** Round trips of 64 bytes per connection. */
  readonly perSecond: number;
  readonly reloads: number;
}

export interface FiguresRow extends Case {
  readonly condition: string;
  /** As the command reports it, in ms: median and longest. */
  readonly reloadMs: readonly [number, number];
  /** Over the workers that took connections: the medians of p50 and p99, and the longest. */
  readonly still: Standstill;
  /** How many of these workers had a p99 of at most 5 ms. */
  readonly within: readonly [number, number];
  /**
   * The longest round trip of a client that always has one under way, during a reload and as long without one: median, longest.
   */
  readonly seen: readonly [number, number];
  readonly otherwise: readonly [number, number];
}

const CASES: readonly Case[] = [
  { connections: 1000, perSecond: 0, reloads: 20 },
  { connections: 1000, perSecond: 2, reloads: 20 },
  { connections: 10_000, perSecond: 0, reloads: 10 },
];
const TALKERS = 8;
const condition = process.argv[2] ?? `load average ${(loadavg()[0] ?? 0).toFixed(0)} at the start`;

function medianOf(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}
const spread = (numbers: readonly number[]): readonly [number, number] => [
  Math.round(medianOf(numbers) * 10) / 10,
  Math.round(Math.max(...numbers) * 10) / 10,
];

/** Keeps a round trip under way; `longest` covers the time since the last call. */
function talker(client: Client): { readonly longest: () => number; stop(): Promise<void> } {
  let longest = 0;
  let isOver = false;
  const running = (async () => {
    while (!isOver) {
      const began = performance.now();
      await client.send('x');
      await client.reads(1);
      longest = Math.max(longest, performance.now() - began);
      await pause(2);
    }
  })();
  // stop() reports the error; a measurement that failed earlier has its own.
  running.catch(() => undefined);
  return {
    longest() {
      const its = longest;
      longest = 0;
      return its;
    },
    async stop() {
      isOver = true;
      await running;
    },
  };
}

function standstills(bal: Bal): Standstill[] {
  return bal.logs().flatMap(({ event, fields }) => {
    const its = fields['standstill_ms'];
    return event === 'connections.handed_over' && isStandstill(its) ? [its] : [];
  });
}

/** Total seconds to wait for other programs to leave the machine idle. */
const QUIET_S = 30;
const quiet = quietWaiter(availableParallelism(), QUIET_S);

async function measure(it: Case): Promise<FiguresRow> {
  const { connections, perSecond, reloads } = it;
  return owned(async (t) => {
    const a = await backend(t, echo);
    const port = await freePort();
    const runtime = {
      max_concurrent_connections: connections + 100,
      backend_connect_timeout_ms: PATIENCE_MS,
      connection_idle_timeout_ms: 3_600_000,
    };
    const bal = await startBal(t, { engine: 'native', config: configFor(port, [a], { workers: 2, runtime }) });
    await bal.checked();
    const crowd = crowdProcess(t);
    const { served } = await crowd({ kind: 'open', port, count: connections });
    if (served !== connections) throw new Error(`Cannot measure: ${served} of ${connections} were served`);
    await crowd({ kind: 'talk', perSecond });
    const talkers = [];
    for (let i = 0; i < TALKERS; i++) talkers.push(talker(await connectTo(t, port)));
    await pause(2000);
    const durations: number[] = [];
    const seen: number[] = [];
    const otherwise: number[] = [];
    for (let i = 0; i < reloads; i++) {
      if (perSecond === 0) await quiet();
      talkers.forEach(({ longest }) => longest());
      const began = performance.now();
      const { code, verdict } = await bal.graceful();
      if (code !== 0 || verdict.draining?.connections !== 0) throw new Error(JSON.stringify(verdict));
      const took = performance.now() - began;
      durations.push(verdict.duration_ms);
      seen.push(...talkers.map(({ longest }) => longest()));
      await pause(took);
      otherwise.push(...talkers.map(({ longest }) => longest()));
    }
    await Promise.all(talkers.map((its) => its.stop()));
    const { over } = await crowd({ kind: 'talk', perSecond: 0 });
    if (over > 0) throw new Error(`${over} connections are over`);
    const still = standstills(bal);
    await crowd({ kind: 'leave' });
    return {
      ...it,
      condition,
      reloadMs: spread(durations),
      still: {
        p50: medianOf(still.map(({ p50 }) => p50)),
        p99: medianOf(still.map(({ p99 }) => p99)),
        max: Math.max(...still.map(({ max }) => max)),
      },
      within: [still.filter(({ p99 }) => p99 <= 5).length, still.length],
      seen: spread(seen),
      otherwise: spread(otherwise),
    };
  });
}

const rows: FiguresRow[] = [];
for (const it of CASES) {
  const row = await measure(it);
  console.log(JSON.stringify(row));
  rows.push(row);
}
const others = figuresOf('handover') ?? [];
keepFigures('handover', [...others.filter((it) => it.condition !== condition), ...rows]);
