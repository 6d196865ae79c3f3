// A status as a person reads it.
import { addressWithShare } from '../control/share.ts';
import { addressOf } from '../../config/plan.ts';
import { formatProblem, isProblem } from '../../config/problem.ts';
import { askedText, listenerText } from '../control/listeners.ts';
import { discoveryIn, discoveryText } from '../control/discovery.ts';
import { drainingText, liveChangeLines } from '../control/facts.ts';
import type { BackendStatus, ProtectionStatus, ServiceStatus, Status, WorkerStatus } from '../control/protocol.ts';
import { failuresText } from '../control/recent.ts';
import type { Io } from './command.ts';
import { paint, table, type Cell } from './report.ts';
import { bytes, counted, duration } from '../units.ts';

/** `bal: running, pid 17, 0.0.0.0:9295, backends 2/2, active 12`; the services' figures together. */
export function briefStatus(now: Status, degraded: boolean): string {
  const sum = (of: (service: ServiceStatus) => number | null) =>
    now.services.reduce((total, service) => total + (of(service) ?? 0), 0);
  const listeners = new Set(now.services.map(whereOf));
  return [
    `bal: ${stateWord(now.state, degraded)}`,
    `pid ${now.pid ?? '?'}`,
    [...listeners].join(' '),
    `backends ${sum((service) => service.backend_reachable)}/${sum((service) => service.backend_total)}`,
    `active ${sum((service) => service.active_connections)}`,
    ...((now.draining?.connections ?? 0) > 0 ? [`draining ${now.draining?.connections ?? 0}`] : []),
    ...(now.services.some(isGuarded) ? ['protection on'] : []),
  ].join(', ');
}

/** One that starts or ends is not degraded: it says what it does. */
function stateWord(state: Status['state'], degraded: boolean): string {
  if (state === 'draining') return 'stopping';
  if (state === 'starting') return 'starting';
  const word = degraded ? 'degraded' : 'running';
  return state === null || state === 'running' ? word : `${word} (${state})`;
}

/** All lines but those about problems. `verbose` adds workers and counters. */
export function statusLines(now: Status, verbose: boolean, io: Io): string[] {
  const facts = [
    `pid ${now.pid ?? '?'}`,
    `engine ${now.engine ?? 'not chosen yet'}`,
    counted(now.workers.filter(({ state }) => state === 'ready').length, 'worker'),
    `up ${duration(now.uptime_ms ?? 0)}`,
    `generation ${now.generation ?? '?'}`,
  ];
  return [
    `bal ${now.version} is ${now.state} (${facts.join(', ')})`,
    configLine(now),
    ...refusedLine(now, io),
    ...now.services.flatMap((service) => ['', ...serviceLines(service, verbose, io)]),
    // One that was started before an update says nothing of them.
    ...((now.listeners ?? []).length === 0 ? [] : ['', ...now.listeners.map(listenerText)]),
    '',
    ...totals(now),
    ...spreadLine(now),
    ...drainingLine(now),
    ...changedLive(now, io),
    ...(verbose ? ['', ...workerLines(now.workers, io)] : []),
  ];
}

function configLine({ config_path, included_files, watch }: Status): string {
  // One that was started before an update says nothing of them.
  const included = included_files?.length ?? 0;
  return `config ${config_path ?? '?'}${included === 0 ? '' : `, which includes ${counted(included, 'file')}`}${(watch ?? null) === null ? '' : ', watched'}`;
}

/** What is served is not what the file says. */
function refusedLine({ refused_reload: refused, config_path }: Status, io: Io): string[] {
  if (refused === null || refused === undefined) return [];
  const first = refused.errors.find(isProblem);
  const why = first === undefined ? refused.problem.what_happened : formatProblem(first, config_path ?? '?');
  return [paint(io, 'yellow', `the reload at ${refused.since} was refused: ${why}`)];
}

