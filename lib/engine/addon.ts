// The native engine's addon: where to find it, its interface, and whether it matches this version.

import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Engine } from './engine.ts';

/** Same as PROTOCOL in native/addon.c. */
const PROTOCOL = 24;

/** An engine object, created by native/addon.c. */
export interface NativeEngine extends Pick<
  Engine,
  'bytes' | 'unroute' | 'decide' | 'stopAccepting' | 'clientAddress' | 'exhaustion' | 'quietFor' | 'close'
> {
  /** [end code or −1 for connected, connection] for each record. */
  readonly records: Int32Array;
  /** [bytes in, bytes out] for each record. */
  readonly relayed: Float64Array;
  /** [connection, listener] of each client that `accepted` asks about; the answer replaces the connection. */
  readonly clients: Int32Array;
  /**
   * Sixteen bytes for each client that `accepted` asks about, the first also for who an inspected client stands for;
   * then the result of the last clientIp(), and both ends of the client that `preamble` is asked about, itself first.
   */
  readonly ips: Uint8Array;
  clientIp(connection: number): boolean;
  /**
   * While `inspected` is asked: the bytes shown and not taken, the bytes taken, and 1 + the port of the client whose
   * address the policy has set. While `preamble` is asked: 1 + the ports of both ends, 0 for one that is not known. See
   * asked.ts.
   */
  readonly first: Int32Array;
  /** Sets that address now, not only when `inspected` is answered. */
  standFor(): void;
  /** FIRST_BYTES_AT_MOST bytes for inspection or a preamble. Exists once a listener or service needs it. */
  readonly scratch: Uint8Array;
  /** `sources` is comma-separated. */
  route(target: number, service: number, ip: string, port: number, sources: string): void;
  service(
    service: number,
    connectTimeoutMs: number,
    idleMs: number,
    keepaliveMs: number,
    halfClosedMs: number,
    preamble: number,
  ): void;
  listen(
    listener: number,
    fd: number,
    backlog: number,
    keepaliveMs: number,
    inspectBytes: number,
    inspectMs: number,
  ): void;
  /** Returns the record, with up to six descriptors in the array padded with −1; or −1 − index in HANDOVER_REFUSALS. */
  release(connection: number, descriptors: Int32Array): Uint8Array | number;
  /** Returns the connection, or −1 − index in HANDOVER_REFUSALS. */
  adopt(record: Uint8Array, descriptors: Int32Array, listener: number | undefined, target: number | undefined): number;
  /** `whose`: 0 a listener's, 1 a service's, 2 a target's, 3 the connection with this id. */
  cut(whose: number, id: number): number;
}

/** A channel object, created by native/channel.c. */
export interface NativeChannel {
  /** Undefined: no peer, or not one of ours; null: no descriptor left. `wake` is not called for that peer then. */
  accept(wake: () => void): NativeChannel | undefined | null;
  /** 0: sent, 1: full, 2: over, 3: too long, or a descriptor is not open. */
  send(bytes: Uint8Array, descriptors: Int32Array): number;
  /** A length; 0: nothing there, −1: over, −2: a message was torn. Up to six descriptors, padded with −1. */
  receive(bytes: Uint8Array, descriptors: Int32Array): number;
  /** The peer's pid; 0: unknown. */
  peer(): number;
  close(): void;
}

/** A checks object, created by native/tcp-check.c. */
export interface NativeTcpChecks {
  /** Returns the check's number, 65536 if it was accepted at once, or −errno. `source`: source address, '' for any. */
  start(ip: string, port: number, source: string): number;
  /** Returns how many have ended, with [number, 0 or errno] of each in the array. */
  collect(results: Int32Array): number;
  /** Cancels a check whose result has not been collected. */
  cancel(number: number): void;
  /** Returns how many accepted ones are not closed yet. */
  sweep(): number;
  close(): void;
}

