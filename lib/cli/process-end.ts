// Finds the process of a home's instance and waits for its end. Signals a process only if it is still the one found: the same
// PID with the same start time.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Home } from '../paths.ts';
import { readPidFile } from '../pidfile.ts';
import { isStillThere, lookUp } from '../process.ts';
import { ask } from './ask.ts';
import { PATIENCE_MS, isStatus } from './reach.ts';

export interface BalProcess {
  readonly pid: number;
  /** Null if unknown; it must then not be signalled. */
  readonly startTime: string | null;
}

/** Uses the PID file, else the instance's own answer. Null if no process is visible. */
export async function instanceProcess(at: Home): Promise<BalProcess | null> {
  const file = readPidFile(at.pidFile);
  if (file.running) return { pid: file.pid, startTime: file.startTime };
  const answer = await ask(at, 'GET', '/status', undefined, PATIENCE_MS);
  if (!answer.ok || !isStatus(answer.body) || answer.body.pid === null) return null;
  // The number is meaningless in another PID namespace (a container), or names another process.
  return { pid: answer.body.pid, startTime: null };
}

/** Waits until nobody listens on the control socket; for a process that cannot be watched directly. */
export async function silentWithin(at: Home, ms: number): Promise<boolean> {
  const giveUp = performance.now() + ms;
  for (;;) {
    const answer = await ask(at, 'GET', '/status', undefined, PATIENCE_MS);
    if (!answer.ok && answer.cause === 'not_running') return true;
    if (performance.now() > giveUp) return false;
    await sleep(50);
  }
}

/** Waits for the process to end; with an unknown start time, for its PID to be unused. */
export async function goneWithin({ pid, startTime }: BalProcess, ms: number): Promise<boolean> {
  const giveUp = performance.now() + ms;
  while (isStillThere(pid, startTime)) {
    if (performance.now() > giveUp) return false;
    await sleep(20);
  }
  return true;
}

/** `denied`: it lives, but this user may not signal it, or its identity is unknown. */
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
    // Only ESRCH means that there is no such process. EPERM means that it belongs to another user.
    return error instanceof Error && 'code' in error && error.code === 'ESRCH' ? 'gone' : 'denied';
  }
}
