// Renders a status for the demo: a few lines for a terminal, or one line for a log.
import type { BackendStatus, Status } from '../lib/control/protocol.ts';

/** Names of the demo's backends by address. */
export type Names = ReadonlyMap<string, string>;

export function viewOf(status: Status, names: Names, messages: readonly string[]): string[] {
  const { totals, protection_mode: protection } = status;
  const up = Math.round((status.uptime_ms ?? 0) / 1000);
  return [
    `${status.state}, engine ${status.engine ?? '–'}, ${status.workers.length} workers, running for ${up} s`,
    `${totals?.active_connections ?? 0} connections open, ${totals?.connections_total ?? 0} in all, ` +
      `${(totals?.failed_total ?? 0) + (totals?.rejected_total ?? 0)} refused; ` +
      `protection ${protection.enabled === true ? `on: ${protection.reason ?? ''}` : 'off'}`,
    '',
    row(['backend', 'address', 'state', 'open', 'in all', 'bytes in', 'bytes out', 'failed']),
    ...status.backends.map((backend) => row(cells(backend, names))),
    '',
    ...messages,
  ];
}

function cells(backend: BackendStatus, names: Names): string[] {
  const { counters } = backend;
  return [
    names.get(backend.address) ?? '',
    backend.address,
    backend.state ?? 'unknown',
    ...[backend.active_connections, backend.connections_total, backend.bytes_in, backend.bytes_out].map((n) =>
      String(n ?? 0),
    ),
    String(counters === null ? 0 : counters.refused + counters.timeout + counters.other),
  ];
}

const widths = [8, 18, 9, 6, 8, 12, 12, 6];

/** Aligns words to the left and numbers to the right. */
function row(values: readonly string[]): string {
  const aligned = values.map((value, i) => (i < 3 ? value.padEnd(widths[i] ?? 0) : value.padStart(widths[i] ?? 0)));
  return `  ${aligned.join(' ').trimEnd()}`;
}

export function lineOf(status: Status, names: Names): string {
  const backends = status.backends.map((backend) => {
    const name = names.get(backend.address) ?? backend.address;
    return `${name} ${backend.state ?? 'unknown'} (${backend.connections_total ?? 0} connections)`;
  });
  return `${status.state}: ${status.active_connections ?? 0} connections open; ${backends.join(', ')}`;
}

/** Shortens a log line of bal for people. Returns any other line unchanged. */
export function messageOf(line: string): string {
  try {
    const record: unknown = JSON.parse(line);
    if (typeof record !== 'object' || record === null || !('message' in record)) return line;
    const level = 'level' in record ? String(record.level) : '';
    const time = 'timestamp' in record ? String(record.timestamp).slice(11, 19) : '';
    return `${time} ${level} ${String(record.message)}`.trim();
  } catch {
    return line;
  }
}
