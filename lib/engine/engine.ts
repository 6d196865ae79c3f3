// The seam between what decides and what moves bytes. An engine accepts clients, asks the policy where each goes,
// connects, relays, times out and closes; it never chooses a backend. Two engines stand behind this seam, js.ts and
// native.ts, and contract.test.ts holds both to what is written here. All ids are small integers, so that the native
// engine's calls carry numbers only. They come and go as the caller likes, but not every number at once: tables are as
// long as the largest of them.
//
// Life of a connection, as the policy sees it:
//
//   accepted ─┬─► target ≥ 0 ──► (failed ──► target ≥ 0)* ──► connected ──► ended
//             ├─► INSPECT ──► (inspected ──► MORE)* ──► inspected ──► target, WAIT or REFUSE     (as from `accepted`)
//             ├─► WAIT … decide(connection, target, REFUSE or INSPECT)     (as from `accepted`)
//             └─► REFUSE ─────────────────────────────────────────────────► ended
//
// A connection belongs to its listener from the beginning, and to the service of the target that was named last from
// the first target on: the listener says what its socket inherits, the service how long to wait for what.
//
// What the engine ends by itself (idle, cut) it ends well: both sides get a FIN after what was passed on so far, and
// what the kernel has of it is delivered, also when this process is gone. Where bytes would be missing in the middle
// both get a reset, so that nobody takes half an answer for a whole one: bytes that the engine holds or that lie
// unread, and when it is cut also where more than 4 KiB have come from a side that has not ended, some within a second
// (js: two). Likewise a client without a backend. The native engine first passes on what can be passed on at once.
//
// Every `accepted` is followed by exactly one `ended`, after which the id may be used for another connection; unless
// the connection was released. Then the engine that adopts it calls `ended`.

import type { AdoptedFor, Adoption, Release, ReleasedConnection } from './handover.ts';

/** Instead of a target: close this client at once (with a reset, so that it cannot take it for a clean end). */
export const REFUSE = -1;
/** Instead of a target, but for decide(): hold the client, unread, until `decide` is called. */
export const WAIT = -2;
/** Instead of a target, from `accepted` or as WAIT's answer, of a listener with `inspect`: show the first bytes. */
export const INSPECT = -3;
/** Instead of a target, from `inspected` only: show the first bytes again, when there are more. */
export const MORE = -4;

/** What the policy is shown of a client's first bytes. The order is part of the native engine's protocol. */
export const INSPECTIONS = [
  'bytes', // so many so far
  'full', // as many as the listener allows: MORE would be REFUSE, unless some are taken
  'ended', // the client has ended: MORE would be REFUSE, unless some are taken
  'late', // the listener's time is over, also without a byte: MORE would be REFUSE, unless some are taken
] as const;
export type InspectionCode = 0 | 1 | 2 | 3;
/** Of first bytes that are inspected, and of a preamble. */
export const FIRST_BYTES_AT_MOST = 32 * 1024;

/** See Engine.route(). */
export const SOURCES_AT_MOST = 64;

/** Why connecting to a backend failed. The order is part of the native engine's protocol. */
export const CONNECT_FAILURES = ['refused', 'timeout', 'unreachable', 'reset', 'local', 'other'] as const;
/** `local` is our own exhaustion (descriptors, ports, memory): never held against a backend. */
export type ConnectFailure = (typeof CONNECT_FAILURES)[number];
export type ConnectFailureCode = 0 | 1 | 2 | 3 | 4 | 5;

/** How a connection ended. The order is part of the native engine's protocol. */
export const ENDS = [
  'client_closed', // both directions ended cleanly, the client's first
  'backend_closed', // … the backend's first; or the backend ended, and the client was silent for halfClosedMs
  'client_reset', // the client, once it had a backend, reset, vanished or its network failed; the backend gets a reset
  'backend_reset', // the backend reset, its network failed or it vanished; the client gets a reset
  'idle', // nothing moved in either direction for idleMs
  'cut', // closed by cut() or close()
  'client_gone', // the client went away before a backend was connected
  'refused', // the policy said REFUSE; it knows why
] as const;
export type EndCode = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7;

/**
 * The decisions. Called synchronously from the engine; must not throw, must not call back into the engine but for
 * clientAddress(), clientIp(), localAddress() and, within `inspected`, take() and setClient(); within `idle` anything.
 */
