// Measures how long a user waits for bal: `bal start -d` until it is ready, and `bal status` of a running daemon.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { environment } from '../harness/cli.ts';
import type { EngineName } from '../harness/engines.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { BAL } from '../../lib/testing/root.ts';
import { until } from '../../lib/testing/until.ts';
import type { Options } from './options.ts';
import { balConfiguration } from './proxies/bal.ts';
import { type Spread, spread } from './statistics.ts';

export interface CommandFigures {
  readonly engine: EngineName;
  /** Seconds until `bal start -d` returns, which it does once every worker accepts connections. */
  readonly start: Spread | null;
  /** Milliseconds. */
  readonly status: Spread | null;
  readonly bareNode: Spread | null;
  /** Median of `bal status` over median of `node -e 0`. */
  readonly statusRatio: number | null;
}

export async function measureCommands(
  engine: EngineName,
  backends: readonly number[],
  scratch: string,
  runs: Options['commandRuns'],
): Promise<CommandFigures> {
  const home = mkdtempSync(join(scratch, 'commands-'));
  writeFileSync(join(home, 'config.yaml'), balConfiguration(engine, { port: await freePort(), backends }));

  /** Runs Node.js with these arguments; returns the milliseconds and how it ended. */
  const time = (...args: readonly string[]): { ms: number; code: number | null; output: string } => {
    const began = performance.now();
    const run = spawnSync(process.execPath, args, { env: environment(home), encoding: 'utf8', timeout: 60_000 });
    return { ms: performance.now() - began, code: run.status, output: (run.stdout + run.stderr).trim() };
  };
  const bal = (...args: readonly string[]): number => {
    const { ms, code, output } = time(BAL, ...args);
    if (code !== 0) throw new Error(`Cannot time bal ${args.join(' ')}: it exits ${code}: ${output}`);
    return ms;
  };

  const starts: number[] = [];
  const statuses: number[] = [];
  const bare: number[] = [];
  try {
    for (let i = 0; i < runs.start; i++) {
      if (i > 0) bal('stop');
      starts.push(bal('start', '-d') / 1000);
    }
    await until('bal has seen its backends', () => time(BAL, 'status').code === 0);
    for (let i = 0; i < runs.status; i++) {
      statuses.push(bal('status'));
      bare.push(time('-e', '0').ms);
    }
  } finally {
    time(BAL, 'stop', '--now');
  }
  const [status, bareNode] = [spread(statuses), spread(bare)];
  const statusRatio = status === null || bareNode === null ? null : status.median / bareNode.median;
  return { engine, start: spread(starts), status, bareNode, statusRatio };
}
