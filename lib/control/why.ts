// The answer to `why`: what is true of each service and backend, and what speaks for it.

import type { LiveChange } from './backends.ts';
import type { ListenerStatus } from './listeners.ts';
import type {
  BackendStateName,
  RecentStatus,
  ProtectionStatus,
  Diagnosis,
  DrainingStatus,
  SlowStart,
  Status,
} from './protocol.ts';

/** Equal results in a row. */
export interface EvidenceStatus {
  readonly source: 'check' | 'connect';
  /** Null: it worked. */
  readonly cause: string | null;
  /** What was wrong with the answer to a check; null where the cause says it all. */
  readonly fact: string | null;
  readonly count: number;
  readonly first: string;
  readonly last: string;
}

export interface BackendWhy {
  readonly address: string;
  readonly state: BackendStateName;
  /** Whether new clients are sent there, and if not, why not. */
  readonly verdict: 'in_use' | 'full' | 'spare' | 'drained' | 'no_weight' | 'cooling_down' | 'out' | 'draining';
  /** Null when all is well. */
  readonly problem: Diagnosis | null;
  readonly recent: RecentStatus;
  /** Oldest first. */
  readonly evidence: readonly EvidenceStatus[];
  /** What will bring it back; null when it is in use. */
  readonly ends_when: string | null;
  /** Null: it has all of its weight. */
  readonly slow_start: SlowStart | null;
  /** What `bal backend` has changed of it and the file does not say. */
  readonly live_changes: readonly LiveChange[];
}

export interface ServiceWhy {
  readonly name: string;
  /** `none`: what clients meet is all that is known of the backends. */
  readonly health_check: string;
  readonly verdict: 'serving' | 'degraded' | 'failing_open';
  readonly problem: Diagnosis | null;
  readonly protection: ProtectionStatus;
  /** Clients that wait because the limit is reached or every backend is full. */
  readonly waiting: number;
  /** Connections by the reason of their end, since start. */
  readonly ends: Readonly<Record<string, number>>;
  readonly recent: RecentStatus;
  readonly backends: readonly BackendWhy[];
}

/** The current verdicts with their evidence: the answer of `GET /why`. */
export interface Why {
  /** Of the instance; one that stops takes no new clients. */
  readonly state: Status['state'];
  /** What this machine ran short of lately, by system call and errno. */
  readonly shortages: Readonly<Record<string, number>>;
  readonly services: readonly ServiceWhy[];
  /** Those whose clients have to say which service they want. */
  readonly listeners: readonly ListenerStatus[];
  readonly draining: DrainingStatus | null;
}
