// A connection between two engines: what release() gives and adopt() takes. The engine that gives it up closes nothing
// and calls nothing; whoever asked it owns the descriptors until another engine has adopted them, here or, sent over a
// Unix socket, in another process of this machine. Whoever gives a copy away closes the own one then.

/** Why a connection is not released or adopted. The order is part of the native engine's protocol. */
export const HANDOVER_REFUSALS = [
  'unsupported', // this engine cannot
  'unknown', // to release: there is no such connection; to adopt: its target leads nowhere here
  'busy', // it is not connected yet, or a preamble waits for its backend: later
  'version', // the record is another version's
  'malformed', // the record, or a descriptor, is not what one engine gives another
  'exhausted', // this machine ran short, see exhaustion()
] as const;
export type HandoverRefusal = (typeof HANDOVER_REFUSALS)[number];

export interface ReleasedConnection {
  /**
   * All that the engine knows of it, for any engine of this machine that has the same version of it: flags, times by
   * CLOCK_MONOTONIC, bytes so far, the client's address, ids, and the bytes that were read and not yet written.
   */
  readonly record: Uint8Array;
  /** Client, backend, and two of each pipe in which bytes wait. Their order counts. */
  readonly descriptors: readonly number[];
}

export type Release =
  { readonly ok: true; readonly released: ReleasedConnection } | { readonly ok: false; readonly why: HandoverRefusal };

export type Adoption =
  { readonly ok: true; readonly connection: number } | { readonly ok: false; readonly why: HandoverRefusal };

/** Ids of the adopting engine, where they are not those of the engine that has released it. */
export interface AdoptedFor {
  readonly listener?: number;
  readonly target?: number;
}
