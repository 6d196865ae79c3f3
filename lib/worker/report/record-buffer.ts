// Formats records as bytes ready for the pipe, one log line each, digit by digit into one buffer: built from strings they cost
// three times as much, mostly for the concatenation.

import { Buffer } from 'node:buffer';

import { MAX_RECORD_BYTES } from '../../ipc/records.ts';
import type { ConnectFailure } from '../../engine/engine.ts';
import type { Reason } from '../../ipc/reasons.ts';
import { FAILED, REASONS } from '../../ipc/reasons.ts';

/** Most failed attempts listed per record: more would not fit a line. */
export const MAX_TRIED = 16;
/** Fewer are listed if their names are longer than a configuration permits: another worker may have handed them over. */
const MAX_TRIED_BYTES = 6144;

export interface FailedTry {
  readonly backend: string;
  readonly cause: ConnectFailure;
}

export interface Ended {
  /** Plain ASCII, like the unique id: `ip:port`, or `unix`. The names may contain anything. */
  readonly client: string;
  readonly service: string;
  /** The endpoint it was connected to or was trying when it ended; null: none. */
  readonly backend: string | null;
  readonly attempts: number;
  /** The failed attempts in order, at most MAX_TRIED; null: none. */
  readonly tried: readonly FailedTry[] | null;
  /** The unique id sent to the backend; null: none. */
  readonly uniqueId: string | null;
  readonly connectMs: number | null;
  readonly durationMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly reason: Reason;
}

export interface RecordBuffer {
  /** Appends the line of a connection that ended at `now` (Date.now()). */
  add(ended: Ended, now: number): void;
  /** The next line may not fit. */
  readonly full: boolean;
  /** Lines in it. */
  readonly count: number;
  /** Returns all lines and empties the buffer; the bytes are the caller's. */
  take(): Buffer;
  /** Forgets the names of an endpoint that is gone. */
  forget(service: string, backend: string): void;
}

const SIZE = 128 * 1024;
const MAX_INT32 = 0x7fff_ffff;
const ZERO = 48;
const POINT = 46;

// Fields in the order of the log contract: timestamp, level, message, module, event, fields.
const HEAD = Buffer.from('{"timestamp":"2026-01-01T00:00:00.000Z","level":"');
const TIMESTAMP_AT = 14;
const MILLISECONDS_AT = TIMESTAMP_AT + '2026-01-01T00:00:00.'.length;
const CONNECT_MS = Buffer.from(',"connect_ms":');
const DURATION_MS = Buffer.from(',"duration_ms":');
const BYTES_IN = Buffer.from(',"bytes_in":');
const BYTES_OUT = Buffer.from(',"bytes_out":');
const NULL = Buffer.from('null');
const TRIED = Buffer.from(',"tried":[');

const levelToClient = byReason((reason) => {
  const level = FAILED.has(reason) ? 'WARN' : 'INFO';
  return `${level}","message":"connection ended: ${reason}","module":"connection","event":"connection.ended","fields":{"client":"`;
});
const reasonToEnd = byReason((reason) => `,"reason":"${reason}"}}\n`);

function byReason(text: (reason: Reason) => string): ReadonlyMap<Reason, Buffer> {
  return new Map(REASONS.map((reason) => [reason, Buffer.from(text(reason))]));
}

/** Writes three digits. */
function decimals(bytes: Buffer, at: number, value: number): void {
  bytes[at] = ZERO + ((value / 100) | 0);
  bytes[at + 1] = ZERO + (((value / 10) | 0) % 10);
  bytes[at + 2] = ZERO + (value % 10);
}

