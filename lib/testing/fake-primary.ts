// A primary without a load balancer, for tests of commands that talk to one. It has a PID file, a control socket, and a
// behaviour that a real primary shows only in trouble. As a program: HOME BEHAVIOUR; imported: startFake().
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Plan } from '../../config/plan.ts';
import type { ReloadVerdict, ServiceStatus, Status } from '../control/protocol.ts';
import { type ControlHandlers, serveControl } from '../control/server.ts';
import { CHANGED, UPGRADED } from './control-server.ts';
import { home } from '../paths.ts';
import { claimPidFile } from '../pidfile.ts';

export const BEHAVIOURS = [
  'normal', // stops at once when asked, cuts one of two connections
  'degraded', // no backend is reachable
  'refuses', // every reload is refused
  'fails', // every handler throws
  'drains', // stops only after a second stop with "now"
  'lingers', // says goodbye and does not exit
  'breaks off', // exits in the middle of the answer to a stop
  'hangs', // accepts and never answers; SIGTERM ends it
  'stubborn', // hangs, and only a second SIGTERM ends it
  'immortal', // hangs, and only SIGKILL ends it
  'deaf', // has a PID file and no control socket
  'nameless', // has a control socket and no PID file
  'strange', // gives answers that no bal would give
] as const;
export type Behaviour = (typeof BEHAVIOURS)[number];

export interface FakePrimary {
  readonly pid: number;
  /** Resolves when it has exited, to the signal that ended it, or null. */
  readonly ended: Promise<NodeJS.Signals | null>;
  kill(): Promise<void>;
}

