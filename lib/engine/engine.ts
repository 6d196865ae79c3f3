// The interface between the policy, which decides, and an engine, which moves bytes. An engine accepts clients, asks
// the policy where each goes, connects, relays, times out and closes; it never chooses a backend. There are two
// engines, js.ts and native.ts; contract.test.ts tests both against this file. All ids are small integers, so that the
// native engine's calls carry only numbers. Callers may use and drop ids freely, but must keep them small: tables are
// as long as the largest id.
//
// Life of a connection, as the policy sees it:
//
//   accepted ─┬─► target ≥ 0 ──► (failed ──► target ≥ 0)* ──► connected ──► ended
//             ├─► INSPECT ──► (inspected ──► MORE)* ──► inspected ──► target, WAIT or REFUSE     (as from `accepted`)
//             ├─► WAIT … decide(connection, target, REFUSE or INSPECT)     (as from `accepted`)
//             └─► REFUSE ─────────────────────────────────────────────────► ended
//
// A connection always belongs to its listener. From its first target on it also belongs to the service of the target
// that was named last. The listener says what its socket inherits, the service how long to wait for what.
//
// Connections that the engine itself ends (idle, cut) end cleanly: both sides get a FIN after what was passed on so
// far, and the kernel delivers what it has, even after this process is gone. Where bytes would be missing in the
// middle, both sides get a reset, so that neither takes half an answer for a whole one: when the engine holds bytes,
// when bytes lie unread, and on a cut also when more than 4 KiB have come from a side that has not ended, some of them
// within a second (js: two). A client without a backend also gets a reset. The native engine first passes on what it
// can at once.
//
// Every `accepted` is followed by exactly one `ended`, after which the id may be reused, unless the connection was
// released. Then the engine that adopts it calls `ended`.

import type { Ends } from './ends.ts';
import type { AdoptedFor, Adoption, Release, ReleasedConnection } from './handover.ts';

/** Instead of a target: close this client at once, with a reset, so that it cannot take it for a clean end. */
export const REFUSE = -1;
/** Instead of a target, except in decide(): hold the client, unread, until decide() is called. */
export const WAIT = -2;
/** Instead of a target, from `accepted` or decide(), on a listener with `inspect`: show the first bytes. */
export const INSPECT = -3;
/** Instead of a target, from `inspected` only: show the first bytes again when there are more. */
export const MORE = -4;

/** Why the policy is shown a client's first bytes. The order is part of the native engine's protocol. */
export const INSPECTIONS = [
  'bytes', // some bytes have come
  'full', // as many as the listener allows: MORE means REFUSE, unless some are taken
  'ended', // the client has ended: MORE means REFUSE, unless some are taken
  'late', // the listener's time is up, perhaps without a byte: MORE means REFUSE, unless some are taken
] as const;
export type InspectionCode = 0 | 1 | 2 | 3;
/** Limit for inspected first bytes and for a preamble. */
export const FIRST_BYTES_AT_MOST = 32 * 1024;

/** Why connecting to a backend failed. The order is part of the native engine's protocol. */
export const CONNECT_FAILURES = ['refused', 'timeout', 'unreachable', 'reset', 'local', 'other'] as const;
/** `local` is exhaustion on this machine (descriptors, ports, memory). It is never held against a backend. */
export type ConnectFailure = (typeof CONNECT_FAILURES)[number];
export type ConnectFailureCode = 0 | 1 | 2 | 3 | 4 | 5;

/** How a connection ended. The order is part of the native engine's protocol. */
export const ENDS = [
  'client_closed', // both directions ended cleanly, the client's first
  'backend_closed', // … the backend's first; or the backend ended and the client was silent for halfClosedMs
  'client_reset', // the client had a backend and reset, vanished or its network failed; the backend gets a reset
  'backend_reset', // the backend reset, vanished or its network failed; the client gets a reset
  'idle', // nothing moved in either direction for idleMs
  'cut', // closed by cut() or close()
  'client_gone', // the client went away before a backend was connected
  'refused', // the policy said REFUSE and knows why
] as const;
export type EndCode = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7;

/**
 * The decisions. The engine calls them synchronously. They must not throw, and must not call the engine except for
 * clientAddress(), clientIp() and, in `inspected`, take() and setClient(), in `preamble`, ends(). `idle` may call
 * anything.
 */
