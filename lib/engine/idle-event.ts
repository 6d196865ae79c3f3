// Tells the policy that nothing is left of an engine that no longer accepts. In a call of its own, because whoever
// hears of it is likely to close the engine, which the policy's other callbacks must not.

import type { Policy } from './engine.ts';

export class IdleEvent {
  readonly #policy: Policy;
  readonly #active: () => number;
  /** `told` ends with the next connection, `closed` never. */
  #state: 'accepting' | 'stopped' | 'told' | 'closed' = 'accepting';

  constructor(policy: Policy, active: () => number) {
    this.#policy = policy;
    this.#active = active;
  }

  /** A listener listens. */
  accepting(): void {
    this.#state = 'accepting';
  }

  /** No listener is left. */
  stopped(): void {
    if (this.#state === 'accepting') this.#state = 'stopped';
    this.look();
  }

  /** `active` has fallen. */
  look(): void {
    if (this.#isIdle()) queueMicrotask(() => this.#report());
  }

  /** A connection has come that was not accepted. */
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
