// The answer to `why`: the verdict on each service and backend, and its evidence.

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

/** Consecutive equal results. */
export interface EvidenceStatus {
  readonly source: 'check' | 'connect';
  /** Null: it succeeded. */
  readonly cause: string | null;
  /** What was wrong with the answer to a check; null if the cause says it all. */
  readonly fact: string | null;
  readonly count: number;
  readonly first: string;
  readonly last: string;
}

export interface BackendWhy {
  readonly address: string;
  readonly state: BackendStateName;
  /** Whether new clients go there, and if not, why. */
  readonly verdict: 'in_use' | 'full' | 'spare' | 'drained' | 'no_weight' | 'cooling_down' | 'out' | 'draining';
  /** Null when all is well. */
  readonly problem: Diagnosis | null;
  readonly recent: RecentStatus;
  /** Oldest first. */
  readonly evidence: readonly EvidenceStatus[];
  /** What will bring it back; null when it is in use. */
  readonly ends_when: string | null;
  /** Null if it has its full weight. */
  readonly slow_start: SlowStart | null;
  /** What `bal backend` has changed and the file does not have. */
  readonly live_changes: readonly LiveChange[];
}

export interface ServiceWhy {
  readonly name: string;
  /** `none`: clients' connects are all that is known of the backends. */
  readonly health_check: string;
  readonly verdict: 'serving' | 'degraded' | 'failing_open';
  readonly problem: Diagnosis | null;
  readonly protection: ProtectionStatus;
  /** Clients waiting because the limit is reached or every backend is full. */
  readonly waiting: number;
  /** Connections by the reason of their end, since the start. */
  readonly ends: Readonly<Record<string, number>>;
  readonly recent: RecentStatus;
  readonly backends: readonly BackendWhy[];
}

/** The current verdicts with their evidence: the answer to `GET /why`. */
export interface Why {
  /** Of the instance. While it stops, it takes no new clients. */
  readonly state: Status['state'];
  /** Recent resource shortages of this machine, by system call and errno. */
  readonly shortages: Readonly<Record<string, number>>;
  readonly services: readonly ServiceWhy[];
  /** Listeners whose clients must first say which service they want. */
  readonly listeners: readonly ListenerStatus[];
  readonly draining: DrainingStatus | null;
}
