// The native engine's addon: where it is, what it offers, and whether it belongs to this version.

import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Engine } from './engine.ts';

/** PROTOCOL in native/addon.c. */
const PROTOCOL = 19;

/** What native/addon.c makes. */
export interface NativeEngine extends Pick<
  Engine,
  | 'bytes'
  | 'unroute'
  | 'take'
  | 'setClient'
  | 'decide'
  | 'stopAccepting'
  | 'clientAddress'
  | 'localAddress'
  | 'exhaustion'
  | 'quietFor'
  | 'close'
> {
  /** [end code or −1 for connected, connection] each. */
  readonly records: Int32Array;
  /** [bytes in, bytes out] of each record. */
  readonly relayed: Float64Array;
  /** [connection, listener] of each client that `accepted` asks about; the answer replaces the connection. */
  readonly clients: Int32Array;
  /** Sixteen bytes, of the client that clientIp() has found last. */
  readonly ip: Uint8Array;
  clientIp(connection: number): boolean;
  /** FIRST_BYTES_AT_MOST that are inspected, or a preamble; there when a listener or service needs it. */
  readonly scratch: Uint8Array;
  /** `sources` separated by commas. */
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
  /** The record, and up to six descriptors in the array, −1 behind them; or −1 − which of HANDOVER_REFUSALS. */
  release(connection: number, descriptors: Int32Array): Uint8Array | number;
  /** The connection, or −1 − which of HANDOVER_REFUSALS. */
  adopt(record: Uint8Array, descriptors: Int32Array, listener: number | undefined, target: number | undefined): number;
  /** `whose`: 0 a listener's, 1 a service's, 2 a target's, 3 the one with this id. */
  cut(whose: number, id: number): number;
}

/** What native/channel.c makes. */
export interface NativeChannel {
  /** Undefined: nobody is there, or it is not for us; null: not now, and nobody will be woken for it. */
  accept(wake: () => void): NativeChannel | undefined | null;
  /** 0: sent, 1: full, 2: over, 3: too long. */
  send(bytes: Uint8Array, descriptors: Int32Array): number;
  /** A length; 0: nothing is there, −1: it is over, −2: a message was torn. Up to six descriptors, −1 behind them. */
  receive(bytes: Uint8Array, descriptors: Int32Array): number;
  /** The pid of who has connected; 0: nobody knows. */
  peer(): number;
  close(): void;
}

/** What native/tcp-check.c makes. */
export interface NativeTcpChecks {
  /** Its number, or −errno. `source`: the address that it comes from, '': any. */
  start(ip: string, port: number, source: string): number;
  /** How many have ended; [number, 0 or errno] of each is in the array. */
  collect(results: Int32Array): number;
  /** One whose result has not been collected. */
  cancel(number: number): void;
  /** How many that were accepted have still to be closed. */
  sweep(): number;
  close(): void;
}

export interface Addon {
  readonly protocol: number;
  shareScoreboard(fd: number, row: number, rows: number): void;
  callWorker(row: number): void;
  mapShared(fd: number, offset: number, bytes: number): ArrayBuffer;
  /** `listens`: 1, else 0. Throws an Error with `code`. */
  openChannel(path: string, listens: number, wake: () => void): NativeChannel;
  /** `wake` is called as long as results wait to be collected. Throws an Error with `code`. */
  openTcpChecks(wake: () => void): NativeTcpChecks;
  ringError(): string;
  /** One datagram to a Unix socket, whose path begins with / or @. Never waits; throws an Error with `code`. */
  notify(path: string, text: string): void;
  /** Whether that child had ended and is no zombie any more. Of a child of Node's own it would steal the exit code. */
  reap(pid: number): boolean;
  /** Ends the process at once, whatever its threads do, with a code up to 255. */
  leave(code: number): never;
  /** The table of descriptors grows once, now, and not while connections come. */
  makeRoom(): void;
  create(
    accepted: (records: number, count: number) => void,
    failed: (records: number, connection: number, cause: number) => number,
    reported: (records: number) => void,
    inspected: (records: number, connection: number, bytes: number) => number,
    preamble: (records: number, connection: number) => number,
    called?: (records: number) => void,
  ): NativeEngine;
}

/** By file, each loaded once: every load has a loop of its own, and of two in one thread neither would sleep. */
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

/** BAL_NATIVE_ADDON, else beside the bundle (dist/), else where the unbundled tests (.build/) or sources run. */
function find(): string | null {
  const named = process.env['BAL_NATIVE_ADDON'];
  if (named !== undefined && named !== '') return named;
  const here = dirname(fileURLToPath(import.meta.url));
  const name = `bal-linux-${process.arch}.node`;
  const places = ['native', '../../../dist/native', '../../dist/native'];
  // One that is loaded is there, whatever has become of its file: an update may have removed it before the upgrade.
  const isThere = (path: string): boolean => addons.has(path) || existsSync(path);
  return places.map((place) => join(here, place, name)).find(isThere) ?? null;
}

function isAddon(value: unknown): value is Addon {
  return typeof value === 'object' && value !== null && 'protocol' in value && value.protocol === PROTOCOL;
}
