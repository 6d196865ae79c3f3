// Renders RESULTS.md: the measurements next to their targets.
import type { Case, Metric, MetricName } from './cases.ts';
import type { CommandFigures } from './commands.ts';
import { EYES_TARGETS, eyesOf } from './eyes-targets.ts';
import type { EyesFigures } from './eyes.ts';
import { featureSection, featureTargets } from './features/report.ts';
import type { FeatureResults } from './features/run.ts';
import type { Machine } from './machine.ts';
import type { Options } from './options.ts';
import { DISTURBED } from './quiet.ts';
import { type Found, WORKERS } from './proxies/proxy.ts';
import { ratioOf, type Sample, type Spread, valueOf } from './statistics.ts';
import { figure, table } from './table.ts';
import { type Target, TARGETS } from './targets.ts';

export interface Results {
  readonly when: Date;
  readonly machine: Machine;
  readonly command: string;
  readonly hasOwnNetwork: boolean;
  readonly options: Options;
  readonly cases: readonly Case[];
  readonly found: readonly Found[];
  readonly samples: readonly Sample[];
  readonly commands: readonly CommandFigures[];
  readonly eyes: readonly EyesFigures[];
  readonly features: FeatureResults;
  readonly problems: readonly string[];
}

const BASE = 'haproxy';

/** The proxies that were found, in the order of all tables. */
function names(found: readonly Found[]): string[] {
  return found.flatMap((each) => (each.kind === 'found' ? [each.proxy.name] : []));
}

/** Formats `median (min–max)`, or the only value. */
export function withSpread(spread: Spread | null): string {
  if (spread === null) return '–';
  const { median, min, max, count } = spread;
  return count === 1 ? figure(median) : `${figure(median)} (${figure(min)}–${figure(max)})`;
}

/** The measurement for a target: a median with its spread, or one figure from two medians. */
function measured(target: Target, { samples, commands }: Results): Spread | null {
  const { figure, engine } = target;
  if (figure.kind === 'metric') {
    const proxy = `bal-${engine}`;
    return figure.as === 'ratio'
      ? ratioOf(samples, figure.case, proxy, figure.metric, BASE)
      : valueOf(samples, figure.case, proxy, figure.metric);
  }
  const times = commands.find((each) => each.engine === engine);
  if (times === undefined) return null;
  if (figure.name === 'start') return times.start;
  const ratio = times.statusRatio;
  return ratio === null ? null : { median: ratio, min: ratio, max: ratio, count: 1 };
}

/** Judges the unrounded median. */
export function verdict(value: number | null, { must, aim }: Pick<Target, 'must' | 'aim'>): string {
  if (value === null) return 'not measured';
  if (value > must) return 'NOT MET';
  if (aim === null) return 'met';
  return value > aim ? 'met, aim missed' : 'met, aim reached';
}

/** Errors and wrong bytes of all cases together; null: the engine did not run. */
function faults({ samples }: Results, proxy: string): { failed: number; wrong: number } | null {
  const own = samples.filter((sample) => sample.proxy === proxy);
  const failed = own.flatMap(({ failures }) => Object.values(failures)).reduce((sum, count) => sum + count, 0);
  return own.length === 0 ? null : { failed, wrong: own.reduce((sum, { wrongBytes }) => sum + wrongBytes, 0) };
}

