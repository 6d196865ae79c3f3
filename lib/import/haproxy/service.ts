// Converts a listener and its backend into a service.
import { setTime, type Service } from '../draft.ts';
import type { Ledger } from '../ledger.ts';
import { entryFor, haproxyTime, wholeNumber } from '../values.ts';
import type { Listener } from './bind.ts';
import { setChecks } from './checks/checks.ts';
import { QUEUE } from './global.ts';
import { setLimits } from './limits.ts';
import type { Route } from './routes.ts';
import { all, last, option, type HaLine, type Section } from './language/sections.ts';
import { backendFor, type Server } from './server.ts';

export interface Sides {
  readonly frontend: Section;
  readonly backend: Section;
  readonly servers: readonly Server[];
  readonly tables: ReadonlyMap<string, HaLine>;
  /** The frontend becomes several services. */
  readonly several: boolean;
}

/** Returns null if nobody could be served, which is noted. */
export function serviceOf(
  name: string,
  listener: Listener,
  route: Route | null,
  sides: Sides,
  ledger: Ledger,
): Service | null {
  const { frontend, backend, servers } = sides;
  const service: Service = {
    name,
    at: listener.line,
    parts: [...new Set([frontend.head.part, backend.head.part])],
    ...listener.place,
    ...(route !== null && route.names.length > 0 && { server_name: [...route.names] }),
    ...(route !== null && route.protocols.length > 0 && { alpn: [...route.protocols] }),
    runtime: {},
    backends: servers.flatMap((server) => backendFor(server, listener.place.port, ledger) ?? []),
  };
  setMethod(service, backend, ledger);
  if (listener.acceptsProxy) {
    service.accept_proxy_protocol = { from: ['0.0.0.0/0', '::/0'] };
    ledger.differs(
      listener.line,
      'whoever connects has to send a PROXY header',
      'name your proxies in "from"',
      'accept-proxy',
    );
  }
  if (!setLimits(service, frontend, backend, sides.tables, ledger)) return null;
  setChecks(service, backend, servers, ledger);
  const backups = servers.filter(({ backend: { backup } }) => backup === true);
  if (option(backend, 'allbackups', ledger) === null && backups.length > 1 && backups.length < servers.length) {
    ledger.differs(
      backups[1]?.line ?? listener.line,
      'bal uses all backups at once, HAProxy the first one',
      null,
      'backup',
    );
  }
  setTimes(service, frontend, backend, route, ledger);
  setBounds(service, listener, sides, ledger);
  setDown(service, servers, ledger);
  return service;
}

const METHODS: Readonly<Record<string, Service['method']>> = {
  roundrobin: 'round_robin',
  'static-rr': 'round_robin',
  leastconn: 'least_connections',
  source: 'source_hash',
};

