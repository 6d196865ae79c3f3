// `bal bench`: measures what bal costs on this machine, compared with a direct connection.

import { bench as measure, type BenchReport, type Pair } from '../trial/bench.ts';
import { conditionsText } from '../trial/machine.ts';
import { bytes, counted } from '../units.ts';
import type { Options } from './arguments.ts';
import type { ExitCode, Io } from './command.ts';
import { json, table } from './report.ts';
import { onStage } from './trial.ts';

const SECONDS = 3;

/** 0: measured; 1: failed. */
export async function bench(options: Options, io: Io): Promise<ExitCode> {
  const tell = (what: string): void => {
    if (!options.json) io.redraw?.(`measuring ${what} …`);
  };
  const report = await onStage(options, io, (stage, signal) =>
    measure(stage, options.seconds ?? SECONDS, tell, signal),
  );
  if (report === null) return 1;
  if (options.json) json(io, report);
  else for (const line of reportLines(report, io)) io.out(line);
  return 0;
}

function reportLines(report: BenchReport, io: Io): string[] {
  const share = ({ direct, bal }: Pair): string => `${Math.round((bal / Math.max(1, direct)) * 100)} %`;
  const added = ({ direct, bal }: Pair): string => `${bal < direct ? '' : '+'}${bal - direct} µs`;
  const plain = (value: number): string => value.toLocaleString('en-US');
  const row = (name: string, of: Pair, shown: (value: number) => string, last: (of: Pair) => string): string[] => [
    name,
    shown(of.direct),
    shown(of.bal),
    last(of),
  ];
  const losses = Object.entries(report.losses).filter(([, count]) => count > 0);
  const failed = losses.reduce((sum, [, count]) => sum + count, 0);
  const how = losses.map(([kind, count]) => `${count} ${kind}`).join(', ');
  const memory = report.memory_per_connection_bytes;
  return [
    ...table(io, 'lrrr', [
      ['', 'direct', 'through bal', ''],
      row('connections a second', report.connections_per_second, plain, share),
      row('requests a second', report.requests_per_second, plain, share),
      row('bytes a second', report.bytes_per_second, bytes, share),
      row('latency, median', report.latency_p50_us, (value) => `${plain(value)} µs`, added),
      row('latency, 99 of 100', report.latency_p99_us, (value) => `${plain(value)} µs`, added),
    ]),
    `memory of one idle connection: ${memory === null ? 'not known' : memory < 1024 ? 'less than 1 KiB' : bytes(memory)}`,
    ...(failed === 0
      ? []
      : [`${counted(failed, 'connection')} failed (${how}): this machine is busy, or short of something`]),
    '',
    `Clients and backend are programs of Node.js on the same ${counted(report.conditions.cores, 'core')} as bal and its ${counted(report.workers, 'worker')}:`,
    'compare the columns; neither is the limit of bal or of this machine.',
    conditionsText(report.conditions),
  ];
}
