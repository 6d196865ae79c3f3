// Messages for problems at a start or reload: what happened, why, and what to do now.

import { dirname } from 'node:path';

import { quoted } from '../../../config/shell.ts';
import type { Problem } from '../../../config/problem.ts';
import type { Diagnosis } from '../../control/protocol.ts';
import { counted } from '../../units.ts';
import type { Phase } from '../phase.ts';
import type { BindFailure } from '../listen/listeners.ts';
import { portOf } from '../listen/listeners.ts';

/** `pid` is null if the instance answers without it. */
export function alreadyRunning(pid: number | null): Diagnosis {
  return {
    what_happened: `bal is already running${pid === null ? '' : `, PID ${pid}`}`,
    why_likely: 'this home ($BAL_HOME or ~/.bal) has a running instance',
    do_this_now:
      "run 'bal graceful' to reload it, 'bal upgrade' to have this version serve instead, or 'bal stop' first",
  };
}

/** `active` is null if unknown. */
export function stillStopping(pid: number | null, active: number | null): Diagnosis {
  const left = active === null ? '' : `, and waits for ${counted(active, 'connection')} to finish`;
  return {
    what_happened: `bal${pid === null ? '' : ` (PID ${pid})`} is stopping${left}`,
    why_likely: "'bal stop' was run, or the system shuts down; the home is free when it is gone",
    do_this_now: "wait for it, or run 'bal stop --now'; then start it again",
  };
}

export const noConfiguration: Diagnosis = {
  what_happened: 'there is no configuration to use',
  why_likely: 'the path is wrong, or the file is not there or not readable',
  do_this_now: "make the file or name another with --config, then run 'bal check' again",
};

/** Whether the problem is with the file as a whole: it cannot be read. */
export function isWhole({ line, file }: Pick<Problem, 'line' | 'file'>): boolean {
  return line === null && file === undefined;
}

export function badConfig(configPath: string, errors: readonly Pick<Problem, 'line' | 'file'>[]): Diagnosis {
  if (errors.every(isWhole)) return noConfiguration;
  return {
    what_happened: `the configuration ${configPath} is not valid (${counted(errors.length, 'error')})`,
    why_likely: 'a syntax error, a misspelt key or a value out of range',
    do_this_now: `run 'bal check --config ${quoted(configPath)}' and correct the lines it names`,
  };
}

export function cannotBind({ address, code, passed, key }: BindFailure): Diagnosis {
  if (code === 'ECANCELED') return stillStopping(null, null);
  const what_happened = `cannot listen on ${address}: ${code}`;
  if (code === 'EADDRINUSE' && passed !== undefined) {
    return {
      what_happened,
      why_likely: `the service manager has bound ${passed}, which is another address on the same port`,
      do_this_now: `write ListenStream=${address} in the socket unit, or the address of the socket as 'bind_address'`,
    };
  }
  if (address.startsWith('unix:')) return { what_happened, ...cannotBindPath(address.slice('unix:'.length), code) };
  switch (code) {
    case 'EADDRINUSE':
      return {
        what_happened,
        why_likely: 'another program listens on this port',
        do_this_now: `run 'bal doctor' to see which (or: ss -ltnp 'sport = :${portOf(address)}'), then stop it or change '${key ?? 'port'}'`,
      };
    case 'EACCES':
      return {
        what_happened,
        why_likely: 'ports below 1024 need a right that this user does not have',
        do_this_now: 'use a port from 1024 on, or give the systemd unit AmbientCapabilities=CAP_NET_BIND_SERVICE',
      };
    case 'EADDRNOTAVAIL':
      return {
        what_happened,
        why_likely: 'no network interface of this machine has that address',
        do_this_now: `correct '${key ?? 'bind_address'}' (see: ip address), or use ${key === undefined ? '0.0.0.0' : '127.0.0.1'}`,
      };
    case 'ETIMEDOUT':
    case 'EAI_AGAIN':
      return {
        what_happened,
        why_likely: 'the name cannot be resolved: no DNS server answers',
        do_this_now: `check /etc/resolv.conf and the DNS servers it names, or write '${key ?? 'bind_address'}' as an IP address`,
      };
    default:
      return {
        what_happened,
        why_likely: 'the address cannot be resolved or bound on this machine',
        do_this_now: "correct 'bind_address' and 'port', then try again",
      };
  }
}

function cannotBindPath(path: string, code: string): Omit<Diagnosis, 'what_happened'> {
  switch (code) {
    case 'EADDRINUSE':
      return {
        why_likely: 'another program listens at this socket',
        do_this_now: `see which (ss -lxp src ${path}), then stop it or change 'bind_unix'`,
      };
    case 'EEXIST':
      return {
        why_likely: 'there is a file, and it is no socket',
        do_this_now: `look at it (ls -l ${quoted(path)}), and move it away or change 'bind_unix'`,
      };
    default:
      return {
        why_likely: 'its folder is not there, or the user that runs bal may not write to it',
        do_this_now: `make the folder, and let that user write to it: ls -ld ${dirname(path)}`,
      };
  }
}

export function workersFailed(reason: string): Diagnosis {
  if (reason.endsWith('EADDRINUSE')) {
    // Two sockets may be bound to one address, but only one may listen, so the conflict shows late.
    return {
      what_happened: reason,
      why_likely: 'another program listens on this port',
      do_this_now: "run 'bal doctor' to see which, then stop it or change 'port'",
    };
  }
  return {
    what_happened: `the workers did not get ready: ${reason}`,
    why_likely: 'no memory or descriptors left, a broken installation, or an engine that cannot be loaded',
    do_this_now: "look at the log and logs/bal.err, run 'bal doctor', then try again",
  };
}

export function cannotServe(error: unknown): Diagnosis {
  return {
    what_happened: `bal cannot run here: ${error instanceof Error ? error.message : String(error)}`,
    why_likely: 'its home directory is not writable, or belongs to somebody else',
    do_this_now: 'check the owner and rights of $BAL_HOME (default ~/.bal), or set BAL_HOME to a directory of your own',
  };
}

/** Only a warning: traffic does not need a log. */
export function noLog(dir: string, fault: string): Diagnosis {
  return {
    what_happened: `bal has no log: ${fault}`,
    why_likely: `${dir} may not be written by this user, something else is in its place, or the disk is full`,
    do_this_now: "correct that; bal tries again every two seconds, and 'bal doctor' says whether it has a log",
  };
}

export function internalError(error: unknown): Diagnosis {
  return {
    what_happened: `internal error: ${error instanceof Error ? error.message : String(error)}`,
    why_likely: 'a defect in bal, or a broken installation',
    do_this_now: "look at the log, and report it with 'bal --version' and 'node --version'",
  };
}

/** Why a request is refused that needs a running instance. */
export function notNow(phase: Phase): Diagnosis {
  if (phase === 'draining' || phase === 'stopped') return stillStopping(null, null);
  return {
    what_happened: `bal is ${phase}, and runs one operation at a time`,
    why_likely: phase === 'starting' ? 'it was started a moment ago' : 'a reload is under way',
    do_this_now: "run 'bal status' and try again when it is running",
  };
}