/** At a port, at a Unix socket, or both. */
export function whereOf({ bind_address, bind_unix, port }: ServiceStatus): string {
  const beside = bind_unix === null || port === 0 ? '' : ` and ${addressOf(bind_unix, 0)}`;
  return `${addressOf(bind_address, port)}${beside}`;
}

function serviceLines(service: ServiceStatus, verbose: boolean, io: Io): string[] {
  const { name, method, backend_total, backend_reachable, backends } = service;
  const checked = checkText(service.health_check);
  const title = `${paint(io, 'bold', name)}  ${whereOf(service)}${askedText(service)}  ${method}${checked}`;
  const figures = `${backend_reachable ?? '?'} of ${backend_total} backends reachable, ${service.active_connections ?? '?'} active`;
  const head: Cell[] = ['BACKEND', 'STATE', 'ACTIVE', 'TOTAL', 'IN', 'OUT', 'CHECKED'];
  if (verbose) head.push('REFUSED', 'TIMEOUT', 'OTHER', 'COOL-DOWN');
  const shown = verbose ? backends : worstFirst(backends);
  const rows = [head, ...shown.map((backend) => backendRow(backend, verbose))];
  const lines = table(io, verbose ? 'llrrrrlrrrr' : 'llrrrrl', rows).map((line) => `  ${line}`);
  return [
    `${title}  ${figures}`,
    ...protectionLine(service.protection_mode, io),
    ...failuresLine(service.recent, io),
    ...discoveryLines(service, io),
    ...lines,
    ...restLine(backends.slice(shown.length).length, shown),
    ...(verbose ? endsLine(service.ends) : []),
  ];
}

/** How many backends of a service are shown without --verbose. */
const SHOWN = 20;

/** Of many the first ones, but what is not up before what is; else all, in their order. */
function worstFirst(backends: readonly BackendStatus[]): readonly BackendStatus[] {
  if (backends.length <= SHOWN) return backends;
  const [up, other] = [backends.filter(isUp), backends.filter((backend) => !isUp(backend))];
  return [
    ...other.filter(({ state }) => state === 'down'),
    ...other.filter(({ state }) => state !== 'down'),
    ...up,
  ].slice(0, SHOWN);
}

function isUp({ state }: BackendStatus): boolean {
  return state === 'up';
}

function restLine(rest: number, shown: readonly BackendStatus[]): string[] {
  if (rest === 0) return [];
  // What is up comes last, so where one of them is shown, so is everything that is not.
  const last = shown.at(-1);
  const what = last !== undefined && isUp(last) ? ', all up' : '';
  return [`  and ${rest} more${what}: run 'bal status --verbose'`];
}

/** Nothing of a mere connect, as ever. */
function checkText(type: string): string {
  if (type === 'tcp') return '';
  return type === 'none' ? '  not checked' : `  ${type} check`;
}

function backendRow(backend: BackendStatus, verbose: boolean): Cell[] {
  const { state, active_connections, connections_total, bytes_in, bytes_out, counters } = backend;
  const row: Cell[] = [
    addressWithShare(backend),
    { text: state ?? '?', paint: state === 'up' ? 'green' : state === 'down' ? 'red' : 'yellow' },
    String(active_connections ?? '-'),
    String(connections_total ?? '-'),
    bytes(bytes_in),
    bytes(bytes_out),
    ago(backend.last_check_time),
  ];
  if (!verbose) return row;
  const cooling = backend.cooldown_ms ?? 0;
  return [
    ...row,
    ...[counters?.refused, counters?.timeout, counters?.other].map((count) => String(count ?? '-')),
    cooling > 0 ? duration(cooling) : '-',
  ];
}

function protectionLine(mode: ProtectionStatus, io: Io): string[] {
  if (!isOn(mode)) return [];
  const text = `protection mode is on since ${mode.since ?? '?'}: ${mode.reason ?? '?'}; ends ${mode.exit_condition ?? '?'}`;
  return [`  ${paint(io, 'yellow', text)}`];
}

