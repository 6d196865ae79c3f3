// A control server with made-up answers, for tests of what lies between a socket and its handlers.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Plan } from '../../config/plan.ts';
import { request } from '../control/client.ts';
import type { BackendVerdict } from '../control/backends.ts';
import type { UpgradeVerdict } from '../control/upgrade.ts';
import type { ReloadVerdict, Status } from '../control/protocol.ts';
import { type ControlHandlers, serveControl } from '../control/server.ts';

export const STATUS: Status = {
  running: true,
  pid: 1,
  host: 'here',
  home: '/home/me/.bal',
  config_path: '/c',
  bind_address: '127.0.0.1',
  port: 1,
  method: 'round_robin',
  backend_total: 0,
  backend_reachable: 0,
  backends: [],
  active_connections: 0,
  last_check_time: null,
  protection_mode: { enabled: false, reason: null, since: null, exit_condition: null },
  version: '0',
  engine: 'js',
  uptime_ms: 1,
  generation: 1,
  state: 'running',
  max_connections: 1,
  services: [],
  workers: [],
  draining: null,
  totals: null,
  log: null,
  listeners: [],
  live_changes: [],
};
export const PLAN: Plan = {
  configPath: '/c',
  included: [],
  fingerprint: '',
  logLevel: 'info',
  workers: 1,
  engine: 'auto',
  maxConnections: 1,
  logConnections: 'failed',
  admin: null,
  dnsServers: [],
  adminHosts: [],
  controlGroup: null,
  services: [],
};
export const VERDICT: ReloadVerdict = {
  ok: true,
  generation: 2,
  changed: [],
  unchangeable: [],
  live_changes: { kept: [], dropped: [] },
  workers_replaced: 2,
  draining: null,
  duration_ms: 3,
  problem: null,
  errors: [],
};

export const CHANGED: BackendVerdict = {
  ok: true,
  action: 'drain',
  service: 'default',
  address: '127.0.0.1:9000',
  changed: true,
  saved: false,
  live_changes: [],
  active_connections: 0,
  cut: null,
  workers_told: 2,
  warnings: [],
  duration_ms: 3,
  problem: null,
};

export const UPGRADED: UpgradeVerdict = {
  ok: true,
  from: '3.0.0',
  to: '3.1.0',
  pid: 4243,
  generation: 4,
  connections: 12,
  draining: null,
  duration_ms: 800,
  problem: null,
  errors: [],
};

export function handlers(change: Partial<ControlHandlers> = {}): ControlHandlers {
  return {
    status: () => Promise.resolve(STATUS),
    metrics: () => Promise.resolve('up 1\n'),
    plan: () => Promise.resolve(PLAN),
    reload: () => Promise.resolve(VERDICT),
    backends: ({ action, address }) => Promise.resolve({ ...CHANGED, action, address }),
    upgrade: () => Promise.resolve(UPGRADED),
    why: () => Promise.resolve({ state: 'running', shortages: {}, services: [], listeners: [], draining: null }),
    events: { recent: () => [], subscribe: () => () => undefined },
    stop: () => Promise.resolve(),
    ...change,
  };
}

/** A path for a socket, in a directory of its own that is removed after the test. */
export function socketPath(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'bal-ctl-'));
  t.after(() => rmSync(dir, { recursive: true }));
  return join(dir, 'bal.sock');
}

/** Starts a server with these answers for the duration of the test. Returns its socket's path. */
export async function serving(t: TestContext, change: Partial<ControlHandlers> = {}): Promise<string> {
  const path = socketPath(t);
  const control = await serveControl(path, handlers(change));
  t.after(() => control.close());
  return path;
}

export async function stillAnswers(path: string): Promise<void> {
  assert.deepEqual(await request(path, 'GET', '/status', undefined, 30_000), { ok: true, status: 200, body: STATUS });
}

/** Sends the chunks. Returns everything that comes back until the server hangs up. */
export async function converse(path: string, ...chunks: readonly (string | Buffer)[]): Promise<string> {
  const socket = connect({ path, allowHalfOpen: true });
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  socket.on('error', () => {});
  for (const chunk of chunks) socket.write(chunk);
  await new Promise((resolve) => socket.once('end', resolve).once('close', resolve));
  socket.destroy();
  return text;
}
