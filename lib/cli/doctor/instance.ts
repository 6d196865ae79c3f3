// Checks the running instance: PID file, control socket, workers, engine, protection mode.
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { discoveryIn, discoveryText } from '../../control/discovery.ts';
import { drainingText, liveChangeLines } from '../../control/facts.ts';
import { quoted } from '../../../config/shell.ts';
import { groupShutOut } from '../../control/group-access.ts';
import { tooLongForSocket } from '../../control/listen.ts';
import type { Status } from '../../control/protocol.ts';
import { critical, ok, warn, type Finding, type Patient } from './finding.ts';
import { home } from '../../paths.ts';
import { version } from '../../version.ts';
import { failuresText } from '../../control/recent.ts';
import { counted, duration, listed } from '../../units.ts';

export function checkInstance(patient: Patient): Finding[] {
  const { status } = patient;
  const inside =
    status === null ? [] : [workers(status, patient.running?.workers ?? null), oldWorkers(status), engine(status)];
  return [
    programs(patient),
    ...homeDirectory(patient),
    pidFile(patient),
    controlSocket(patient),
    ...watchers(patient),
    ...inside,
    ...(status === null ? [] : [...protection(status), ...clients(status), liveChanges(status), ...names(status)]),
  ];
}

const SHORTER = 'set BAL_HOME to a directory with a shorter path';

/** Compares the program that a start would run with the running one. */
function programs({ status, disk }: Patient): Finding {
  const name = 'version';
  const where = process.argv[1] ?? '?';
  if (status === null) {
    const workers = disk.plan === null ? '' : `; a start makes ${counted(disk.plan.workers, 'worker')}`;
    return ok(name, `bal ${version} at ${where}${workers}, home ${home().dir}`);
  }
  if (status.version === version) return ok(name, `bal ${version} runs, and is installed at ${where}`);
  return warn(
    name,
    `bal ${status.version} runs, and ${version} is installed`,
    'it was installed while the other one was running',
    "run 'bal upgrade': the new version takes over, and no connection is cut",
  );
}

/** Anyone who can write to the home controls bal: they can replace the configuration and the control socket. */
function homeDirectory({ at }: Patient): Finding[] {
  const name = 'home';
  const tooLong = tooLongForSocket(at.socket);
  if (tooLong !== null) {
    const why = 'the path of the home directory ($BAL_HOME or ~/.bal) is too long';
    return [critical(name, `no control socket fits into the home: ${tooLong}`, why, SHORTER)];
  }
  const mode = modeOf(at.dir);
  if (mode === null) return [ok(name, `${at.dir} will be made by the first start`)];
  if (mode === 'no directory') {
    const hint = 'set BAL_HOME to a directory, or remove what is there';
    return [critical(name, `${at.dir} is no directory, or may not be looked at`, 'a file is in its place', hint)];
  }
  if ((mode & 0o022) === 0) return [ok(name, `${at.dir} can be changed by its owner only`)];
  return [
    warn(
      name,
      `${at.dir} can be changed by other users (mode ${(mode & 0o7777).toString(8)})`,
      'it was made by somebody else than bal, or is meant for other things, too',
      `chmod 700 ${quoted(at.dir)}, or set BAL_HOME to a directory of its own`,
    ),
  ];
}

function modeOf(dir: string): number | null | 'no directory' {
  try {
    const found = statSync(dir, { throwIfNoEntry: false });
    if (found === undefined) return null;
    return found.isDirectory() ? found.mode : 'no directory';
  } catch {
    return 'no directory';
  }
}

function pidFile({ at, pidFile: found, reached, status }: Patient): Finding {
  const name = 'pid_file';
  if (found.running) {
    if (status === null || status.pid === found.pid)
      return ok(name, `${at.pidFile} names PID ${found.pid}, which runs`);
    return warn(
      name,
      `${at.pidFile} names PID ${found.pid}, but PID ${status.pid ?? '?'} answers on the control socket`,
      'two instances were started in one home, or one of them in a container',
      "run 'bal stop', look for another bal with ps, then 'bal start -d'",
    );
  }
  if (reached.kind === 'answered') {
    return warn(
      name,
      `bal runs, but ${at.pidFile} does not name it (${found.reason})`,
      'the file was removed or replaced while bal was running',
      "restart bal when it suits ('bal stop', 'bal start -d'); until then a second start is kept out by the control socket only",
    );
  }
  switch (found.reason) {
    case 'none':
      return ok(name, 'none; bal is not running');
    case 'unreadable':
      return critical(
        name,
        `${at.pidFile} cannot be read`,
        'the home belongs to another user, or the disk has a fault',
        'run the command as that user, or set BAL_HOME to your own',
      );
    case 'stale':
    case 'foreign':
    case 'corrupt':
      return warn(
        name,
        `${at.pidFile} is ${found.reason === 'corrupt' ? 'no PID file' : 'left over from a process that is gone'}`,
        'bal was killed, the machine was restarted, or somebody wrote the file',
        "none needed: the next 'bal start' replaces it (a directory in its place has to be removed by hand)",
      );
    default:
      return found.reason;
  }
}