/** Resolves when it answers, or hangs if that is its behaviour. */
export async function startFake(dir: string, behaviour: Behaviour): Promise<FakePrimary> {
  const child: ChildProcess = fork(fileURLToPath(import.meta.url), [dir, behaviour]);
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
  await Promise.race([
    once(child, 'message'),
    ended.then(() => Promise.reject(new Error('Cannot start the fake primary: it ended'))),
  ]);
  child.disconnect();
  return {
    pid: child.pid ?? 0,
    ended,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

export function fakeStatus(reachable: number): Status {
  const service: ServiceStatus = {
    name: 'default',
    bind_address: '127.0.0.1',
    bind_unix: null,
    port: 9295,
    method: 'round_robin',
    health_check: 'tcp',
    accept_proxy_protocol: [],
    server_name: [],
    alpn: [],
    discovery: [],
    backend_total: 2,
    backend_reachable: reachable,
    backends: ['127.0.0.1:9000', '127.0.0.1:9001'].map((address, i) => ({
      address,
      reachable: i < reachable,
      state: i < reachable ? 'up' : 'down',
      active_connections: 3,
      last_check_time: '2026-01-01T00:00:00.000Z',
      counters: { timeout: 4, refused: 5, other: 6 },
      connections_total: 70,
      bytes_in: 1536,
      bytes_out: 3 << 20,
      cooldown_ms: 0,
      weight: 1,
      slow_start: null,
      max_connections: 0,
      send_proxy_protocol: 'none',
      source: [],
      discovered_from: null,
      backup: false,
      administrative: 'ready',
      administrative_since: null,
      recent: null,
    })),
    active_connections: 6,
    last_check_time: '2026-01-01T00:00:00.000Z',
    protection_mode: { enabled: false, reason: null, since: null, exit_condition: null },
    waiting: 0,
    waited_total: 0,
    ends: { client_closed: 130, idle: 4, refused: 0 },
    recent: null,
  };
  const { name: _name, ends: _ends, health_check: _check, recent: _recent, ...rest } = service;
  const { waiting: _waiting, waited_total: _waited, bind_unix: _unix, accept_proxy_protocol: _from, ...more } = rest;
  const { server_name: _names, alpn: _protocols, discovery: _discovery, ...first } = more;
  return {
    running: true,
    pid: process.pid,
    host: 'here',
    home: '/home/me/.bal',
    config_path: '/etc/bal/config.yaml',
    ...first,
    version: '3.0.0',
    engine: 'js',
    uptime_ms: 61_000,
    generation: 1,
    state: 'running',
    max_connections: 4000,
    services: [service],
    listeners: [],
    live_changes: [],
    workers: [1, 2].map((id) => ({
      id,
      pid: 1000 + id,
      state: 'ready',
      generation: 1,
      active_connections: 3,
      connections_total: 70,
      bytes_in: 1536,
      bytes_out: 3 << 20,
      rejected_total: 0,
      rss_bytes: 50 << 20,
    })),
    draining: { connections: 0, workers: 0, generations: 0, until: null },
    totals: {
      active_connections: 6,
      connections_total: 140,
      bytes_in: 3072,
      bytes_out: 6 << 20,
      rejected_total: 0,
      failed_total: 0,
      workers_respawned_total: 0,
      reloads_total: 0,
      log_lines_dropped_total: 0,
    },
    log: { file: null, fault: null },
  };
}

const PLAN: Plan = {
  configPath: '/etc/bal/config.yaml',
  included: [],
  fingerprint: '',
  logLevel: 'info',
  logConnections: 'failed',
  admin: null,
  adminHosts: [],
  controlGroup: null,
  workers: 2,
  engine: 'auto',
  maxConnections: 4000,
  dnsServers: [],
  services: [],
};

function verdict(ok: boolean): ReloadVerdict {
  const draining = { connections: 3, workers: 2, generations: 1, until: null };
  const common = { unchangeable: [], live_changes: { kept: [], dropped: [] }, draining, duration_ms: 250 };
  const changed = [
    { what: 'log_level', from: 'info', to: 'debug' },
    { what: 'web', from: null, to: '0.0.0.0:80 to 10.0.0.1:80' },
    { what: 'old', from: '0.0.0.0:81 to 10.0.0.1:81', to: null },
  ];
  if (ok) return { ...common, ok, generation: 2, changed, workers_replaced: 2, problem: null, errors: [] };
  const problem = { what_happened: 'the configuration is not valid', why_likely: 'a slip', do_this_now: 'correct it' };
  const errors = [{ line: 7, column: 5, path: 'backends[1].port', message: 'expected integer', hint: 'a number' }];
  return { ...common, ok, generation: 1, changed: [], workers_replaced: 0, problem, errors };
}

async function main(dir: string, behaviour: string): Promise<void> {
  const at = home({ BAL_HOME: dir });
  if (behaviour !== 'nameless') claimPidFile(at.pidFile);
  const mute = ['hangs', 'stubborn', 'immortal'].includes(behaviour);
  let terms = 0;
  process.on('SIGTERM', () => {
    terms++;
    if (behaviour === 'stubborn' ? terms > 1 : behaviour !== 'immortal') process.exit(0);
  });
  if (mute) await once(createServer(() => undefined).listen(at.socket), 'listening');
  else if (behaviour === 'strange') {
    const server = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'));
    await once(server.listen(at.socket), 'listening');
  } else if (behaviour !== 'deaf') await serve(at.socket, behaviour);
  process.send?.('ready');
  setInterval(() => undefined, 1000);
}

async function serve(socket: string, behaviour: string): Promise<void> {
  const broken = behaviour === 'fails';
  const answer = <T>(value: T): Promise<T> => (broken ? Promise.reject(new Error('no luck')) : Promise.resolve(value));
  const handlers: ControlHandlers = {
    metrics: () => answer(''),
    status: () => answer(fakeStatus(behaviour === 'degraded' ? 0 : 1)),
    plan: () => answer(PLAN),
    reload: () => answer(verdict(behaviour !== 'refuses')),
    backends: ({ action, address }) => answer({ ...CHANGED, action, address }),
    upgrade: () => answer(UPGRADED),
    why: () => answer({ state: 'running', shortages: {}, services: [], listeners: [], draining: null }),
    events: { recent: () => [], subscribe: () => () => undefined },
    async stop({ now }, progress) {
      progress({ remaining: 2 });
      if (behaviour === 'breaks off') process.exit(1);
      if (behaviour === 'drains' && !now) return new Promise(() => undefined);
      progress({ remaining: 1 });
      progress({ remaining: 0, cut: 1 });
      if (behaviour === 'lingers') return;
      // After the answer has been sent.
      setTimeout(() => void control.close().then(() => process.exit(0)), 50);
    },
  };
  const control = await serveControl(socket, handlers);
}

const [, script, dir, behaviour] = process.argv;
if (script === fileURLToPath(import.meta.url) && dir !== undefined && behaviour !== undefined)
  await main(dir, behaviour);
