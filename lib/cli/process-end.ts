// Which process the instance of a home is, and how to see it end. A process is signalled only as what it was when it was
// found: the same PID with the same start time.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Home } from '../paths.ts';
import { readPidFile } from '../pidfile.ts';
import { isStillThere, lookUp } from '../process.ts';
import { ask } from './ask.ts';
import { PATIENCE_MS, isStatus } from './reach.ts';

export interface BalProcess {
  readonly pid: number;
  /** null: not known, so it must not be signalled. */
  readonly startTime: string | null;
}

/** By the PID file; where that is of no use, by what the instance says itself. null: no process that we can see. */
export async function instanceProcess(at: Home): Promise<BalProcess | null> {
  const file = readPidFile(at.pidFile);
  if (file.running) return { pid: file.pid, startTime: file.startTime };
  const answer = await ask(at, 'GET', '/status', undefined, PATIENCE_MS);
  if (!answer.ok || !isStatus(answer.body) || answer.body.pid === null) return null;
  // In another PID namespace (a container) the number means nothing here, or somebody else.
  return { pid: answer.body.pid, startTime: null };
}

/** Whether nobody listens on the control socket any more; for a process that cannot be watched itself. */
export async function silentWithin(at: Home, ms: number): Promise<boolean> {
  const giveUp = performance.now() + ms;
  for (;;) {
    const answer = await ask(at, 'GET', '/status', undefined, PATIENCE_MS);
    if (!answer.ok && answer.cause === 'not_running') return true;
    if (performance.now() > giveUp) return false;
    await sleep(50);
  }
}

/** Whether the process ends; one of unknown start time counts as there as long as its PID is in use. */
export async function goneWithin({ pid, startTime }: BalProcess, ms: number): Promise<boolean> {
  const giveUp = performance.now() + ms;
  while (isStillThere(pid, startTime)) {
    if (performance.now() > giveUp) return false;
    await sleep(20);
  }
  return true;
}

/** `denied`: it lives, and this user may not signal it, or nobody can tell whether it is the same process. */
export type Signalled = 'sent' | 'gone' | 'denied';

export function signalIfSame({ pid, startTime }: BalProcess, signal: NodeJS.Signals): Signalled {
  const presence = lookUp(pid);
  if (presence.state === 'gone') return 'gone';
  if (startTime === null || presence.startTime === null) return 'denied';
  if (presence.startTime !== startTime) return 'gone';
  try {
    process.kill(pid, signal);
    return 'sent';
  } catch (error) {
    // Only ESRCH says that there is no such process. EPERM says that there is one, of another user.
    return error instanceof Error && 'code' in error && error.code === 'ESRCH' ? 'gone' : 'denied';
  }
}
