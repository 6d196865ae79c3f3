import assert from 'node:assert/strict';
import { test } from 'node:test';

import { unknownStatus } from '../status.ts';
import { observe } from '../../control/rates.ts';
import { fitted } from './fit.ts';
import { furthest, screen, sparkline, type View } from './screen.ts';

/** What every view has that a test does not change. */
const PLAIN = {
  events: [],
  sort: 'config',
  scroll: 0,
  shift: 0,
  isHelp: false,
  lostAt: null,
  now: 0,
  isUnicode: true,
} as const;

const io = { out: () => undefined, err: () => undefined, colour: true };

test('a sparkline is scaled to its highest value, and flat without traffic', () => {
  assert.equal(sparkline([0, 0, 0]), '▁▁▁');
  assert.equal(sparkline([0, 50, 100]), '▁▅█');
  assert.equal(sparkline(Array.from({ length: 100 }, () => 1)).length, 30);
});

test('the screen never has more lines or columns than the terminal', () => {
  const history = observe(null, unknownStatus(true, 1), 0);
  for (const size of [
    { columns: 1, rows: 1 },
    { columns: 20, rows: 5 },
    { columns: 200, rows: 60 },
  ]) {
    const lines = screen({ ...PLAIN, history, size }, io);
    assert.ok(lines.length <= size.rows);
    for (const line of lines) assert.ok(fitted(line, size.columns) === line);
  }
});

const BACKENDS = 100;

/** One service with many backends, of which the last one is down. */
function crowd(): View['history'] {
  const status = unknownStatus(true, 1);
  const backends = Array.from({ length: BACKENDS }, (_, i) => ({
    address: `10.0.0.${i + 1}:80`,
    reachable: i + 1 < BACKENDS,
    state: i + 1 < BACKENDS ? ('up' as const) : ('down' as const),
    active_connections: 0,
    last_check_time: null,
    counters: null,
    connections_total: 0,
    bytes_in: 0,
    bytes_out: 0,
    cooldown_ms: null,
    weight: 1,
    slow_start: null,
    max_connections: 0,
    send_proxy_protocol: 'none' as const,
    source: [],
    discovered_from: null,
    backup: false,
    administrative: 'ready' as const,
    administrative_since: null,
    recent: null,
  }));
  const service = {
    ...status,
    name: 'web',
    bind_address: '127.0.0.1',
    bind_unix: null,
    port: 80,
    method: 'round_robin' as const,
    backends,
    health_check: 'tcp',
    accept_proxy_protocol: [],
    server_name: [],
    alpn: [],
    discovery: [],
    backend_total: BACKENDS,
    backend_reachable: BACKENDS - 1,
    active_connections: 0,
    waiting: 0,
    waited_total: 0,
    ends: null,
    recent: null,
  };
  return observe(null, { ...status, services: [service] }, 0);
}

test('what does not fit is reached by scrolling, and the head stays', () => {
  const view: View = { ...PLAIN, history: crowd(), size: { columns: 120, rows: 20 } };
  const start = screen(view, io);
  const end = screen({ ...view, scroll: furthest(view, io) }, io);
  assert.equal(start.length, 20);
  assert.equal(end.length, 20);
  assert.equal(start[0], end[0]);
  assert.match(start.at(-1) ?? '', /^1-16 of \d+ lines/);
  assert.ok(
    end.some((line) => line.includes(`10.0.0.${BACKENDS}:80`)) && end.some((line) => line.startsWith('WORKER')),
  );
});

test('sorted by state, the backend that is down comes first', () => {
  const view: View = { ...PLAIN, history: crowd(), sort: 'worst', size: { columns: 120, rows: 20 } };
  assert.match(screen(view, io)[5] ?? '', new RegExp(`10\\.0\\.0\\.${BACKENDS}:80 .*down`));
});

test('what goes on in old workers is told while there is something', () => {
  const status = unknownStatus(true, 1);
  const head = (connections: number): string => {
    const draining = { connections, workers: 1, generations: 1, until: null };
    const view: View = { ...PLAIN, history: observe(null, { ...status, draining }, 0), size: null };
    return screen(view, io).join('\n');
  };
  assert.match(head(3), /3 connections go on in 1 old worker/);
  assert.doesNotMatch(head(0), /old/);
});

test('clients that no service got are told where services share a port', () => {
  const status = unknownStatus(true, 1);
  const recent = { window_ms: 0, ended: 0, failed: 0, failing: false, by_reason: {}, reset_early: 0, local: 0 };
  const listener = {
    address: '0.0.0.0:443',
    services: ['a', 'b'],
    active_connections: 0,
    ends: { no_route: 2 },
    recent: { ...recent, since: null, last: null },
  };
  const view: View = { ...PLAIN, history: observe(null, { ...status, listeners: [listener] }, 0), size: null };
  assert.ok(screen(view, io).some((line) => /0\.0\.0\.0:443 shared by a, b: .*no_route 2/.test(line)));
});
