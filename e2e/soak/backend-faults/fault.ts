// A way in which a backend goes wrong, and what bal promises about it.
import type { Backend } from '../../harness/backend.ts';
import type { Outcome } from '../../harness/exchange.ts';
import type { Owner } from '../../../lib/testing/owner.ts';

export interface Fault {
  readonly name: string;
  /** How the configuration names the backend; its address where there is none. */
  readonly host?: string;
  /** The service's connection_idle_timeout_ms, where a client would wait for it. */
  readonly idleMs?: number;
  /** Begins to go wrong. */
  begin(t: Owner, faulty: Backend): Promise<UnderWay>;
  /** What clients may see while this is the only backend. */
  readonly alone: readonly Outcome[];
  /** What clients may see when there is a second, healthy backend; `ok` alone means that nobody sees anything. */
  readonly beside: readonly Outcome[];
  /**
   * Whether a check or a connect tells it, so that bal takes the backend out of use. The rest only clients can notice.
   * `perhaps`: a reset that overtakes the news of the connect looks like a failed one.
   */
  readonly detected: boolean | 'perhaps';
}

export interface UnderWay {
  repair(): Promise<void>;
  /** Called now and then at a moment when no client is connected. */
  between?(): Promise<void>;
}