export interface Policy {
  /** A client was accepted on `listener`. Returns a target, REFUSE, WAIT or INSPECT. */
  accepted(connection: number, listener: number): number;
  /**
   * Shows all first bytes that a client has sent so far, again each time more come. They are relayed like any others,
   * except those that are taken. `bytes` is valid only during the call. Returns a target, REFUSE, WAIT or MORE. Without
   * this callback INSPECT means REFUSE.
   */
  inspected?(connection: number, bytes: Uint8Array, inspection: InspectionCode): number;
  /** Connecting to the last target failed. Returns the next target, WAIT, or REFUSE to give up. */
  failed(connection: number, cause: ConnectFailureCode): number;
  /** The backend is connected; relaying begins. */
  connected(connection: number): void;
  /**
   * For services with `preamble`: returns what the backend gets before the client's first byte, even if the client
   * never sends one. Called for the last target when it can be sent: right after `connected`, or a moment earlier, and
   * again for the next target or if that was too early. The bytes are read before the engine asks anything else. They
   * are not counted as relayed. Null: nothing. A preamble longer than FIRST_BYTES_AT_MOST cuts the connection, because
   * the backend would take the client's bytes for it.
   */
  preamble?(connection: number): Uint8Array | null;
  /** Native engine only, see scoreboard.ts: another worker has called this one, once or more since the last time. */
  called?(): void;
  /**
   * The connection is over and its id free. The byte counts are of relayed bytes: `bytesIn` client → backend,
   * `bytesOut` backend → client.
   */
  ended(connection: number, end: EndCode, bytesIn: number, bytesOut: number): void;
  /**
   * After stopAccepting(): no connection is left and none will come. Called once, after the last `ended` and everything
   * that was going on then; not after close(). So nobody needs to poll for the end.
   */
  idle?(): void;
}

export interface ListenerSettings {
  /** For listen(2). The kernel caps it at somaxconn. */
  readonly backlog: number;
  /** As in ServiceSettings, towards clients. The sockets of a listener's clients inherit it. */
  readonly keepaliveMs: number;
  /**
   * How many of a client's first bytes the policy may be shown, at most FIRST_BYTES_AT_MOST, and how long after INSPECT
   * it is asked for the last time: never early, at most a second late.
   */
  readonly inspect?: { readonly bytes: number; readonly ms: number };
}

/** Settings for a connection from its first target on, while its target belongs to the service. */
export interface ServiceSettings {
  /** Limit for one attempt. */
  readonly connectTimeoutMs: number;
  /**
   * Counted from the last byte that moved in either direction, on the wire or through the engine: a reader that still
   * takes bytes from the kernel is not idle, one that has stopped is. Never early, and late by at most a second or a
   * tenth of it, whichever is more. (js engine: on Linux only, see js/sweeper.ts.)
   */
  readonly idleMs: number;
  /**
   * Silence before TCP's first keepalive probe to the backend; 0: no probes. Rounded up to whole seconds. A peer that
   * does not answer counts as vanished after six more probes, 10 s apart (js: ten, 1 s apart). So does a peer, backend
   * or client, that leaves bytes unacknowledged (js: only when TCP gives up, after a quarter of an hour). A connection
   * younger than 5 s sends its backend no probes.
   */
  readonly keepaliveMs: number;
  /**
   * How long a silent client is kept after its backend has ended and the client was told, counted from then or from the
   * last byte that moved later. While bytes for the backend wait, the client is not silent. Precision as for idleMs.
   */
  readonly halfClosedMs: number;
  /** The policy is asked for a preamble; see Policy.preamble(). */
  readonly preamble?: boolean;
}

/** A bound listening socket, not yet closed, as node:cluster passes it: libuv's TCP handle. */
export interface BoundHandle {
  readonly fd: number;
  onconnection: ((status: number, client: unknown) => void) | null;
  listen(backlog: number): number;
  close(callback?: () => void): void;
}

/** What the engine gave up because the machine ran short, by call and errno: `accept EMFILE` → count. */
export type Exhaustion = Readonly<Record<string, number>>;

/** Selects connections: those of a listener, those of a service's targets, those of a target, or these. */
export type Whose =
  | { readonly listener: number }
  | { readonly service: number }
  | { readonly target: number }
  | { readonly connections: readonly number[] };