function targetRows(results: Results): string[][] {
  const rows = TARGETS.map((target) => {
    const value = measured(target, results);
    const { engine, title, must, aim, unit } = target;
    const limit = `≤ ${must} ${unit}`;
    return [
      engine,
      title,
      limit,
      aim === null ? '' : `≤ ${aim}`,
      withSpread(value),
      verdict(value?.median ?? null, target),
    ];
  });
  const clean = (['native', 'js'] as const).map((engine) => {
    const found = faults(results, `bal-${engine}`);
    const shown = found === null ? '–' : `${found.failed} and ${found.wrong}`;
    return [
      engine,
      'errors and wrong bytes, all cases',
      '0',
      '',
      shown,
      verdict(found && found.failed + found.wrong, { must: 0, aim: null }),
    ];
  });
  const eyes = (['native', 'js'] as const).flatMap((engine) =>
    EYES_TARGETS.map(({ figure, title, must, unit }) => {
      const value = eyesOf(results.eyes, engine)?.[figure] ?? null;
      const limit = `≤ ${must} ${unit}`;
      return [engine, title, limit, '', withSpread(value), verdict(value?.median ?? null, { must, aim: null })];
    }),
  );
  const features = featureTargets(results.features).map(({ title, must, unit, value }) => [
    'native',
    title,
    `≤ ${must} ${unit}`,
    '',
    withSpread(value),
    verdict(value?.median ?? null, { must, aim: null }),
  ]);
  return [...rows, ...eyes, ...features, ...clean].toSorted(([a = ''], [b = '']) => b.localeCompare(a)); // native, then js; stable
}

/** The most important ratios, as medians, one column per proxy. */
function glance({ cases, found, samples }: Results): string {
  const shown: ReadonlySet<MetricName> = new Set(['cpu', 'p99', 'perConnection', 'rest']);
  const proxies = names(found).filter((name) => name !== BASE && samples.some(({ proxy }) => proxy === name));
  const rows = cases.flatMap(({ name, metrics }) =>
    metrics
      .filter((metric) => shown.has(metric.name))
      .map((metric) => {
        const ratios = proxies.map((proxy) => ratioOf(samples, name, proxy, metric.name, BASE));
        return [name, metric.title, ...ratios.map((ratio) => (ratio === null ? '–' : figure(ratio.median)))];
      }),
  );
  return table(['case', `× ${BASE}`, ...proxies], rows, 2);
}

function failures(samples: readonly Sample[]): string {
  const kinds = new Map<string, number>();
  for (const sample of samples)
    for (const [kind, count] of Object.entries(sample.failures)) kinds.set(kind, (kinds.get(kind) ?? 0) + count);
  return kinds.size === 0 ? '0' : Array.from(kinds, ([kind, count]) => `${kind} ${count}`).join(', ');
}

function caseTable(kase: Case, { samples, found }: Results): string {
  const own = samples.filter((sample) => sample.case === kase.name);
  const proxies = names(found).filter((name) => own.some(({ proxy }) => proxy === name));
  const columns = (metric: Metric): string[] => [metric.title, ...(metric.hasRatio ? [`× ${BASE}`] : [])];
  const rows = proxies.map((proxy) => {
    const cells = kase.metrics.flatMap(({ name, hasRatio }) => [
      withSpread(valueOf(own, kase.name, proxy, name)),
      ...(hasRatio ? [withSpread(ratioOf(own, kase.name, proxy, name, BASE))] : []),
    ]);
    const runs = own.filter((sample) => sample.proxy === proxy);
    const wrong = runs.reduce((sum, { wrongBytes }) => sum + wrongBytes, 0);
    return [proxy, ...cells, failures(runs), String(wrong)];
  });
  return table(['', ...kase.metrics.flatMap(columns), 'errors', 'wrong bytes'], rows);
}

function commandTable({ commands }: Results): string {
  const rows = commands.map(({ engine, start, status, bareNode, statusRatio }) => [
    `bal-${engine}`,
    withSpread(start),
    withSpread(status),
    withSpread(bareNode),
    statusRatio === null ? '–' : figure(statusRatio),
  ]);
  return table(['', '`bal start -d` to ready, s', '`bal status`, ms', '`node -e 0`, ms', 'ratio of medians'], rows);
}

function eyesTable({ eyes }: Results): string {
  const rows = eyes.map(({ engine, watched, recorded, dropped, scrape, grown, top }) => [
    `bal-${engine}`,
    ...[watched, recorded, dropped, scrape, grown, top].map(withSpread),
  ]);
  const columns = [
    'CPU, admin on',
    'CPU, all recorded',
    'records dropped, %',
    '`/metrics`, ms',
    'grown, MiB',
    'top, % of a core',
  ];
  return `${table(['', ...columns], rows)}\n\n${EYES}`;
}

