// What the doctor looks at, and what it finds.
import { accessSync } from 'node:fs';
import type { Loaded } from '../../../config/load.ts';
import type { Plan } from '../../../config/plan.ts';
import type { Status } from '../../control/protocol.ts';
import type { Home } from '../../paths.ts';
import type { PidFile } from '../../pidfile.ts';
import type { Reached } from '../reach.ts';

/** ok: nothing to do. warn: works, and deserves a look. critical: clients are, or would be, refused. */
export type Level = 'ok' | 'warn' | 'critical';

export interface Finding {
  /** Stable: `config`, `pid_file`, `listen:SERVICE`, `backend:SERVICE/ADDRESS`, … */
  readonly name: string;
  readonly level: Level;
  readonly summary: string;
  /** The likely reason; null when all is well. */
  readonly why: string | null;
  /** What to do now; null when all is well. */
  readonly hint: string | null;
}

/** All that was gathered before the checks begin. */
export interface Patient {
  readonly at: Home;
  /** What the file says now. */
  readonly disk: Loaded;
  readonly pidFile: PidFile;
  readonly reached: Reached;
  /** null: not running, or no usable answer. */
  readonly status: Status | null;
  /** The configuration in use; null when it cannot be told. */
  readonly running: Plan | null;
  /** A member of `control_group` asks: what this user may not do, bal may. */
  readonly isGuest: boolean;
}

/** Whether this user may do so with the file. */
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
