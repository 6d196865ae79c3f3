// The seam between what decides and what moves bytes. An engine accepts clients, asks the policy where each goes,
// connects, relays, times out and closes; it never chooses a backend. Two engines stand behind this seam, js.ts and
// native.ts, and contract.test.ts holds both to what is written here. All ids are small integers, so that the native
// engine's calls carry numbers only.
//
// Life of a connection, as the policy sees it:
//
//   accepted ─┬─► target ≥ 0 ──► (failed ──► target ≥ 0)* ──► connected ──► ended
//             ├─► WAIT … decide(connection, target or REFUSE)     (as from `accepted`)
//             └─► REFUSE ─────────────────────────────────────────────────► ended
//
// What the engine ends by itself (idle, cut) it ends well: both sides get a FIN after what was passed on so far, and what the
// kernel has of it is delivered, also when this process is gone. Where bytes would be missing in the middle both get a reset,
// so that nobody takes half an answer for a whole one: bytes that the engine holds or that lie unread, and when it is cut also
// where more than 4 KiB have come from a side that has not ended, some within a second (js: two). Likewise a client without a
// backend. The native engine first passes on what can be passed on at once.
//
// Every `accepted` is followed by exactly one `ended`, after which the id may be used for another connection.

/** Instead of a target: close this client at once (with a reset, so that it cannot take it for a clean end). */
export const REFUSE = -1;
/** Instead of a target, from `accepted` only: hold the client, unread, until `decide` is called. */
export const WAIT = -2;

/** Why connecting to a backend failed. The order is part of the native engine's protocol. */
export const CONNECT_FAILURES = ['refused', 'timeout', 'unreachable', 'reset', 'local', 'other'] as const;
export type ConnectFailureCode = 0 | 1 | 2 | 3 | 4 | 5;

/** How a connection ended. The order is part of the native engine's protocol. */
export const ENDS = [
  'client_closed', // both directions ended cleanly, the client's first
  'backend_closed', // both directions ended cleanly, the backend's first; or the backend did, and the client was silent for halfClosedMs
  'client_reset', // the client reset, its network failed or it vanished after the backend was connected; the backend gets a reset
  'backend_reset', // the backend reset, its network failed or it vanished; the client gets a reset
  'idle', // nothing moved in either direction for idleMs
  'cut', // closed by cut() or close()
  'client_gone', // the client went away before a backend was connected
  'refused', // the policy said REFUSE; it knows why
] as const;
export type EndCode = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7;

/** The decisions. Called synchronously from the engine; must not throw, must not call back into the engine but for clientAddress(). */
export interface Policy {
  /** A client was accepted on `listener`. Returns a target, REFUSE or WAIT. */
  accepted(connection: number, listener: number): number;
  /** Connecting to the target last named failed. Returns the next target, or REFUSE to give up. */
  failed(connection: number, cause: ConnectFailureCode): number;
  /** The backend is connected; relaying begins. */
  connected(connection: number): void;
  /** The connection is over and the id free. Bytes are what was relayed: `bytesIn` client → backend, `bytesOut` backend → client. */
  ended(connection: number, end: EndCode, bytesIn: number, bytesOut: number): void;
}

export interface ListenerSettings {
  /** For listen(2); the kernel caps it at somaxconn. */
  readonly backlog: number;
  /** For one attempt. */
  readonly connectTimeoutMs: number;
  /**
   * Counted from the last byte that moved in either direction, on a wire or through the engine: a reader that still takes what
   * the kernel has for it is not idle, one that has stopped is. Precision: early never, late by at most a second or a tenth of
   * it, whichever is more. (The js engine, on Linux only: see js/sweeper.ts.)
   */
  readonly idleMs: number;
  /**
   * Silence before TCP's first keepalive probe, on both sides; 0: none are sent. Whole seconds count, at least one. A peer that
   * does not answer has vanished after six more probes, 10 s apart (js: ten, 1 s apart); one that leaves bytes unanswered too
   * (js: only when TCP gives up, after a quarter of an hour). A connection younger than 5 s has no probes towards its backend.
   */
  readonly keepaliveMs: number;
  /**
   * How long a silent client is kept after its backend has ended its direction and it has been told: from then, or the last
   * byte that moved after it. Bytes that wait for the backend are not those of a silent client. Precision as for idleMs.
   */
  readonly halfClosedMs: number;
}

/** A bound, not yet closed listening socket as node:cluster hands it over: libuv's TCP handle. */
export interface BoundHandle {
  readonly fd: number;
  onconnection: ((status: number, client: unknown) => void) | null;
  listen(backlog: number): number;
  close(callback?: () => void): void;
}

/** What the engine had to give up because this machine ran short, by errno name: `accept EMFILE` → count. */
export type Shortages = Readonly<Record<string, number>>;

export interface Engine {
  readonly name: 'native' | 'js';
  /**
   * Bytes relayed so far, live: [2 × target] client → backend, [2 × target + 1] backend → client. Long for `targets`
   * targets given at creation. Written by the engine, read by whoever counts.
   */
  readonly bytes: Float64Array;
  /** Sets or replaces where `target` leads. Connections under way keep what they have. `ip` is a literal. */
  route(target: number, ip: string, port: number): void;
  /**
   * Takes over the handle and accepts on it from now on. Throws an Error with `code` (EADDRINUSE, …) when listen(2)
   * fails; the handle is then closed. `listener` is any small integer not in use.
   */
  listen(listener: number, handle: BoundHandle, settings: ListenerSettings): void;
  /** Answers WAIT: a target or REFUSE. Must be called outside the policy's callbacks. */
  decide(connection: number, target: number): void;
  /** Stops accepting on all listeners and closes this process's copies of their sockets; connections go on. */
  stopAccepting(): void;
  /** Ends every connection of `listener` and returns how many were cut by it; `ended` is called for each before it returns. */
  cut(listener: number): number;
  /** Connections between `accepted` and `ended`. */
  readonly active: number;
  /** `ip:port` or `[ip]:port` of a connection's client, from `accepted` until within `ended`, also after a reset. */
  clientAddress(connection: number): string;
  shortages(): Shortages;
  /** stopAccepting(), cut() all, free everything. The engine must not be used afterwards. */
  close(): void;
}

/** `targets`: how many targets there may be, ids 0 … targets − 1. */
export type CreateEngine = (policy: Policy, targets: number) => Engine;