function failuresLine(recent: ServiceStatus['recent'], io: Io): string[] {
  const text = failuresText(recent, 'clients');
  return text === null ? [] : [`  ${recent?.failing === true ? paint(io, 'yellow', text) : text}`];
}

function discoveryLines(service: ServiceStatus, io: Io): string[] {
  return discoveryIn(service).map((it) => {
    const text = discoveryText(it);
    return `  ${it.failure === null && it.left_out === 0 ? text : paint(io, 'yellow', text)}`;
  });
}

/** Why connections have ended, the most frequent reason first. */
function endsLine(ends: ServiceStatus['ends']): string[] {
  const seen = Object.entries(ends ?? {}).filter(([, count]) => count > 0);
  if (seen.length === 0) return [];
  const sorted = seen.sort(([, a], [, b]) => b - a).map(([reason, count]) => `${reason} ${count}`);
  return [`  ended: ${sorted.join(', ')}`];
}

function isOn({ enabled }: ProtectionStatus): boolean {
  return enabled === true;
}

function isGuarded({ protection_mode }: ServiceStatus): boolean {
  return isOn(protection_mode);
}

function totals({ totals, max_connections }: Status): string[] {
  if (totals === null) return [];
  const { active_connections, connections_total, rejected_total, failed_total } = totals;
  const more = [
    `${active_connections} active of at most ${max_connections ?? '?'}`,
    `${connections_total} since start`,
    `${rejected_total} rejected`,
    `${failed_total} failed`,
    `in ${bytes(totals.bytes_in)}`,
    `out ${bytes(totals.bytes_out)}`,
  ];
  const odd = [
    ...(totals.workers_respawned_total > 0 ? [`${counted(totals.workers_respawned_total, 'worker')} respawned`] : []),
    ...(totals.log_lines_dropped_total > 0 ? [`${counted(totals.log_lines_dropped_total, 'log line')} dropped`] : []),
  ];
  return [`connections: ${[...more, ...odd].join(', ')}`];
}

/** How even the workers are; nothing while nobody is there. */
function spreadLine({ spread }: Status): string[] {
  // An older primary does not say.
  if (spread === null || spread === undefined || spread.most === 0) return [];
  const { fewest, most, moved_total } = spread;
  const each = fewest === most ? `${most} connections each` : `${fewest} to ${most} connections each`;
  return [`workers: ${each}${moved_total > 0 ? `, ${moved_total} moved from full ones to empty ones` : ''}`];
}

function drainingLine({ draining }: Status): string[] {
  const text = drainingText(draining);
  return text === null ? [] : [`draining: ${text}`];
}

function changedLive({ live_changes }: Status, io: Io): string[] {
  const lines = liveChangeLines(live_changes);
  if (lines.length === 0) return [];
  return [paint(io, 'yellow', "changed by 'bal backend', and not in the file:"), ...lines.map((line) => `  ${line}`)];
}

function workerLines(workers: readonly WorkerStatus[], io: Io): string[] {
  const head = ['WORKER', 'PID', 'STATE', 'GENERATION', 'ACTIVE', 'TOTAL', 'IN', 'OUT', 'REJECTED', 'MEMORY'];
  const rows = workers.map((worker) => [
    String(worker.id),
    String(worker.pid),
    worker.state,
    String(worker.generation),
    String(worker.active_connections),
    String(worker.connections_total),
    bytes(worker.bytes_in),
    bytes(worker.bytes_out),
    String(worker.rejected_total),
    bytes(worker.rss_bytes),
  ]);
  return table(io, 'rrlrrrrrrr', [head, ...rows]);
}

/** `3 s ago`. A clock that was set back makes it "now", not a negative time. */
function ago(time: string | null): string {
  if (time === null) return 'not yet';
  const ms = Date.now() - Date.parse(time);
  return ms < 1000 ? 'now' : `${duration(ms)} ago`;
}
