// The native engine: implements engine.ts on top of the addon. The addon asks with numbers. It writes events that need
// no answer into `records`, which are read here, in order, before the question that came with them.

import { loadAddon } from './addon.ts';
import { askedOf } from './asked.ts';
import type { Addon, NativeEngine } from './addon.ts';
import type { Channels } from './channel.ts';
import { channelsOf } from './channel.ts';
import { boardOf } from './board.ts';
import type { Board } from './scoreboard.ts';
import { CONNECT_FAILURES, ENDS, FIRST_BYTES_AT_MOST, INSPECTIONS, REFUSE } from './engine.ts';
import { HANDOVER_REFUSALS } from './handover.ts';
import type { HandoverRefusal } from './handover.ts';
import { IdleEvent } from './idle-event.ts';
import type { ConnectFailureCode, CreateEngine, EndCode, Engine, InspectionCode, Policy, Whose } from './engine.ts';

export type NativeLoad =
  | {
      readonly ok: true;
      readonly create: CreateEngine;
      /**
       * Shares the scoreboard in `fd` so that clients are balanced between the workers, see scoreboard.ts. Throws an
       * Error with `code`.
       */
      readonly shareScoreboard: (fd: number, row: number, rows: number) => void;
      /** Maps the memory after the rows; call it after shareScoreboard(). Throws likewise. */
      readonly openBoard: (fd: number, row: number, counts?: boolean) => Board;
      /** Channels to other workers, for connections that are handed over. */
      readonly channels: Channels;
      /** Makes room for many descriptors. */
      readonly makeRoom: () => void;
      /** The name of the errno that prevents sending small messages together through an io_uring; null: none. */
      readonly ringError: () => string | null;
    }
  | { readonly ok: false; readonly reason: string };

/** `reason` completes "the native engine is not used: …". */
export function loadNativeEngine(): NativeLoad {
  const loaded = loadAddon();
  if (!loaded.ok) return loaded;
  const { addon } = loaded;
  return {
    ok: true,
    create: (policy) => over(addon, policy),
    shareScoreboard: (fd, row, rows) => addon.shareScoreboard(fd, row, rows),
    openBoard: (fd, row, counts = false) => boardOf(addon, fd, row, counts),
    channels: channelsOf(addon),
    makeRoom: () => addon.makeRoom(),
    ringError: () => addon.ringError() || null,
  };
}

/** A policy must not throw. If it does, the engine continues and the error becomes uncaught, as in a timer. */
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

function isInspection(code: number): code is InspectionCode {
  return code >= 0 && code < INSPECTIONS.length;
}

/** Decodes a refusal, which the addon returns as a negative number. */
function refusal(code: number): { ok: false; why: HandoverRefusal } {
  return { ok: false, why: HANDOVER_REFUSALS[-1 - code] ?? 'malformed' };
}

function cut(native: NativeEngine, whose: Whose): number {
  if ('listener' in whose) return native.cut(0, whose.listener);
  if ('connections' in whose) return whose.connections.reduce((sum, id) => sum + native.cut(3, id), 0);
  return 'service' in whose ? native.cut(1, whose.service) : native.cut(2, whose.target);
}

function over(addon: Addon, policy: Policy): Engine {
  let active = 0;
  let closed = false;
  /** Descriptors of the connection being released: two, and two per pipe. */
  const descriptors = new Int32Array(6);
  const idle = new IdleEvent(policy, () => active);
  /** The first bytes that the policy was shown last. */
  let shown: Uint8Array = new Uint8Array(0);

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
    if (active === 0) idle.look();
  }

  function decide(connection: number, listener: number): number {
    try {
      return policy.accepted(connection, listener);
    } catch (error) {
      report(error);
      return REFUSE;
    }
  }

  function accepted(count: number, asking: number, known: number): void {
    if (count > 0) read(count);
    active += asking;
    for (let place = 0; place < asking; place++) {
      const connection = clients[2 * place] ?? 0;
      asked.accepted(connection, place, known);
      clients[2 * place] = decide(connection, clients[2 * place + 1] ?? 0);
    }
    asked.answered();
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

  /** `bytes`: 4 × their number + the index into INSPECTIONS. */
  function inspected(count: number, connection: number, bytes: number): number {
    if (count > 0) read(count);
    const inspection = bytes % 4;
    const length = (bytes - inspection) / 4;
    // Most clients of a listener send as many bytes as the one before.
    if (shown.length !== length) shown = native.scratch.subarray(0, length);
    asked.inspected(connection);
    try {
      return policy.inspected?.(connection, shown, isInspection(inspection) ? inspection : 0) ?? REFUSE;
    } catch (error) {
      report(error);
      return REFUSE;
    } finally {
      asked.answered();
    }
  }

  function preamble(count: number, connection: number): number {
    if (count > 0) read(count);
    asked.told(connection);
    try {
      const bytes = policy.preamble?.(connection) ?? null;
      if (bytes === null) return 0;
      if (bytes.length > FIRST_BYTES_AT_MOST) return -1;
      native.scratch.set(bytes);
      return bytes.length;
    } catch (error) {
      report(error);
      return -1;
    } finally {
      asked.answered();
    }
  }

  function called(count: number): void {
    if (count > 0) read(count);
    try {
      policy.called?.();
    } catch (error) {
      report(error);
    }
  }

  const native = addon.create(
    accepted,
    failed,
    read,
    inspected,
    preamble,
    policy.called === undefined ? undefined : called,
  );
  const { records, relayed, clients } = native;
  const asked = askedOf(native);
  return {
    name: 'native',
    get bytes() {
      return native.bytes;
    },
    get active() {
      return active;
    },
    service(service, { connectTimeoutMs, idleMs, keepaliveMs, halfClosedMs, preamble: asks = false }) {
      native.service(service, connectTimeoutMs, idleMs, keepaliveMs, halfClosedMs, asks ? 1 : 0);
    },
    route(target, service, ip, port, sources = []) {
      native.route(target, service, ip, port, sources.join(','));
    },
    unroute: (target) => native.unroute(target),
    listen(listener, handle, { backlog, keepaliveMs, inspect }) {
      try {
        native.listen(listener, handle.fd, backlog, keepaliveMs, inspect?.bytes ?? 0, inspect?.ms ?? 0);
        idle.accepting();
      } finally {
        handle.close(); // the addon has its own descriptor of the same socket
      }
    },
    take: (connection, bytes) => asked.take(connection, bytes),
    decide: (connection, target) => native.decide(connection, target),
    stopAccepting() {
      native.stopAccepting();
      idle.stopped();
    },
    cut: (whose) => cut(native, whose),
    clientAddress: (connection) => asked.clientAddress(connection),
    clientIp: (connection) => asked.clientIp(connection),
    ends: (connection) => asked.ends(connection),
    setClient: (connection, ip, port) => asked.setClient(connection, ip, port),
    exhaustion: () => native.exhaustion(),
    quietFor: (connection) => native.quietFor(connection),
    release(connection) {
      const record = native.release(connection, descriptors);
      if (typeof record === 'number') return refusal(record);
      active--;
      if (active === 0) idle.look();
      return { ok: true, released: { record, descriptors: [...descriptors].filter((fd) => fd >= 0) } };
    },
    adopt({ record, descriptors: given }, { listener, target } = {}) {
      const connection = native.adopt(record, Int32Array.from(given), listener, target);
      if (connection < 0) return refusal(connection);
      active++;
      idle.begun();
      return { ok: true, connection };
    },
    close() {
      idle.closed();
      if (!closed) native.close();
      closed = true;
    },
  };
}
