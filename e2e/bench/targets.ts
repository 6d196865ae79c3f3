// The target figures of each engine.
import type { MetricName } from './cases.ts';

export interface Target {
  readonly engine: 'js' | 'native';
  readonly title: string;
  readonly figure:
    | { readonly kind: 'metric'; readonly case: string; readonly metric: MetricName; readonly as: 'ratio' | 'value' }
    | { readonly kind: 'command'; readonly name: 'status' | 'start' };
  /** At most this. */
  readonly must: number;
  /** A more ambitious value; null: none. */
  readonly aim: number | null;
  readonly unit: string;
}

const RATIO = '× haproxy';

function metric(
  engine: Target['engine'],
  title: string,
  at: readonly [name: string, metric: MetricName, as?: 'value'],
  limits: readonly [must: number, aim?: number],
  unit: string = RATIO,
): Target {
  const [name, metric, as = 'ratio'] = at;
  return {
    engine,
    title,
    figure: { kind: 'metric', case: name, metric, as },
    must: limits[0],
    aim: limits[1] ?? null,
    unit,
  };
}

function commands(engine: Target['engine']): Target[] {
  return [
    {
      engine,
      title: '`bal status` on a running daemon',
      figure: { kind: 'command', name: 'status' },
      must: 3,
      aim: null,
      unit: '× `node -e 0`',
    },
    {
      engine,
      title: '`bal start -d` to ready, 2 workers',
      figure: { kind: 'command', name: 'start' },
      must: 1,
      aim: null,
      unit: 's',
    },
  ];
}

export const TARGETS: readonly Target[] = [
  metric('native', 'CPU per short connection, FIN', ['conn-fin', 'cpu'], [0.9, 0.75]),
  metric('native', 'CPU per short connection, RST', ['conn-rst', 'cpu'], [0.9, 0.75]),
  metric('native', 'CPU per 64 B request', ['rr-64', 'cpu'], [0.85, 0.7]),
  metric('native', 'CPU per 16 KiB request', ['rr-16k', 'cpu'], [0.9, 0.8]),
  metric('native', 'CPU per GB, 1 stream', ['stream-1', 'cpu'], [0.35, 0.28]),
  metric('native', 'CPU per GB, 16 streams', ['stream-16', 'cpu'], [0.35, 0.28]),
  metric('native', 'p99 of a 64 B exchange', ['rr-64', 'p99'], [1, 0.75]),
  metric('native', 'memory per idle connection', ['idle', 'perConnection'], [0.2, 0.14]),
  metric('native', 'memory of the instance at rest', ['idle', 'rest', 'value'], [80, 60], 'MiB'),
  ...commands('native'),
  metric('js', 'CPU per short connection, FIN', ['conn-fin', 'cpu'], [2.5]),
  metric('js', 'CPU per short connection, RST', ['conn-rst', 'cpu'], [2.5]),
  metric('js', 'CPU per 64 B request', ['rr-64', 'cpu'], [1.4]),
  metric('js', 'CPU per GB, 1 stream', ['stream-1', 'cpu'], [0.8]),
  metric('js', 'CPU per GB, 16 streams', ['stream-16', 'cpu'], [0.8]),
  metric('js', 'memory per idle connection', ['idle', 'perConnection', 'value'], [14], 'KiB'),
  ...commands('js'),
];
