// Tells the policy that a stopped engine has no connections left. It makes a call of its own, because the policy may
// close the engine in it, which the other callbacks must not do.

import type { Policy } from './engine.ts';

export class IdleEvent {
  readonly #policy: Policy;
  readonly #active: () => number;
  /** `told` ends with the next adopted connection, `closed` never. */
  #state: 'accepting' | 'stopped' | 'told' | 'closed' = 'accepting';

  constructor(policy: Policy, active: () => number) {
    this.#policy = policy;
    this.#active = active;
  }

  /** A listener has started. */
  accepting(): void {
    this.#state = 'accepting';
  }

  /** All listeners have stopped. */
  stopped(): void {
    if (this.#state === 'accepting') this.#state = 'stopped';
    this.look();
  }

  /** `active` has fallen to 0. */
  look(): void {
    if (this.#isIdle()) queueMicrotask(() => this.#report());
  }

  /** A connection was adopted. */
  begun(): void {
    if (this.#state === 'told') this.#state = 'stopped';
  }

  closed(): void {
    this.#state = 'closed';
  }

  #isIdle(): boolean {
    return this.#state === 'stopped' && this.#active() === 0;
  }

  #report(): void {
    if (!this.#isIdle()) return;
    this.#state = 'told';
    this.#policy.idle?.();
  }
}