export interface Policy {
  /** A client was accepted on `listener`. Returns a target, REFUSE, WAIT or INSPECT. */
  accepted(connection: number, listener: number): number;
  /**
   * The first bytes that a client has sent: all that have come, again with each that come. They stay the client's, to
   * be relayed like any other, but for those that are taken. `bytes` is valid during the call only. Returns a target,
   * REFUSE, WAIT or MORE. Without it INSPECT is REFUSE.
   */
  inspected?(connection: number, bytes: Uint8Array, inspection: InspectionCode): number;
  /** Connecting to the target last named failed. Returns the next target, WAIT, or REFUSE to give up. */
  failed(connection: number, cause: ConnectFailureCode): number;
  /** The backend is connected; relaying begins. */
  connected(connection: number): void;
  /**
   * Of a service that has `preamble`: what the backend is sent before the client's first byte, and though the client
   * never sends one. Asked for the target last named, when it can be sent: right after `connected`, or a moment
   * earlier, and again for the next target, or when that was too early. The bytes are read before anything else is
   * asked. Not counted as relayed. Null: nothing. The connection is cut when it is longer than FIRST_BYTES_AT_MOST, for
   * the backend would take the client's bytes for it.
   */
  preamble?(connection: number): Uint8Array | null;
  /** Native engine only, see scoreboard.ts: another worker has called this one, once or more since the last time. */
  called?(): void;
  /**
   * The connection is over and the id free. Bytes are what was relayed: `bytesIn` client → backend, `bytesOut` backend
   * → client.
   */
  ended(connection: number, end: EndCode, bytesIn: number, bytesOut: number): void;
  /**
   * After stopAccepting(): no connection is left, or there was none, and none will come. Called once, after the last
   * `ended` and all that was going on then; not once the engine is closed. Whoever waits for the end need not ask.
   */
  idle?(): void;
}

export interface ListenerSettings {
  /** For listen(2); the kernel caps it at somaxconn. */
  readonly backlog: number;
  /** As of ServiceSettings, towards clients: the sockets of a listener's clients inherit it. */
  readonly keepaliveMs: number;
  /**
   * How many of a client's first bytes the policy may be shown, at most FIRST_BYTES_AT_MOST, and how long after INSPECT
   * it is asked a last time. Precision: early never, late by at most a second.
   */
  readonly inspect?: { readonly bytes: number; readonly ms: number };
}

/** What holds for a connection from its first target on, for as long as it leads to one of the service's. */
export interface ServiceSettings {
  /** For one attempt. */
  readonly connectTimeoutMs: number;
  /**
   * Counted from the last byte that moved in either direction, on a wire or through the engine: a reader that still
   * takes what the kernel has for it is not idle, one that has stopped is. Precision: early never, late by at most a
   * second or a tenth of it, whichever is more. (The js engine, on Linux only: see js/sweeper.ts.)
   */
  readonly idleMs: number;
  /**
   * Silence before TCP's first keepalive probe, towards the backend; 0: none are sent. Whole seconds count, at least
   * one. A peer that does not answer has vanished after six more probes, 10 s apart (js: ten, 1 s apart); one that
   * leaves bytes unanswered too, be it backend or client (js: only when TCP gives up, after a quarter of an hour). A
   * connection younger than 5 s has no probes towards its backend.
   */
  readonly keepaliveMs: number;
  /**
   * How long a silent client is kept after its backend has ended its direction and it has been told: from then, or the
   * last byte that moved after it. Bytes that wait for the backend are not those of a silent client. Precision as for
   * idleMs.
   */
  readonly halfClosedMs: number;
  /** The policy is asked for a preamble; see there. */
  readonly preamble?: boolean;
}

/** A bound, not yet closed listening socket as node:cluster hands it over: libuv's TCP handle. */
export interface BoundHandle {
  readonly fd: number;
  onconnection: ((status: number, client: unknown) => void) | null;
  listen(backlog: number): number;
  close(callback?: () => void): void;
}

/** What the engine had to give up because this machine ran short, by errno name: `accept EMFILE` → count. */
export type Exhaustion = Readonly<Record<string, number>>;

/** Connections: those that came over a listener, or those that lead to a target, or to one of a service's; or these. */
export type Whose =
  | { readonly listener: number }
  | { readonly service: number }
  | { readonly target: number }
  | { readonly connections: readonly number[] };

