// The status of `bal start --watch`, and of a refused reload.
import type { Diagnosis, ReloadVerdict } from './protocol.ts';

export interface WatchStatus {
  /** How changed files are noticed. */
  readonly by: 'events' | 'polling';
}

/** The last reload, if it was refused. */
export interface RefusedReload {
  readonly since: string;
  readonly problem: Diagnosis;
  readonly errors: ReloadVerdict['errors'];
}

/** The part of a status about the configuration; a bal of an older version does not send it. */
export interface ConfigStatus {
  readonly included_files?: readonly string[];
  readonly watch?: WatchStatus | null;
  readonly refused_reload?: RefusedReload | null;
}
