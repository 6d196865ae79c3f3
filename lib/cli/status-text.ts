// Formats a status for people.
import { addressWithShare } from '../control/share.ts';
import { formatProblem, isProblem } from '../../config/problem.ts';
import { askedText, listenerText, whereOf } from '../control/listeners.ts';
import { discoveryIn, discoveryText } from '../control/discovery.ts';
import { drainingText, liveChangeLines } from '../control/facts.ts';
import type { BackendStatus, ProtectionStatus, ServiceStatus, Status, WorkerStatus } from '../control/protocol.ts';
import { failuresText } from '../control/recent.ts';
import type { Io } from './command.ts';
import { INK, paint, table, type Cell } from './report.ts';
import { bytes, counted, duration } from '../units.ts';
import { errorsText } from '../view/columns.ts';
import { refusedOf, refusedText } from '../view/figures.ts';
import { backendShown, instanceShown, serviceShown, upCounts, upText, worstFirst } from '../view/state.ts';

/** `bal: running, pid 17, 0.0.0.0:9295, backends 2/2, open 12`; sums over all services. */
export function briefStatus(now: Status): string {
  const { up, total } = upCounts(now.services);
  const open = now.services.reduce((sum, service) => sum + (service.active_connections ?? 0), 0);
  const listeners = new Set(now.services.map(whereOf));
  return [
    `bal: ${instanceShown(now).text}`,
    `pid ${now.pid ?? '?'}`,
    [...listeners].join(' '),
    `backends ${up}/${total}`,
    `open ${open}`,
    ...((now.draining?.connections ?? 0) > 0 ? [`draining ${now.draining?.connections ?? 0}`] : []),
    ...(now.services.some(isGuarded) ? ['protection on'] : []),
  ].join(', ');
}

/** All lines except those about problems. `verbose` adds workers and counters. */
export function statusLines(now: Status, verbose: boolean, io: Io): string[] {
  const facts = [
    `pid ${now.pid ?? '?'}`,
    `engine ${now.engine ?? 'not chosen yet'}`,
    counted(now.workers.filter(({ state }) => state === 'ready').length, 'worker'),
    `running for ${duration(now.uptime_ms ?? 0)}`,
    `generation ${now.generation ?? '?'}`,
  ];
  const shown = instanceShown(now);
  return [
    `bal ${now.version} is ${paint(io, INK[shown.tone], shown.text)} (${facts.join(', ')})`,
    configLine(now),
    ...refusedLine(now, io),
    ...now.services.flatMap((service) => ['', ...serviceLines(service, now.state, verbose, io)]),
    // An instance of an older version does not report them.
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
  // An instance of an older version does not report them.
  const included = included_files?.length ?? 0;
  return `config ${config_path ?? '?'}${included === 0 ? '' : `, which includes ${counted(included, 'file')}`}${(watch ?? null) === null ? '' : ', watched'}`;
}

/** The running configuration differs from the file. */
function refusedLine({ refused_reload: refused, config_path }: Status, io: Io): string[] {
  if (refused === null || refused === undefined) return [];
  const first = refused.errors.find(isProblem);
  const why = first === undefined ? refused.problem.what_happened : formatProblem(first, config_path ?? '?');
  return [paint(io, 'yellow', `the reload at ${refused.since} was rejected: ${why}`)];
}

function serviceLines(service: ServiceStatus, instance: Status['state'], verbose: boolean, io: Io): string[] {
  const { name, method, backends } = service;
  const { text, tone } = serviceShown(service, instance);
  const checked = checkText(service.health_check);
  const title = `${paint(io, 'bold', name)}  ${whereOf(service)}${askedText(service)}  ${method}${checked}`;
  const figures = `${paint(io, INK[tone], text)}, ${upText(service)}, ${service.active_connections ?? '?'} open`;
  const head: Cell[] = ['BACKEND', 'STATE', 'OPEN', 'TOTAL', 'IN', 'OUT', 'CHECKED'];
  if (verbose) head.push('COOL-DOWN', 'ERRORS');
  const shown = verbose ? backends : someOf(backends);
  const rows = [head, ...shown.map((backend) => backendRow(backend, verbose))];
  const lines = table(io, verbose ? 'llrrrrlrl' : 'llrrrrl', rows).map((line) => `  ${line}`);
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

/** Number of backends per service shown without --verbose. */
const SHOWN = 20;

/** Returns the worst ones of many; of few all, in their order. */
function someOf(backends: readonly BackendStatus[]): readonly BackendStatus[] {
  return backends.length <= SHOWN ? backends : worstFirst(backends, backendShown).slice(0, SHOWN);
}

function isUp(backend: BackendStatus): boolean {
  return backendShown(backend).tone === 'good';
}

function restLine(rest: number, shown: readonly BackendStatus[]): string[] {
  if (rest === 0) return [];
  // Backends that are up come last, so if one is shown, all the others are.
  const last = shown.at(-1);
  const what = last !== undefined && isUp(last) ? ', all up' : '';
  return [`  and ${rest} more${what}: run 'bal status --verbose'`];
}

/** Empty for a plain connect. */
function checkText(type: string): string {
  if (type === 'tcp') return '';
  return type === 'none' ? '  not checked' : `  ${type} check`;
}

function backendRow(backend: BackendStatus, verbose: boolean): Cell[] {
  const { active_connections, connections_total, bytes_in, bytes_out } = backend;
  const { text, tone } = backendShown(backend);
  const row: Cell[] = [
    addressWithShare(backend),
    { text, paint: INK[tone] },
    String(active_connections ?? '-'),
    String(connections_total ?? '-'),
    bytes(bytes_in),
    bytes(bytes_out),
    ago(backend.last_check_time),
  ];
  if (!verbose) return row;
  const cooling = backend.cooldown_ms ?? 0;
  return [...row, cooling > 0 ? duration(cooling) : '-', errorsText(backend)];
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

/** Lists why connections ended, most frequent reason first. */
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

function totals(status: Status): string[] {
  const { totals, max_connections } = status;
  if (totals === null) return [];
  const { active_connections, connections_total } = totals;
  const refused = refusedText(status);
  const more = [
    `${active_connections} open of at most ${max_connections ?? '?'}`,
    `${connections_total} since start`,
    `${refusedOf(status)} refused${refused === null ? '' : ` (${refused})`}`,
    `in ${bytes(totals.bytes_in)}`,
    `out ${bytes(totals.bytes_out)}`,
  ];
  const odd = [
    ...(totals.workers_respawned_total > 0 ? [`${counted(totals.workers_respawned_total, 'worker')} replaced`] : []),
    ...(totals.log_lines_dropped_total > 0 ? [`${counted(totals.log_lines_dropped_total, 'log line')} dropped`] : []),
  ];
  return [`connections: ${[...more, ...odd].join(', ')}`];
}

/** Shows how evenly connections are spread; nothing without connections. */
function spreadLine({ spread }: Status): string[] {
  // An older primary does not report it.
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
  return [
    paint(io, 'yellow', "changes by 'bal backend' that are not in the file:"),
    ...lines.map((line) => `  ${line}`),
  ];
}

function workerLines(workers: readonly WorkerStatus[], io: Io): string[] {
  const head = ['WORKER', 'PID', 'STATE', 'GENERATION', 'OPEN', 'TOTAL', 'IN', 'OUT', 'REFUSED', 'MEMORY'];
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

/** `3 s ago`. After the clock was set back it says "now", not a negative time. */
function ago(time: string | null): string {
  if (time === null) return 'not yet';
  const ms = Date.now() - Date.parse(time);
  return ms < 1000 ? 'now' : `${duration(ms)} ago`;
}
