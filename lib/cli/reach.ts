// Queries the instance of this home. It answers, or nobody is there, or something is there but does not answer: the operator
// has to act differently on each.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from '../control/client.ts';
import type { Status, Diagnosis } from '../control/protocol.ts';
import type { Home } from '../paths.ts';
import { ask } from './ask.ts';
import { ownerOf } from '../owner.ts';
import { unreachable } from '../unreachable.ts';
import { readPidFile, type PidFile } from '../pidfile.ts';

export type Reached =
  | { readonly kind: 'answered'; readonly body: unknown }
  | { readonly kind: 'not_running'; readonly problem: Diagnosis }
  /** `pid` is null if the PID file does not tell it; `status` is the HTTP status of a refusal. */
  | {
      readonly kind: 'unreachable';
      readonly pid: number | null;
      readonly problem: Diagnosis;
      readonly status?: number;
    };

/** How long `status` and `doctor` wait for an answer, which takes milliseconds. */
export const PATIENCE_MS = 2500;
/** A starting or ending instance briefly has a PID file without a socket. */
const MOMENT_MS = 1000;

export async function reach(
  at: Home,
  method: 'GET' | 'POST',
  path: string,
  timeoutMs: number,
  body?: unknown,
  signal?: AbortSignal,
): Promise<Reached> {
  const beganAt = performance.now();
  for (;;) {
    const answer = await ask(at, method, path, body, timeoutMs, signal);
    const found = judge(answer, readPidFile(at.pidFile), at);
    const maybeBetween = !answer.ok && answer.cause === 'not_running' && found.kind === 'unreachable';
    // An upgrade was under way: the process that serves now did not get the request.
    const isElsewhere = answer.ok && answer.status === 503;
    if (!(maybeBetween || isElsewhere) || performance.now() > beganAt + (isElsewhere ? timeoutMs : MOMENT_MS))
      return found;
    await sleep(50);
  }
}

/** Interprets an answer, or its absence, together with the PID file. */
export function judge(answer: Answer, pidFile: PidFile, at: Home): Reached {
  if (answer.ok && answer.status === 200) return { kind: 'answered', body: answer.body };
  const pid = pidFile.running ? pidFile.pid : null;
  if (!answer.ok && answer.cause === 'not_running' && pid === null) {
    if (!pidFile.running && pidFile.reason === 'unreadable')
      return { kind: 'unreachable', pid, problem: unreadable(at) };
    return { kind: 'not_running', problem: notRunning(pidFile, at) };
  }
  return { kind: 'unreachable', pid, problem: noAnswer(answer, pid, at), ...(answer.ok && { status: answer.status }) };
}

/** The status that refuses a change to members of control_group. */
export const MAY_NOT = 403;

/** For a member of `control_group`. */
function mayAskOnly(who: string, at: Home): Diagnosis {
  const owner = ownerOf(at.socket) ?? 'USER';
  return {
    what_happened: `this user may query ${who}, but not change it`,
    why_likely: `it is a member of control_group, and bal belongs to another user${ownerText(at)}`,
    do_this_now: `ask ${owner === 'USER' ? 'that user' : owner}, or run the command as that user (sudo -u ${owner} bal …)`,
  };
}

function ownerText(at: Home): string {
  const owner = ownerOf(at.socket);
  return owner === null ? '' : ` (${owner})`;
}

const OTHER_VERSION = 'the running bal has another version than this command';

/** The answer is not understood; `what` names what it should have been. */
export function strangeAnswer(what: string, do_this_now = "restart bal ('bal stop', then 'bal start -d')"): Diagnosis {
  return {
    what_happened: `the control socket's answer is not a valid ${what}`,
    why_likely: OTHER_VERSION,
    do_this_now,
  };
}

/** Nobody answers, and it is unknown who should. */
function unreadable({ pidFile, dir }: Home): Diagnosis {
  return {
    what_happened: `cannot tell whether bal is running: ${pidFile} cannot be read, and nobody answers`,
    why_likely: 'bal was started there by another user, or the disk has a fault',
    do_this_now: `run the command as the owner of ${dir} (ls -la ${dir}); when no bal runs there (ps), remove ${pidFile}`,
  };
}

function notRunning(pidFile: PidFile, at: Home): Diagnosis {
  const died = !pidFile.running && pidFile.reason === 'stale';
  return {
    what_happened: 'bal is not running',
    why_likely: died
      ? `it ended without cleaning up: it was killed, or the machine was restarted (${at.pidFile} is left over)`
      : `it was not started, or was stopped (looked in ${at.dir})`,
    do_this_now: died
      ? `run 'bal start -d'; the end of the log in ${at.logDir} may tell why`
      : "run 'bal start -d', or set BAL_HOME to the home of another instance",
  };
}

function noAnswer(answer: Answer, pid: number | null, at: Home): Diagnosis {
  const who = pid === null ? 'bal' : `bal (PID ${pid})`;
  if (answer.ok && answer.status === MAY_NOT) return mayAskOnly(who, at);
  if (answer.ok) {
    return {
      what_happened: `${who} rejected the request: ${errorOf(answer.body)} (${answer.status})`,
      why_likely: `${OTHER_VERSION}, or a defect`,
      do_this_now: "compare 'bal --version' with the log, and restart bal if they differ",
    };
  }
  switch (answer.cause) {
    case 'denied':
      return {
        what_happened: `the control socket ${at.socket} may not be used by this user`,
        why_likely: `bal was started by another user${ownerText(at)}, and only its owner may control it`,
        do_this_now: `run the command as that user (sudo -u ${ownerOf(at.socket) ?? 'USER'} bal …), or set BAL_HOME to your own instance`,
      };
    case 'timeout':
      return {
        what_happened: `${who} runs but does not answer: ${answer.detail}`,
        why_likely: 'its primary is stopped (SIGSTOP), hangs, or the machine is overloaded',
        do_this_now: `look at the process${pid === null ? '' : ` (ps -o pid,stat,pcpu,cmd -p ${pid})`}; 'bal stop --now' ends it, 'bal start -d' starts it again`,
      };
    case 'not_running':
      return {
        what_happened: `${who} runs without its control socket`,
        why_likely: `somebody removed ${at.socket}, or bal runs in a container of its own`,
        do_this_now: "restart it: 'bal stop', then 'bal start -d'",
      };
    case 'bad_answer':
      return {
        what_happened: `${who} gave no usable answer: ${answer.detail}`,
        why_likely: 'it is ending, has too many clients on its control socket, or the socket is not a bal',
        do_this_now: "try again; if it stays so, look at the log and restart bal ('bal stop', 'bal start -d')",
      };
    default:
      return unreachable(answer.cause);
  }
}

function errorOf(body: unknown): string {
  return typeof body === 'object' && body !== null && 'error' in body ? String(body.error) : 'no reason given';
}

/** Whether the answer to GET /status can be shown; only an instance of an unknown version sends another. */
export function isStatus(body: unknown): body is Status {
  if (typeof body !== 'object' || body === null) return false;
  const lists = ['backends', 'services', 'workers'];
  return 'running' in body && lists.every((key) => Array.isArray(Object.getOwnPropertyDescriptor(body, key)?.value));
}
