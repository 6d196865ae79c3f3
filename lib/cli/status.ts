// `bal status`: prints what the running primary reports. Never probes a backend.
import type { Status, Diagnosis } from '../control/protocol.ts';
import { home } from '../paths.ts';
import { version } from '../version.ts';
import type { Options } from './arguments.ts';
import type { ExitCode, Io } from './command.ts';
import { PATIENCE_MS, isStatus, reach, strangeAnswer, type Reached } from './reach.ts';
import { json, printableLine, printDiagnosis } from './report.ts';
import { isStopping } from '../view/state.ts';
import { briefStatus, statusLines } from './status-text.ts';

/**
 * 0: running, every service has a backend that is up; 1: one has none (failing), it starts or stops, or does not answer; 3: not
 * running.
 */
export async function status(options: Options, io: Io): Promise<ExitCode> {
  const reached = await reach(home(), 'GET', '/status', PATIENCE_MS);
  if (reached.kind !== 'answered' || !isStatus(reached.body)) return withoutStatus(reached, options, io);
  const now = reached.body;
  const problem = failure(now);
  if (options.json) json(io, { ...now, problem });
  else if (options.brief) io.out(briefStatus(now));
  else {
    for (const line of statusLines(now, options.verbose, io)) io.out(printableLine(line));
    if (problem !== null) printDiagnosis(io, problem);
  }
  return problem === null ? 0 : 1;
}

function withoutStatus(reached: Reached, options: Options, io: Io): ExitCode {
  const isDown = reached.kind === 'not_running';
  const problem = reached.kind === 'answered' ? strange : reached.problem;
  const pid = reached.kind === 'unreachable' ? reached.pid : null;
  if (options.json) json(io, { ...unknownStatus(!isDown, pid), problem });
  else if (options.brief) io.out(isDown ? 'bal: not running' : `bal: ${problem.what_happened}`);
  else printDiagnosis(io, problem);
  return isDown ? 3 : 1;
}

const strange = strangeAnswer('status');

/** The keys of a status when there is none. */
export function unknownStatus(running: boolean, pid: number | null): Status {
  return {
    running,
    pid,
    host: null,
    home: null,
    config_path: null,
    included_files: [],
    watch: null,
    refused_reload: null,
    bind_address: null,
    port: null,
    method: null,
    backend_total: null,
    backend_reachable: null,
    backends: [],
    active_connections: null,
    last_check_time: null,
    protection_mode: { enabled: null, reason: null, since: null, exit_condition: null },
    version,
    engine: null,
    uptime_ms: null,
    generation: null,
    state: running ? null : 'stopped',
    max_connections: null,
    services: [],
    workers: [],
    draining: null,
    spread: null,
    totals: null,
    log: null,
    listeners: [],
    live_changes: [],
  };
}

export const STOPPING: Diagnosis = {
  what_happened: 'bal is stopping: it accepts no new connections',
  why_likely: "somebody ran 'bal stop', or the system shuts down",
  do_this_now: "wait, or run 'bal stop --now'; then 'bal start -d' if it should go on",
};

/** Returns why clients are not served properly; null while every service serves, degraded or not. */
export function failure(now: Status): Diagnosis | null {
  if (isStopping(now.state)) return STOPPING;
  if (now.state === 'starting') {
    return {
      what_happened: 'bal is starting: not every worker accepts connections yet',
      why_likely: 'it was started a moment ago',
      do_this_now: "run 'bal status' again in a second; if it stays so, look at the log",
    };
  }
  const dark = now.services.filter(({ backend_reachable }) => (backend_reachable ?? 0) === 0);
  if (dark.length === 0) return null;
  const all = dark.length === now.services.length;
  const unchecked = dark.every(
    ({ backends }) => backends.length > 0 && backends.every(({ state }) => state === 'unknown'),
  );
  return {
    what_happened: all ? 'no backend is up' : `no backend is up in ${dark.map(({ name }) => name).join(', ')}`,
    why_likely: unchecked
      ? 'bal has just started and the first checks are under way'
      : 'the servers behind it are down, or the network or DNS is',
    do_this_now: "run 'bal doctor --verbose' and fix the backend host, port or firewall",
  };
}