export function createRecordBuffer(): RecordBuffer {
  const bytes = Buffer.allocUnsafeSlow(SIZE);
  const head = Buffer.from(HEAD);
  let headSecond = NaN;
  let at = 0;
  let count = 0;
  /** By service and backend: the part of a line from the service up to the number of attempts. */
  const names = new Map<string, Map<string | null, Buffer>>();
  /** By backend: its name as JSON, in quotes. */
  const quoted = new Map<string, Buffer>();

  function piece(text: Buffer): void {
    bytes.set(text, at);
    at += text.length;
  }

  /** Formats the date once per second: once per millisecond would cost as much as the rest of the line. */
  function timestamp(now: number): void {
    const second = Math.floor(now / 1000);
    if (second !== headSecond) {
      headSecond = second;
      head.write(new Date(now).toISOString(), TIMESTAMP_AT, 'latin1');
    }
    decimals(head, MILLISECONDS_AT, now - second * 1000);
    piece(head);
  }

  function namesOf(service: string, backend: string | null): Buffer {
    let backends = names.get(service);
    if (backends === undefined) names.set(service, (backends = new Map()));
    let known = backends.get(backend);
    if (known === undefined) {
      known = Buffer.from(`","service":${JSON.stringify(service)},"backend":${JSON.stringify(backend)},"attempts":`);
      backends.set(backend, known);
    }
    return known;
  }

  function quote(backend: string): Buffer {
    let known = quoted.get(backend);
    if (known === undefined) quoted.set(backend, (known = Buffer.from(JSON.stringify(backend))));
    return known;
  }

  /** Writes plain ASCII. */
  function ascii(text: string): void {
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
  }

  /** Writes a non-negative integer. */
  function digits(value: number): void {
    if (value > MAX_INT32) return ascii(String(value));
    let length = 1;
    for (let power = 10; length < 10 && value >= power; power *= 10) length++;
    at += length;
    let rest = value | 0;
    for (let i = at - 1, left = length; left > 0; left--, i--) {
      const next = (rest / 10) | 0;
      bytes[i] = ZERO + rest - next * 10;
      rest = next;
    }
  }

  /** Writes a number with three decimals. */
  function milliseconds(value: number): void {
    const micros = Math.round(value * 1000);
    if (!(micros >= 0 && micros <= MAX_INT32)) return ascii(value.toFixed(3));
    const whole = (micros / 1000) | 0;
    const part = micros - whole * 1000;
    digits(whole);
    bytes[at++] = POINT;
    decimals(bytes, at, part);
    at += 3;
  }

  /** `total`: how many attempts failed. Most connections have none, so strings are cheap enough. */
  function failedTries(tried: readonly FailedTry[], total: number): void {
    const most = at + MAX_TRIED_BYTES;
    let listed = 0;
    piece(TRIED);
    for (const { backend, cause } of tried) {
      const name = quote(backend);
      if (at + name.length > most) break;
      ascii(listed++ === 0 ? '{"backend":' : ',{"backend":');
      piece(name);
      ascii(`,"cause":"${cause}"}`);
    }
    ascii(']');
    if (total > listed) ascii(`,"tried_more":${total - listed}`);
  }

  return {
    add(it, now) {
      timestamp(now);
      piece(levelToClient.get(it.reason) ?? NULL);
      ascii(it.client);
      piece(namesOf(it.service, it.backend));
      digits(it.attempts);
      if (it.tried !== null) failedTries(it.tried, it.attempts - (it.backend === null ? 0 : 1));
      if (it.uniqueId !== null) ascii(`,"unique_id":"${it.uniqueId}"`);
      piece(CONNECT_MS);
      if (it.connectMs === null) piece(NULL);
      else milliseconds(it.connectMs);
      piece(DURATION_MS);
      milliseconds(it.durationMs);
      piece(BYTES_IN);
      digits(it.bytesIn);
      piece(BYTES_OUT);
      digits(it.bytesOut);
      piece(reasonToEnd.get(it.reason) ?? NULL);
      count++;
    },
    get full() {
      return at > SIZE - MAX_RECORD_BYTES;
    },
    get count() {
      return count;
    },
    take() {
      const lines = Buffer.from(bytes.subarray(0, at));
      at = 0;
      count = 0;
      return lines;
    },
    forget(service, backend) {
      quoted.delete(backend);
      const backends = names.get(service);
      if (backends?.delete(backend) === true && backends.size === 0) names.delete(service);
    },
  };
}