function setMethod(service: Service, backend: Section, ledger: Ledger): void {
  const line = last(backend.lines, 'balance');
  const stick = backend.lines.find(
    ({ words: [a, b = '', c = ''] }) => a === 'stick' && /^(on|match|store-request)$/.test(b) && /^src(,|$)/.test(c),
  );
  for (const other of all(backend.lines, 'stick')) {
    if (other !== stick)
      ledger.lost(other, 'bal keeps no table of who was where', 'method: source_hash goes by the address');
  }
  ledger.used(...all(backend.lines, 'balance'));
  const hash = last(backend.lines, 'hash-type');
  ledger.used(...all(backend.lines, 'hash-type'));
  if (stick !== undefined) {
    service.method = 'source_hash';
    ledger.differs(stick, 'the address alone says where a client goes, with no table, and every bal says the same');
    return;
  }
  const [, name = 'roundrobin', argument = ''] = line?.words ?? [];
  const isSource = name === 'source' || (name === 'hash' && /^src(,|$)/.test(argument));
  const method = isSource ? 'source_hash' : /^random(\(|$)/.test(name) ? 'random' : entryFor(METHODS, name);
  if (line === null) return;
  service.method = method ?? 'round_robin';
  if (method === undefined) ledger.lost(line, 'bal does not choose so; it is round_robin now', 'look at method');
  if (name.startsWith('random(') && !name.startsWith('random(2)')) ledger.differs(line, 'bal draws two');
  if (isSource && hash?.words[1] !== 'consistent') {
    ledger.differs(hash ?? line, 'clients get other servers than with HAProxy, and few move when a server leaves');
  }
}

function setTimes(service: Service, frontend: Section, backend: Section, route: Route | null, ledger: Ledger): void {
  const { runtime } = service;
  const time = (section: Section, name: string): { line: HaLine; ms: number } | null => {
    const lines = all(section.lines, 'timeout', name);
    ledger.used(...lines);
    const line = lines.at(-1);
    const ms = haproxyTime(line?.words[2]);
    if (line !== undefined && ms === null) ledger.lost(line, 'it is no time', 'correct it and import again');
    if (line !== undefined && ms === 0) ledger.differs(line, '0 is no limit there, and bal has one');
    return line === undefined || ms === null || ms === 0 ? null : { line, ms };
  };
  const silence = [time(frontend, 'client'), time(backend, 'server')].filter((it) => it !== null);
  const tunnel = time(backend, 'tunnel') ?? time(frontend, 'tunnel');
  const [shorter] = tunnel === null ? silence.sort((a, b) => a.ms - b.ms) : [tunnel];
  if (shorter !== undefined) setTime(runtime, 'connection_idle_timeout_ms', shorter.ms, shorter.line, ledger);
  for (const { line, ms } of silence) {
    if (shorter === undefined || ms === shorter.ms) continue;
    ledger.differs(line, `bal has one idle time, ${tunnel === null ? 'the shorter one' : 'that of timeout tunnel'}`);
  }
  const connect = time(backend, 'connect');
  if (connect !== null) setTime(runtime, 'backend_connect_timeout_ms', connect.ms, connect.line, ledger);
  const fin = time(frontend, 'client-fin');
  if (fin !== null) setTime(runtime, 'half_closed_timeout_ms', fin.ms, fin.line, ledger);
  const delay = last(frontend.lines, 'tcp-request', 'inspect-delay');
  const ms = haproxyTime(delay?.words[2]);
  const isRead = (route !== null && route.names.length + route.protocols.length > 0) || service.accept_proxy_protocol;
  if (delay !== null && ms !== null && isRead) setTime(runtime, 'first_bytes_timeout_ms', ms, delay, ledger);
  const queue = time(backend, 'queue') ?? connect;
  if (!service.backends.some(({ max_connections: most }) => most !== undefined)) return;
  runtime.overload_policy = 'queue';
  if (queue !== null) setTime(runtime, 'queue_timeout_ms', queue.ms, queue.line, ledger);
}

function setBounds({ runtime, ...service }: Service, listener: Listener, sides: Sides, ledger: Ledger): void {
  const { frontend, backend, servers } = sides;
  const [most, rate] = [last(frontend.lines, 'maxconn'), last(frontend.lines, 'rate-limit', 'sessions')];
  const own = wholeNumber(most?.words[1], 1);
  const limit = listener.most === null || own === null ? (own ?? listener.most) : Math.min(own, listener.most);
  ledger.used(...all(frontend.lines, 'maxconn'));
  if (limit !== null) {
    setTime(runtime, 'max_concurrent_connections', limit, most ?? listener.line, ledger);
    const at = most ?? listener.line;
    const what = `maxconn ${limit}`;
    if (sides.several) ledger.differs(at, 'each of its services has it for itself', null, what);
    if (runtime.overload_policy !== 'queue') {
      ledger.differs(at, "clients beyond it are reset, where HAProxy leaves them in the kernel's queue", QUEUE, what);
    }
  }
  const each = wholeNumber(rate?.words[2], 1);
  if (rate !== null && each !== null) {
    setTime(runtime, 'max_connection_rate', each, rate, ledger);
    ledger.differs(rate, 'clients beyond it are reset, where HAProxy lets them wait');
  }
  const backlog = listener.backlog ?? wholeNumber(last(frontend.lines, 'backlog')?.words[1], 1);
  if (backlog !== null)
    setTime(runtime, 'tcp_backlog', backlog, last(frontend.lines, 'backlog') ?? listener.line, ledger);
  const retries = last(backend.lines, 'retries');
  ledger.used(...all(backend.lines, 'retries'));
  const again = wholeNumber(retries?.words[1], 0, 1023);
  option(backend, 'redispatch', ledger);
  for (const [line, number] of [
    [retries, again],
    [most, own],
    [rate, each],
  ] as const) {
    if (line !== null && number === null)
      ledger.lost(line, 'it is no number that bal takes', 'correct it and import again');
  }
  if (retries !== null && again !== null) {
    setTime(runtime, 'max_connect_attempts', again + 1, retries, ledger);
    ledger.differs(retries, 'each attempt goes to another backend, at once, and none to the same again');
  }
  const queues = servers.filter(({ options: { maxqueue } }) => (maxqueue ?? 0) > 0);
  const [first] = queues;
  if (first === undefined || runtime.overload_policy !== 'queue') return;
  const room = queues.reduce((sum, { options: { maxqueue } }) => sum + (maxqueue ?? 0), 0);
  setTime(runtime, 'queue_max', room, first.line, ledger);
  if (service.backends.length > 1)
    ledger.differs(first.line, 'one queue is for all backends of a service', null, 'maxqueue');
}

/** Sets what happens to a backend that goes down or comes back. */
function setDown({ runtime, method }: Service, servers: readonly Server[], ledger: Ledger): void {
  const resetting = servers.filter(({ options: { resets } }) => resets);
  const [first] = resetting;
  if (first !== undefined) runtime.on_backend_down = 'reset';
  if (first !== undefined && resetting.length < servers.length) {
    ledger.differs(first.line, 'it holds for all backends of the service', null, 'on-marked-down');
  }
  const slow = servers.filter(({ options: { slowstart } }) => haproxyTime(slowstart ?? undefined) !== null);
  const times = slow.map(({ options: { slowstart } }) => haproxyTime(slowstart ?? undefined) ?? 0);
  const [gentle] = slow;
  if (gentle === undefined) return;
  if (method === 'source_hash') {
    ledger.lost(gentle.line, 'source_hash knows no slow start', 'choose another method if it matters', 'slowstart');
    return;
  }
  setTime(runtime, 'slow_start_ms', Math.max(...times), gentle.line, ledger);
  if (new Set(times).size > 1 || slow.length < servers.length) {
    ledger.differs(gentle.line, 'it holds for all backends of the service', null, 'slowstart');
  }
}
