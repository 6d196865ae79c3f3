// Of a bal that watches its configuration (`bal start --watch`), and of a reload that was refused.
import type { Diagnosis, ReloadVerdict } from './protocol.ts';

export interface WatchStatus {
  /** How it is heard that a file has changed. */
  readonly by: 'events' | 'polling';
}

/** The last reload, where it was refused. */
export interface RefusedReload {
  readonly since: string;
  readonly problem: Diagnosis;
  readonly errors: ReloadVerdict['errors'];
}

/** Of a status; a bal that was started before an update says nothing of it. */
export interface ConfigStatus {
  readonly included_files?: readonly string[];
  readonly watch?: WatchStatus | null;
  readonly refused_reload?: RefusedReload | null;
}
