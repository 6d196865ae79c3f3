// The part of e2e/RELIABILITY.md about handovers, from measurements since the last build.
import { describeMachine } from '../../bench/machine.ts';
import { figuresOf } from '../figures.ts';
import type { BesideRow } from './beside-main.ts';
import type { FiguresRow } from './figures-main.ts';
import type { StormReport } from './storm.test.ts';

const NOT_MEASURED = 'Not measured since the last build.\n';

function tableOf(head: string, rows: readonly (readonly (string | number)[])[]): string {
  if (rows.length === 0) return NOT_MEASURED;
  const columns = head.split('|').length - 2;
  return [head, `|${'---|'.repeat(columns)}`, ...rows.map((row) => `| ${row.join(' | ')} |`), ''].join('\n');
}

function figuresTable(rows: readonly FiguresRow[]): string {
  return tableOf(
    '| connections | conditions | reloads | whole reload: median, longest | standstill: p50, p99, longest | a client sees: in a reload, otherwise |',
    rows.map(({ connections, perSecond, condition, reloads, reloadMs, still, seen, otherwise }) => [
      `${connections}, ${perSecond === 0 ? 'idle' : `64 B there and back ${perSecond} times a second`}`,
      condition,
      reloads,
      `${reloadMs.join(', ')} ms`,
      `${still.p50}, ${still.p99}, ${still.max} ms`,
      `${seen[0]}, ${otherwise[0]} ms`,
    ]),
  );
}

function stormText({ connections, steps, seconds, lost, before, after }: StormReport): string {
  const { reload = 0, more = 0, fewer = 0, worker = 0, upgrade = 0, primary = 0 } = steps;
  return (
    `${connections} connections of all kinds (silent, talking, streaming, with full buffers, half-closed by either side), every byte checked, through ${reload + more + fewer} reloads ` +
    `(${more + fewer} of them with a different number of workers), ${worker} killed workers, ${upgrade} upgrades and ${primary} killed primaries in ${seconds.toFixed(0)} s: ` +
    `0 cut, 0 wrong bytes, ${lost} lost with the killed workers, which had exactly that many. Before: ${before}; after: ${after}.\n`
  );
}

function besideTable(rows: readonly BesideRow[]): string {
  return tableOf(
    '| | continue | cut | wrong bytes | processes: before, after the last reload, at the end | MiB (PSS), at the same times |',
    rows.map(({ name, ok, cut, wrong, processes, mib }) => [
      name,
      ok,
      cut,
      wrong,
      processes.join(', '),
      mib.join(', '),
    ]),
  );
}

export function handoverSection(): string {
  const figures = figuresOf('handover') ?? [];
  const storm = figuresOf('handover-storm');
  const beside = figuresOf('beside') ?? [];
  const { connections = 0, reloads = 0 } = beside[0] ?? {};
  return `## Connections that are handed over

Measured by hand on ${new Date().toISOString().slice(0, 10)}, commit ${describeMachine().commit}, on the machine above.

This table shows what a reload does to open connections with the native engine and two workers (\`e2e/soak/handover/figures-main.ts\`). A connection stands still from the time one worker releases it until the other has it. Each worker that took over connections reports p50, p99 and the longest time; the table has the medians of the first two. "A client sees" is the longest round trip of a client that always has a byte in flight, as the median over clients and reloads.

${figuresTable(figures)}
${storm === null ? NOT_MEASURED : stormText(storm)}
The same ${connections} connections, half of them opened before the reloads and half between them (${reloads} reloads), through bal, HAProxy and nginx (\`e2e/soak/handover/beside-main.ts\`). HAProxy keeps an old process for each generation that has connections, until they end. nginx keeps old workers and cuts their connections after \`worker_shutdown_timeout\`, here 30 s.

${besideTable(beside)}`;
}
