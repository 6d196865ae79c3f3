// The native engine: finds the addon built from native/ and puts the seam over it. The addon asks with numbers and
// writes what needs no answer into `records`, which are read here, in order, before the question that came with them.
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { CONNECT_FAILURES, ENDS, REFUSE } from './engine.ts';
import type { ConnectFailureCode, CreateEngine, EndCode, Engine, Policy, Whose } from './engine.ts';

/** PROTOCOL in native/addon.c. */
const PROTOCOL = 9;

/** What native/addon.c makes. */
interface NativeEngine extends Pick<
  Engine,
  'bytes' | 'route' | 'unroute' | 'decide' | 'stopAccepting' | 'clientAddress' | 'exhaustion' | 'close'
> {
  /** [end code or −1 for connected, connection] each. */
  readonly records: Int32Array;
  /** [bytes in, bytes out] of each record. */
  readonly relayed: Float64Array;
  /** [connection, listener] of each client that `accepted` asks about; the answer replaces the connection. */
  readonly clients: Int32Array;
  service(service: number, connectTimeoutMs: number, idleMs: number, keepaliveMs: number, halfClosedMs: number): void;
  listen(listener: number, fd: number, backlog: number, keepaliveMs: number): void;
  /** `whose`: 0 a listener's, 1 a service's, 2 a target's. */
  cut(whose: number, id: number): number;
}

interface Addon {
  readonly protocol: number;
  shareScoreboard(fd: number, row: number, rows: number): void;
  ringError(): string;
  create(
    accepted: (records: number, count: number) => void,
    failed: (records: number, connection: number, cause: number) => number,
    told: (records: number) => void,
  ): NativeEngine;
}

/** By file, each loaded once: every load has a loop of its own, and of two in one thread neither would sleep. */
const addons = new Map<string, Addon>();

export type NativeLoad =
  | {
      readonly ok: true;
      readonly create: CreateEngine;
      /**
       * Deals clients out by what the workers see of each other in the file `fd`, see scoreboard.ts. Throws an Error
       * with `code`.
       */
      readonly shareScoreboard: (fd: number, row: number, rows: number) => void;
      /** The name of the errno for which small messages are not sent together through an io_uring; null: they are. */
      readonly ringError: () => string | null;
    }
  | { readonly ok: false; readonly reason: string };

/** Loads the addon. `reason` completes "the native engine is not used: …". */
export function loadNativeEngine(): NativeLoad {
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
  return {
    ok: true,
    create: (policy) => over(addon, policy),
    shareScoreboard: (fd, row, rows) => addon.shareScoreboard(fd, row, rows),
    ringError: () => addon.ringError() || null,
  };
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
  return places.map((place) => join(here, place, name)).find((path) => existsSync(path)) ?? null;
}

function isAddon(value: unknown): value is Addon {
  return typeof value === 'object' && value !== null && 'protocol' in value && value.protocol === PROTOCOL;
}

/** A policy must not throw; if it does, the engine goes on and the error is as uncaught as in a timer. */
function report(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}

function isEnd(code: number | undefined): code is EndCode {
  return code !== undefined && code >= 0 && code < ENDS.length;
}

function isFailure(code: number): code is ConnectFailureCode {
  return code >= 0 && code < CONNECT_FAILURES.length;
}

function cut(native: NativeEngine, whose: Whose): number {
  if ('listener' in whose) return native.cut(0, whose.listener);
  return 'service' in whose ? native.cut(1, whose.service) : native.cut(2, whose.target);
}

function over(addon: Addon, policy: Policy): Engine {
  let active = 0;
  let closed = false;

  function read(count: number): void {
    for (let at = 0; at < 2 * count; at += 2) {
      const kind = records[at];
      const connection = records[at + 1] ?? 0;
      try {
        if (!isEnd(kind)) {
          policy.connected(connection);
        } else {
          active--;
          policy.ended(connection, kind, relayed[at] ?? 0, relayed[at + 1] ?? 0);
        }
      } catch (error) {
        report(error);
      }
    }
  }

  function decide(connection: number, listener: number): number {
    try {
      return policy.accepted(connection, listener);
    } catch (error) {
      report(error);
      return REFUSE;
    }
  }

  function accepted(count: number, asked: number): void {
    if (count > 0) read(count);
    active += asked;
    for (let at = 0; at < 2 * asked; at += 2) clients[at] = decide(clients[at] ?? 0, clients[at + 1] ?? 0);
  }

  function failed(count: number, connection: number, cause: number): number {
    if (count > 0) read(count);
    try {
      return policy.failed(connection, isFailure(cause) ? cause : 5);
    } catch (error) {
      report(error);
      return REFUSE;
    }
  }

  const native = addon.create(accepted, failed, read);
  const { records, relayed, clients } = native;
  return {
    name: 'native',
    get bytes() {
      return native.bytes;
    },
    get active() {
      return active;
    },
    service(service, { connectTimeoutMs, idleMs, keepaliveMs, halfClosedMs }) {
      native.service(service, connectTimeoutMs, idleMs, keepaliveMs, halfClosedMs);
    },
    route: (target, service, ip, port) => native.route(target, service, ip, port),
    unroute: (target) => native.unroute(target),
    listen(listener, handle, { backlog, keepaliveMs }) {
      try {
        native.listen(listener, handle.fd, backlog, keepaliveMs);
      } finally {
        handle.close(); // the addon has its own descriptor of the same socket
      }
    },
    decide: (connection, target) => native.decide(connection, target),
    stopAccepting: () => native.stopAccepting(),
    cut: (whose) => cut(native, whose),
    clientAddress: (connection) => native.clientAddress(connection),
    exhaustion: () => native.exhaustion(),
    close() {
      if (!closed) native.close();
      closed = true;
    },
  };
}