export interface Engine {
  readonly name: 'native' | 'js';
  /**
   * Bytes relayed so far, live: [2 × target] client → backend, [2 × target + 1] backend → client, from 0 when a target
   * without a route gets one. Written by the engine. Read it from the engine each time: route() may replace it with a
   * longer array, and only that one is written from then on. Beyond its end everything is 0.
   */
  readonly bytes: Float64Array;
  /**
   * Sets or replaces the settings for connections to the service's targets. Existing connections follow at once, but
   * keepalive probes that have begun stay as they are.
   */
  service(service: number, settings: ServiceSettings): void;
  /**
   * Sets or replaces the route of `target`. Existing connections stay where they are. `ip` is a literal, or the path of
   * a Unix socket with port 0. `sources` are literals too, at most 64: addresses of this machine to
   * connect from, in turn, skipping those of another family. If none is left, or this machine does not have it, the
   * attempt fails with 'local'. Throws if there is no such service or the target belongs to another one: a target keeps
   * its service until it is retired.
   */
  route(target: number, service: number, ip: string, port: number, sources?: readonly string[]): void;
  /**
   * Retires a target: naming it from now on fails with 'other'. Returns whether it has no route now. False without a
   * change while it is the last target of any connection, so that no bytes are counted for a retired target and its id
   * can be reused.
   */
  unroute(target: number): boolean;
  /**
   * Takes over the handle and accepts on it from now on. Throws an Error with `code` (EADDRINUSE, …) when listen(2)
   * fails; the handle is closed then. `listener` is any small integer not in use.
   */
  listen(listener: number, handle: BoundHandle, settings: ListenerSettings): void;
  /**
   * In `inspected`, for its connection: takes away the first of the bytes shown. They are neither relayed nor counted.
   * Throws when there are fewer.
   */
  take(connection: number, bytes: number): void;
  /**
   * In `inspected`, for its connection: sets what clientAddress() returns from now on, also after a handover. For a
   * proxy that names its own client. `ip` is as from clientIp(); throws when it has not sixteen bytes.
   */
  setClient(connection: number, ip: Uint8Array, port: number): void;
  /** Answers WAIT with a target, REFUSE or INSPECT. Must be called outside the policy's callbacks. */
  decide(connection: number, target: number): void;
  /** Stops accepting on all listeners and closes this process's copies of their sockets. Connections go on. */
  stopAccepting(): void;
  /**
   * Ends these connections and returns how many it cut. Calls `ended` for each before it returns. A connection without
   * a target only belongs to its listener.
   */
  cut(whose: Whose): number;
  /** Ms since a byte moved; 0 also if release() would refuse. Must be called outside the policy's callbacks. */
  quietFor(connection: number): number;
  /**
   * Gives up an open connection as it is right now, without losing a byte. Both descriptors and its whole state become
   * the caller's and its id is free. `ended` is not called, so the caller must tell the policy. The bytes it moved so
   * far stay in `bytes`. Must be called outside the policy's callbacks.
   */
  release(connection: number): Release;
  /**
   * Continues a released connection under a new id: held bytes first, deadlines and FINs as they were. One `ended`
   * follows, with the bytes of its whole life; `bytes` counts only what is moved here. The target must have a route,
   * the listener need not exist. If it is refused the caller still owns the descriptors, else the engine does. The
   * policy is not asked. Must be called outside the policy's callbacks.
   */
  adopt(released: ReleasedConnection, as?: AdoptedFor): Adoption;
  /** Connections between `accepted` or adopt() and `ended` or release(). */
  readonly active: number;
  /** The client as `ip:port`, `[ip]:port` or `unix`, from `accepted` to the end of `ended`, even after a reset. */
  clientAddress(connection: number): string;
  /** The client's IP in sixteen bytes, IPv4 mapped to IPv6, valid until the next call; null: unknown. */
  clientIp(connection: number): Uint8Array | null;
  /** In `preamble`, for its connection: the client, and the address that it connected to. Valid until the next call. */
  ends(connection: number): Ends;
  exhaustion(): Exhaustion;
  /** Stops accepting, cuts all connections and frees everything. The engine must not be used afterwards. */
  close(): void;
}

export type CreateEngine = (policy: Policy) => Engine;
