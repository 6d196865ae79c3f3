import assert from 'node:assert/strict';
import { test } from 'node:test';

import { unknownStatus } from '../cli/status.ts';
import type { EventRecord, Status } from '../control/protocol.ts';
import type { TotalsStatus } from '../control/totals.ts';
import { backendKey } from '../control/rates.ts';
import { announcements } from './announce.ts';
import type { Model } from './model.ts';
import { TIMELINE_LENGTH, initialModel, lost, opened, sawEvent, sawReadiness, sawStatus } from './model.ts';
import { linkWords, titleOf } from './words.ts';

const ADDRESS = '127.0.0.1:9000';
const KEY = backendKey('default', ADDRESS);

interface Facts {
  readonly pid?: number;
  readonly uptimeMs: number;
  readonly connections?: number;
  readonly state?: 'up' | 'down';
  readonly guarded?: boolean;
}

function status({ pid = 1, uptimeMs, connections = 0, state = 'up', guarded = false }: Facts): Status {
  const none = unknownStatus(true, pid);
  const totals: TotalsStatus = {
    active_connections: 3,
    connections_total: connections,
    bytes_in: 0,
    bytes_out: 0,
    rejected_total: 0,
    failed_total: 0,
    workers_respawned_total: 0,
    reloads_total: 0,
    log_lines_dropped_total: 0,
  };
  const backend = {
    address: ADDRESS,
    reachable: state === 'up',
    state,
    active_connections: 3,
    last_check_time: null,
    counters: null,
    connections_total: connections,
    bytes_in: 0,
    bytes_out: 0,
    cooldown_ms: 0,
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
  };
  const service = {
    name: 'default',
    bind_address: '127.0.0.1',
    bind_unix: null,
    port: 1,
    method: 'round_robin',
    health_check: 'tcp',
    accept_proxy_protocol: [],
    server_name: [],
    alpn: [],
    discovery: [],
    backend_total: 1,
    backend_reachable: state === 'up' ? 1 : 0,
    backends: [backend],
    active_connections: 3,
    last_check_time: null,
    protection_mode: { ...none.protection_mode, enabled: guarded },
    waiting: 0,
    waited_total: 0,
    ends: {},
    recent: null,
  };
  return {
    ...none,
    state: 'running',
    host: 'here',
    home: '/home/me/.bal',
    pid,
    uptime_ms: uptimeMs,
    totals,
    services: [service],
  };
}

/** The model after these statuses, which are 1 s apart on the wall clock. */
function after(...seen: readonly Facts[]): Model {
  return seen.reduce((model, facts, i) => sawStatus(model, status(facts), 1000 * i), opened(initialModel));
}

function event(seq: number, name: string, fields: EventRecord['fields'] = {}): EventRecord {
  const timestamp = new Date(seq * 1000).toISOString();
  return { seq, timestamp, level: 'INFO', module: 'health', event: name, message: name, fields };
}

test('rates follow the clock of bal, not the moment when a message arrives', () => {
  const model = after({ uptimeMs: 0, connections: 100 }, { uptimeMs: 2000, connections: 130 });
  assert.deepEqual(model.timeline.connections, [null, 15]);
  assert.deepEqual(model.timeline.active, [3, 3]);
});

test('two statuses at nearly the same time count as one', () => {
  const model = after({ uptimeMs: 0 }, { uptimeMs: 20, connections: 50 }, { uptimeMs: 1000, connections: 60 });
  assert.deepEqual(model.timeline.connections, [null, 60]);
});

test('a restarted bal begins with a gap, not with a peak', () => {
  const model = after(
    { uptimeMs: 0, connections: 5 },
    { uptimeMs: 1000, connections: 6 },
    { pid: 2, uptimeMs: 300, connections: 9 },
    { pid: 2, uptimeMs: 1300, connections: 11 },
  );
  assert.deepEqual(model.timeline.connections, [null, 1, null, 2]);
  assert.equal(model.states.get(KEY)?.length, 4);
});

test('a bal that was started again under the same PID, as in a container, is followed all the same', () => {
  const model = after(
    { uptimeMs: 500_000, connections: 5 },
    { uptimeMs: 501_000, connections: 6 },
    { uptimeMs: 300, connections: 9 },
    { uptimeMs: 1300, connections: 11 },
  );
  assert.deepEqual(model.timeline.connections, [null, 1, null, 2]);
  assert.equal(model.history?.status.uptime_ms, 1300);
});

test('a lost connection leaves a gap and the last figures, and says since when', () => {
  const model = lost(after({ uptimeMs: 0 }), 60_000);
  assert.deepEqual(model.timeline.active, [3, null]);
  assert.notEqual(model.history, null);
  assert.deepEqual(lost(model, 90_000), model, 'the first moment counts');
  assert.match(linkWords(model.link, null, 90_000).text, /^Not connected since \d\d:\d\d:\d\d [+-]\d\d:\d\d/);
  assert.equal(titleOf(model.history?.status ?? null, model.link), 'not connected: here - bal');
});

test('a clock that was set back begins the timeline anew instead of breaking the charts', () => {
  let model = sawStatus(initialModel, status({ uptimeMs: 0 }), 50_000);
  model = sawStatus(model, status({ uptimeMs: 1000 }), 20_000);
  assert.deepEqual(model.timeline.at, [20]);
});

test('after a sleep of the machine the charts show what is now, not the hours between', () => {
  let model = after({ uptimeMs: 0 }, { uptimeMs: 1000 });
  model = sawStatus(lost(model, 2000), status({ uptimeMs: 2000 }), 8 * 3_600_000);
  assert.deepEqual(model.timeline.at, [28_800]);
  assert.deepEqual([model.timeline.active, model.timeline.connections.length], [[3], 1]);
});

test('the timeline is bounded', () => {
  const model = after(...Array.from({ length: TIMELINE_LENGTH + 5 }, (_none, i) => ({ uptimeMs: 1000 * i })));
  assert.equal(model.timeline.at.length, TIMELINE_LENGTH);
  assert.equal(model.states.get(KEY)?.length, 60);
});

test('events begin anew with each stream, because bal repeats those it remembers', () => {
  const before = sawEvent(opened(initialModel), event(1, 'bal.starting'));
  assert.equal(before.events.length, 1);
  assert.equal(sawEvent(opened(before), event(1, 'bal.starting')).events.length, 1);
});

test('a screen reader hears of changes only', () => {
  const first = after({ uptimeMs: 0 });
  assert.deepEqual(announcements(initialModel, first), []);
  const down = sawStatus(first, status({ uptimeMs: 1000, state: 'down', guarded: true }), 1000);
  assert.deepEqual(announcements(first, down), [
    `Backend ${ADDRESS} is down.`,
    'Service default is failing.',
    'Protection mode of default is on.',
  ]);
  assert.deepEqual(announcements(down, down), []);
  const gone = lost(down, 2000);
  assert.deepEqual(announcements(down, gone), ['The connection to bal is lost.']);
  assert.deepEqual(announcements(gone, opened(gone)), ['Connected to bal again.']);
  const ready = sawReadiness(down, { ready: true, reasons: [] });
  const unready = sawReadiness(down, { ready: false, reasons: ['bal is stopping'] });
  assert.deepEqual(announcements(ready, unready), ['bal is not ready: bal is stopping.']);
});
