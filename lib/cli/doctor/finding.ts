// The doctor's input and its findings.
import { accessSync } from 'node:fs';
import type { Loaded } from '../../../config/load.ts';
import type { Plan } from '../../../config/plan.ts';
import type { Status } from '../../control/protocol.ts';
import type { Home } from '../../paths.ts';
import type { PidFile } from '../../pidfile.ts';
import type { Reached } from '../reach.ts';

/** ok: nothing to do. warn: works, but deserves a look. critical: clients are, or would be, refused. */
export type Level = 'ok' | 'warn' | 'critical';

export interface Finding {
  /** Stable: `config`, `pid_file`, `listen:SERVICE`, `backend:SERVICE/ADDRESS`, … */
  readonly name: string;
  readonly level: Level;
  readonly summary: string;
  /** The likely reason; null if ok. */
  readonly why: string | null;
  /** What to do now; null if ok. */
  readonly hint: string | null;
}

/** All facts gathered before the checks. */
export interface Patient {
  readonly at: Home;
  /** The current file. */
  readonly disk: Loaded;
  readonly pidFile: PidFile;
  readonly reached: Reached;
  /** Null: not running, or no usable answer. */
  readonly status: Status | null;
  /** The configuration in use; null if unknown. */
  readonly running: Plan | null;
  /** The user is a member of `control_group`: bal may do what this user may not. */
  readonly isGuest: boolean;
}

/** Whether this user has the access to the file. */
export function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

export function ok(name: string, summary: string): Finding {
  return { name, level: 'ok', summary, why: null, hint: null };
}

export function warn(name: string, summary: string, why: string, hint: string): Finding {
  return { name, level: 'warn', summary, why, hint };
}

export function critical(name: string, summary: string, why: string, hint: string): Finding {
  return { name, level: 'critical', summary, why, hint };
}
