// Handover of a connection between two engines: what release() returns and adopt() takes. The giving engine closes
// nothing and calls nothing. The caller owns the descriptors until another engine has adopted them, in this process or,
// sent over a Unix socket, in another one on this machine. A giver that sent copies closes its own then.

/** Why a connection is not released or adopted. The order is part of the native engine's protocol. */
export const HANDOVER_REFUSALS = [
  'unsupported', // this engine cannot do it
  'unknown', // release: there is no such connection; adopt: its target has no route here
  'busy', // it is not connected yet, or a preamble waits for its backend: try later
  'version', // the record has another version
  'malformed', // the record or a descriptor is not as an engine would give it
  'exhausted', // this machine ran out of something, see exhaustion()
] as const;
export type HandoverRefusal = (typeof HANDOVER_REFUSALS)[number];

export interface ReleasedConnection {
  /**
   * The engine's state of the connection, for any engine on this machine with the same record version: flags, times by
   * CLOCK_MONOTONIC, bytes so far, the client's address, ids, and the bytes read but not yet written.
   */
  readonly record: Uint8Array;
  /** Client, backend, and both ends of each pipe with waiting bytes, in this order. */
  readonly descriptors: readonly number[];
}

export type Release =
  { readonly ok: true; readonly released: ReleasedConnection } | { readonly ok: false; readonly why: HandoverRefusal };

export type Adoption =
  { readonly ok: true; readonly connection: number } | { readonly ok: false; readonly why: HandoverRefusal };

/** Ids in the adopting engine, where they differ from the record's. */
export interface AdoptedFor {
  readonly listener?: number;
  readonly target?: number;
}