export interface Engine {
  readonly name: 'native' | 'js';
  /**
   * Bytes relayed so far, live: [2 × target] client → backend, [2 × target + 1] backend → client, from 0 on when a
   * target is routed that led nowhere. Written by the engine, read by whoever counts. To be taken from the engine each
   * time: route() may put a longer array in its place, and only that one is written from then on. Beyond its end
   * everything is 0.
   */
  readonly bytes: Float64Array;
  /**
   * Sets or replaces what holds for connections to the service's targets. Connections under way follow at once;
   * keepalive probes that have begun stay as they are.
   */
  service(service: number, settings: ServiceSettings): void;
  /**
   * Sets or replaces where `target` leads. Connections under way stay where they are. `ip` is a literal, or the path
   * of a Unix socket, whose port is 0. `sources` are
   * literals too, at most SOURCES_AT_MOST: addresses of this machine that are connected from, in turn; of those of
   * another family none is. Where none is left, or this machine has not got it, the attempt fails with 'local'. Throws
   * when there is no such service, or when the target is another service's: a target keeps its service until it is
   * retired.
   */
  route(target: number, service: number, ip: string, port: number, sources?: readonly string[]): void;
  /**
   * Retires a target: who names it from now on has `failed` with 'other'. Returns whether it leads nowhere now; false,
   * and nothing has changed, while a connection has it as its last one. So nobody counts bytes for a target that is
   * gone, and its id may be routed anew.
   */
  unroute(target: number): boolean;
  /**
   * Takes over the handle and accepts on it from now on. Throws an Error with `code` (EADDRINUSE, …) when listen(2)
   * fails; the handle is then closed. `listener` is any small integer not in use.
   */
  listen(listener: number, handle: BoundHandle, settings: ListenerSettings): void;
  /**
   * Within `inspected`, of the connection that it is about: takes away the first of the bytes that it was shown. They
   * are not relayed and not counted. Throws when there are not so many.
   */
  take(connection: number, bytes: number): void;
  /**
   * Within `inspected`, of the connection that it is about: from now on clientAddress() says this, which is also handed
   * over. For a proxy that says whom it stands for. Throws when `ip` is no literal.
   */
  setClient(connection: number, ip: string, port: number): void;
  /** Answers WAIT: a target, REFUSE or INSPECT. Must be called outside the policy's callbacks. */
  decide(connection: number, target: number): void;
  /** Stops accepting on all listeners and closes this process's copies of their sockets; connections go on. */
  stopAccepting(): void;
  /**
   * Ends these connections and returns how many were cut by it; `ended` is called for each before it returns. One that
   * has no target yet is its listener's only.
   */
  cut(whose: Whose): number;
  /** Ms since a byte moved in it; 0: one just has, or release() would refuse it. Outside the policy's callbacks. */
  quietFor(connection: number): number;
  /**
   * Gives up a connection that is connected, as it is in this moment and without a byte lost: both descriptors and all
   * that is known of it are the caller's, its id is free, and `ended` is not called for it: the policy has to be told
   * by whoever asked. What it moved so far stays in `bytes`. Must be called outside the policy's callbacks.
   */
  release(connection: number): Release;
  /**
   * Goes on with a connection that was released, under a new id: what is held first, times and ends as they were, and
   * then exactly one `ended`, with the bytes of its whole life; `bytes` counts what is moved here. The target must lead
   * somewhere; the listener need not exist. When it is refused the descriptors are still the caller's, else they are
   * the engine's. The policy is not asked. Must be called outside the policy's callbacks.
   */
  adopt(released: ReleasedConnection, as?: AdoptedFor): Adoption;
  /** Connections between `accepted`, or adopt(), and `ended`, or release(). */
  readonly active: number;
  /** A client: `ip:port`, `[ip]:port` or `unix`, from `accepted` until within `ended`, also after a reset. */
  clientAddress(connection: number): string;
  /** The IP of the same: sixteen bytes, IPv4 as IPv4 in IPv6, valid until the next call; null: nothing is known. */
  clientIp(connection: number): Uint8Array | null;
  /** Likewise, of the address that the client has connected to, while the connection lives: asked of the system. */
  localAddress(connection: number): string;
  exhaustion(): Exhaustion;
  /** stopAccepting(), cut() all, free everything. The engine must not be used afterwards. */
  close(): void;
}

export type CreateEngine = (policy: Policy) => Engine;
