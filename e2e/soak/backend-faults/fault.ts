// A kind of faulty backend, and what bal promises about it.
import type { Backend } from '../../harness/backend.ts';
import type { Outcome } from '../../harness/exchange.ts';
import type { Owner } from '../../../lib/testing/owner.ts';

export interface Fault {
  readonly name: string;
  /** Host in the configuration; by default the backend's address. */
  readonly host?: string;
  /** The service's connection_idle_timeout_ms, if a client would wait for it. */
  readonly idleMs?: number;
  /** Starts the fault. */
  begin(t: Owner, faulty: Backend): Promise<UnderWay>;
  /** What clients may see while this is the only backend. */
  readonly alone: readonly Outcome[];
  /** What clients may see with a second, healthy backend; `ok` alone means that they notice nothing. */
  readonly beside: readonly Outcome[];
  /**
   * Whether a check or a connect detects it, so that bal takes the backend out of use. Only clients notice the others.
   * `perhaps`: a reset that arrives before the connect is handled looks like a failed connect.
   */
  readonly detected: boolean | 'perhaps';
}

export interface UnderWay {
  repair(): Promise<void>;
  /** Called now and then while no client is connected. */
  between?(): Promise<void>;
}
