// The benchmark's cases: each is one kind of load and names its figures.

export type MetricName = 'rate' | 'cpu' | 'p50' | 'p99' | 'checked' | 'rest' | 'perConnection';

export interface Metric {
  readonly name: MetricName;
  /** Its column title, with the unit. */
  readonly title: string;
  /** Whether to show its ratio to haproxy next to it. */
  readonly hasRatio: boolean;
}

export interface Case {
  readonly name: string;
  readonly title: string;
  /** `idle` is measured on a fresh proxy, all others in sequence on a running one. */
  readonly kind: 'exchange' | 'stream' | 'check' | 'idle';
  /** The load generator's mode and options, without ports and seconds. */
  readonly load: readonly [mode: string, ...options: string[]];
  readonly metrics: readonly Metric[];
  /** Runs per round, for cases whose single runs vary by more than the effect to be measured. */
  readonly turns?: number;
}

const latencies: readonly Metric[] = [
  { name: 'p50', title: 'p50 µs', hasRatio: false },
  { name: 'p99', title: 'p99 µs', hasRatio: true },
];

const connection: readonly Metric[] = [
  { name: 'cpu', title: 'CPU µs per connection', hasRatio: true },
  { name: 'rate', title: 'connections/s', hasRatio: true },
  ...latencies,
];

const request: readonly Metric[] = [
  { name: 'cpu', title: 'CPU µs per request', hasRatio: true },
  { name: 'rate', title: 'requests/s', hasRatio: true },
  ...latencies,
];

const stream: readonly Metric[] = [
  { name: 'cpu', title: 'CPU s per GB', hasRatio: true },
  { name: 'rate', title: 'GB/s', hasRatio: true },
];

export const CASES: readonly Case[] = [
  {
    name: 'conn-fin',
    title: 'Short connections, closed by FIN: 64 clients connect, send 64 B, get 64 B, close',
    kind: 'exchange',
    load: ['conn', '-c', '64'],
    metrics: connection,
  },
  {
    name: 'conn-rst',
    title: 'Short connections, closed by RST',
    kind: 'exchange',
    load: ['conn', '-c', '64', '-r'],
    metrics: connection,
  },
  {
    name: 'rr-64',
    title: 'Requests of 64 B over 64 connections',
    kind: 'exchange',
    load: ['rr', '-c', '64', '-n', '64', '-m', '64'],
    metrics: request,
    turns: 4,
  },
  {
    name: 'rr-16k',
    title: 'Requests of 16 KiB over 64 connections',
    kind: 'exchange',
    load: ['rr', '-c', '64', '-n', '16384', '-m', '16384'],
    metrics: request,
    turns: 4,
  },
  {
    name: 'stream-1',
    title: 'One stream, client to backend',
    kind: 'stream',
    load: ['stream', '-c', '1', '-d', 'push'],
    metrics: stream,
  },
  {
    name: 'stream-16',
    title: '16 streams, client to backend',
    kind: 'stream',
    load: ['stream', '-c', '16', '-d', 'push'],
    metrics: stream,
  },
  {
    name: 'check',
    title: '8 streams, half in each direction, every byte compared',
    kind: 'check',
    load: ['stream', '-c', '8', '-d', 'both', '-v'],
    metrics: [{ name: 'checked', title: 'GB compared', hasRatio: false }],
  },
  {
    name: 'idle',
    title: 'Memory: a fresh instance at rest, and per idle connection after one exchange',
    kind: 'idle',
    load: ['hold'],
    metrics: [
      { name: 'rest', title: 'MiB at rest (PSS)', hasRatio: true },
      { name: 'perConnection', title: 'KiB per idle connection', hasRatio: true },
    ],
  },
];