/** A rounds object, created by native/tcp-rounds.c. */
export interface NativeTcpRounds {
  /** Returns the seat of a check that repeats, or −errno. Whole ms: until the first one, between two, for each. */
  begin(ip: string, port: number, inMs: number, periodMs: number, timeoutMs: number): number;
  end(seat: number): void;
  /** A client's connect that began so many µs ago has succeeded: it replaces checks for a period. */
  reached(seat: number, usAgo: number): void;
  /** Returns 1 if a check is under way: it will be the last one, and `wake` is called when it is over. Else 0. */
  last(seat: number): number;
  /**
   * Returns the number of rows in the array: [seat, passes, µs since the last of them began, 0], with −1 at the end if
   * the last one has passed, or [seat, 0, µs since it began, errno] when it has not. Both end it. With −2 at the end,
   * clients' connects have replaced so many checks, and the last of those began then.
   */
  collect(results: Int32Array): number;
  close(): void;
}

export interface Addon {
  readonly protocol: number;
  shareScoreboard(fd: number, row: number, rows: number): void;
  callWorker(row: number): void;
  mapShared(fd: number, offset: number, bytes: number): ArrayBuffer;
  /** `listens`: 1, else 0. Throws an Error with `code`. */
  openChannel(path: string, listens: number, wake: () => void): NativeChannel;
  /** Calls `wake` as long as results wait to be collected. Throws an Error with `code`. */
  openTcpChecks(wake: () => void): NativeTcpChecks;
  /** Calls `wake` when a check has not passed or was the last one. Throws an Error with `code`. */
  openTcpRounds(wake: () => void): NativeTcpRounds;
  ringError(): string;
  /** Sends one datagram to a Unix socket, whose path begins with / or @. Never blocks; throws an Error with `code`. */
  notify(path: string, text: string): void;
  /** Whether that child had exited and its zombie is now gone. On Node's own children it would steal the exit code. */
  reap(pid: number): boolean;
  /** Ends the process at once, whatever its threads are doing. `code` is at most 255. */
  leave(code: number): never;
  /** Enlarges the descriptor table now, so that it does not grow while connections come. */
  makeRoom(): void;
  create(
    accepted: (records: number, count: number, known: number) => void,
    failed: (records: number, connection: number, cause: number) => number,
    reported: (records: number) => void,
    inspected: (records: number, connection: number, bytes: number) => number,
    preamble: (records: number, connection: number) => number,
    called?: (records: number) => void,
  ): NativeEngine;
}

/** By file, loaded once each. Every load would have a loop of its own, and of two in one thread neither could sleep. */
const addons = new Map<string, Addon>();

type AddonLoad = { readonly ok: true; readonly addon: Addon } | { readonly ok: false; readonly reason: string };

/** `reason` completes "the native engine is not used: …". */
export function loadAddon(): AddonLoad {
  if (process.platform !== 'linux') return { ok: false, reason: `it is for Linux, this is ${process.platform}` };
  const file = find();
  if (file === null) {
    return { ok: false, reason: `there is no addon for linux-${process.arch}; 'npm run build:native' builds it` };
  }
  let addon: unknown = addons.get(file);
  try {
    addon ??= open(file);
  } catch (error) {
    return { ok: false, reason: `${file} cannot be loaded: ${error instanceof Error ? error.message : String(error)}` };
  }
  if (!isAddon(addon)) {
    return { ok: false, reason: `${file} belongs to another version; 'npm run build:native' builds it anew` };
  }
  addons.set(file, addon);
  return { ok: true, addon };
}

function open(file: string): unknown {
  const module: { exports: unknown } = { exports: {} };
  process.dlopen(module, file, constants.dlopen.RTLD_NOW);
  return module.exports;
}

/** BAL_NATIVE_ADDON, else next to the bundle (dist/), else where unbundled tests (.build/) or sources run. */
function find(): string | null {
  const named = process.env['BAL_NATIVE_ADDON'];
  if (named !== undefined && named !== '') return named;
  const here = dirname(fileURLToPath(import.meta.url));
  const name = `bal-linux-${process.arch}.node`;
  const places = ['native', '../../../dist/native', '../../dist/native'];
  // A loaded addon counts as present even if an update has removed its file before the upgrade.
  const isThere = (path: string): boolean => addons.has(path) || existsSync(path);
  return places.map((place) => join(here, place, name)).find(isThere) ?? null;
}

function isAddon(value: unknown): value is Addon {
  return typeof value === 'object' && value !== null && 'protocol' in value && value.protocol === PROTOCOL;
}