const EYES = `CPU is CPU per short connection, as a multiple of that of a bal without admin listener and records that carries the same load at the
same time; the bal with an admin listener is scraped once in each run. \`/metrics\` is the time of a scrape of 100 backends and 8 workers, after the first thousand scrapes;
"grown" is the trend of the primary's memory after the first and eleven further thousands of scrapes: the median of the slopes between any two of them.`;

function facts({ when, machine, command, found, options, hasOwnNetwork, samples }: Results): string[] {
  const foreign = samples.filter((sample) => sample.case !== 'idle').map((sample) => sample.foreign);
  const most = Math.max(0, ...foreign);
  const mean = foreign.length === 0 ? 0 : foreign.reduce((sum, share) => sum + share, 0) / foreign.length;
  const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;
  return [
    `- Date: ${when.toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    `- Machine: ${machine.cores} cores of ${machine.cpu}, ${machine.memoryGib.toFixed(0)} GiB, ${machine.kernel}`,
    `- Commit: ${machine.commit}`,
    `- Command: \`${command}\``,
    ...found.map((each) =>
      each.kind === 'found'
        ? `- ${each.proxy.name}: ${each.proxy.version}`
        : `- ${each.name}: left out, ${each.reason}`,
    ),
    `- ${options.rounds} interleaved round(s) of ${options.seconds} s for each run, 4 backends, ${WORKERS} workers or threads,` +
      ` ${options.idleConnections} idle connections, ${hasOwnNetwork ? 'in a separate network namespace' : 'in the network of the machine'}`,
    `- Other programs took ${percent(mean)} of the machine's CPU on average during a run, at most ${percent(most)}` +
      (mean > DISTURBED ? '. **That is too much: verdicts near a limit mean little, and latencies nothing.**' : ''),
  ];
}

const METHOD = `Load generator, backends and proxy share all cores and communicate over loopback. CPU is the user and system time of all
processes of the proxy, including ended children, from before the load begins until after its last connection is closed.
Memory is PSS: pages that several processes share are divided among them. During the benchmark, bal runs on a copy of the
Node.js program, so that no other process shares its pages. Memory per connection excludes file-backed pages and the kernel
memory of sockets. Every byte of every response is compared, except in the plain stream cases.

Each figure is the median of the rounds, with minimum and maximum in parentheses. A ratio is taken within a round,
where the two ran close together. Requests are measured four times in each round, because two runs differ by more than the
difference to be shown. A run waits until other programs are quiet. If they still take more than a tenth of the machine during
a run, it is repeated at most twice, and the least disturbed run counts. Waiting is limited
(\`--patience\`): once that is used up, runs are started and kept as they come.`;

/** The whole document. */
export function renderResults(results: Results): string {
  const tables = results.cases.map((kase) => `## ${kase.title}\n\n\`${kase.name}\`\n\n${caseTable(kase, results)}`);
  const { problems, commands, eyes } = results;
  const features = featureSection(results.features, withSpread);
  return `${[
    '# Benchmark results',
    'Written by `npm run bench`; the end of this page says how. Smaller is better, except for rates.',
    facts(results).join('\n'),
    '## Targets',
    table(['engine', 'figure', 'target', 'aim', 'measured', 'verdict'], targetRows(results), 6),
    '## At a glance',
    glance(results),
    ...tables,
    ...(commands.length > 0 ? ['## Commands', commandTable(results)] : []),
    ...(eyes.length > 0 ? ['## What watching costs', eyesTable(results)] : []),
    ...(features === null ? [] : ['## What features cost', features]),
    ...(problems.length > 0
      ? ['## Not measured', problems.map((problem) => `- ${problem.replaceAll('\n', ' ')}`).join('\n')]
      : []),
    '## How it was measured',
    METHOD,
  ].join('\n\n')}\n`;
}