function controlSocket({ at, reached, isGuest }: Patient): Finding {
  const name = 'control_socket';
  switch (reached.kind) {
    case 'answered':
      return ok(name, `${isGuest ? at.askSocket : at.socket} answers`);
    case 'not_running':
      return ok(name, 'nobody listens; bal is not running');
    case 'unreachable':
      return critical(name, reached.problem.what_happened, reached.problem.why_likely, reached.problem.do_this_now);
    default:
      return reached;
  }
}

/** Checks that members of control_group can reach their socket. */
function watchers({ at, running, disk }: Patient): Finding[] {
  const name = 'control_group';
  const group = (running ?? disk.plan)?.controlGroup ?? null;
  if (group === null) return [];
  const [problem] = groupShutOut(running === null ? dirname(at.dir) : at.dir, group);
  if (problem !== undefined) {
    const why = 'the home lies in a place that only its owner may enter, or belongs to another group';
    return [warn(name, problem.message, why, problem.hint ?? '')];
  }
  return [ok(name, `members of group ${group} may ask${running === null ? '' : ` at ${at.askSocket}`}`)];
}

function workers({ workers: all, totals, state }: Status, wanted: number | null): Finding {
  const name = 'workers';
  const ready = all.filter((worker) => worker.state === 'ready').length;
  const respawned = totals?.workers_respawned_total ?? 0;
  const summary = `${ready} of ${wanted ?? all.length} ready${respawned > 0 ? `, ${respawned} replaced after a crash since start` : ''}`;
  const why = 'workers crash or do not get ready: a defect, no memory, or no descriptors';
  const hint = "look for worker.exited in the log, and at dmesg for 'Out of memory'";
  if (ready === 0 && state !== 'draining') return critical(name, summary, why, hint);
  if (wanted !== null && ready < wanted && state === 'running') return warn(name, summary, why, hint);
  return ok(name, summary);
}

/** Never a problem: they end with their connections, and their number is limited. */
function oldWorkers({ draining }: Status): Finding {
  return ok('old_workers', drainingText(draining) ?? 'none; no connection is left from before a reload');
}

function engine({ engine: chosen, version, uptime_ms }: Status): Finding {
  return ok('engine', `${chosen ?? 'not chosen yet'} (bal ${version}, running for ${duration(uptime_ms ?? 0)})`);
}

function protection({ services }: Status): Finding[] {
  const on = services.filter(({ protection_mode }) => protection_mode.enabled === true);
  if (on.length === 0) return [ok('protection_mode', `off in ${counted(services.length, 'service')}`)];
  return on.map(({ name, protection_mode: { reason, since, exit_condition } }) =>
    warn(
      on.length === 1 ? 'protection_mode' : `protection_mode:${name}`,
      `protection mode is on in ${name} since ${since ?? '?'}: ${reason ?? '?'}`,
      'connects to its backends fail, or failed a moment ago',
      `fix the backends; it ends by itself: ${exit_condition ?? '?'}`,
    ),
  );
}

/** Changes are intended, but may be forgotten. */
function liveChanges({ live_changes }: Status): Finding {
  const name = 'live_changes';
  const changes = liveChangeLines(live_changes);
  if (changes.length === 0) return ok(name, 'all backends are as in the file');
  return warn(
    name,
    `${counted(changes.length, 'change')} by 'bal backend' not in the file: ${listed(changes)}`,
    'somebody drained, weighed, added or removed a backend while bal runs; it stays so over reloads and restarts',
    "run 'bal backend list'; undo with 'bal backend ready' or 'weight'",
  );
}

/** Only the running bal knows what the names resolve to. */
function names({ services }: Status): Finding[] {
  const all = services.flatMap((service) => discoveryIn(service).map((it) => ({ service: service.name, it })));
  const bad = all.filter(({ it }) => it.failure !== null || it.left_out > 0);
  if (bad.length === 0) {
    const backends = all.reduce((sum, { it }) => sum + it.endpoints, 0);
    const text = `${counted(all.length, 'name')} ${all.length === 1 ? 'leads' : 'lead'} to ${counted(backends, 'backend')}`;
    return all.length === 0 ? [] : [ok('names', text)];
  }
  return bad.map(({ service, it }) => {
    const name = `name:${service}/${it.name}`;
    const text = `${service}: ${discoveryText(it)}`;
    if (it.failure === null) {
      const why = 'the name server returns more addresses than bal can use, or some that cannot be backends';
      return warn(name, text, why, `dig ${it.name}; correct the records of the name server`);
    }
    const why = 'the name server does not answer or fails, or the name is gone from it';
    const hint = `dig ${it.name} ${it.discover === 'srv' ? 'SRV' : 'A'}; correct the name, or dns_servers`;
    return it.age_ms === null ? critical(name, text, why, hint) : warn(name, text, why, hint);
  });
}

/** Checks whether clients are served, whatever the health checks say. */
function clients({ services }: Status): Finding[] {
  const failing = services.filter(({ recent }) => recent?.failing === true);
  if (failing.length === 0) return [ok('clients', `served in ${counted(services.length, 'service')}`)];
  return failing.map(({ name, recent }) =>
    warn(
      failing.length === 1 ? 'clients' : `clients:${name}`,
      `${name}: ${failuresText(recent, 'clients') ?? ''}`,
      'a backend resets them or none can be connected, this machine ran short, or the limit of connections is reached',
      "run 'bal why': it says which, and what to do",
    ),
  );
}
