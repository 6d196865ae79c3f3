// The protocol by which a giver hands its connections to a taker over a channel. A message is a JSON text; after an offer the
// engine's record follows. It comes from another process: anything that is not of this version is rejected.
//
//   taker                         giver
//   hello                    →
//                            ←    a part of the catalog; the last one says so
//   more                     →    … until that has come
//   go                       →
//                            ←    offer + record + descriptors, for each connection
//   have | refuse, by ids    →
//
// An offered connection stays the giver's until the taker has sent `have`; then it is the taker's. The giver never closes the
// channel while something is offered. So a taker that finds it closed before its `have` knows that the giver's process is gone
// and that nobody else has what was offered.

import type { ConnectFailure } from '../../engine/engine.ts';
import { CONNECT_FAILURES } from '../../engine/engine.ts';
import type { Catalog } from '../../ipc/handover.ts';
import { CATALOG_AT_MOST, isCatalog } from '../../ipc/handover.ts';

/** Changes with anything below, and with the meaning of a parcel. */
export const PROTOCOL_VERSION = 1;

/** As in the PROXY protocol. */
const UNIQUE_ID_AT_MOST = 128;

/** The policy's state of a connection. Times are on the machine's clock (machine-clock.ts), ids are the giver's. */
export interface Parcel {
  readonly id: number;
  readonly service: number;
  readonly endpoint: number;
  readonly acceptedAt: number;
  readonly startedAt: number;
  readonly connectedAt: number;
  readonly attemptAt: number;
  /** Endpoints that failed before, with their causes. */
  readonly tried: readonly (readonly [endpoint: number, why: ConnectFailure])[];
  /** The unique id sent to its backend; null: none. */
  readonly uniqueId: string | null;
}

export type Message =
  | { readonly kind: 'hello'; readonly version: number }
  | ({ readonly kind: 'catalog'; readonly last: boolean } & Catalog)
  | { readonly kind: 'more' }
  | { readonly kind: 'go' }
  /** `releasedAt`: when it came to a standstill. */
  | ({ readonly kind: 'offer'; readonly releasedAt?: number } & Parcel)
  | { readonly kind: 'have'; readonly ids: readonly number[] }
  | { readonly kind: 'refuse'; readonly id: number; readonly why: string };

export interface Decoded {
  readonly message: Message;
  /** The bytes after the text; empty except for an offer. */
  readonly record: Uint8Array;
}

const LENGTH_BYTES = 4;
const NO_BYTES = new Uint8Array();

export function encode(message: Message, record: Uint8Array = NO_BYTES): Uint8Array {
  const text = Buffer.from(JSON.stringify(message));
  const bytes = Buffer.allocUnsafe(LENGTH_BYTES + text.length + record.length);
  bytes.writeUInt32LE(text.length);
  text.copy(bytes, LENGTH_BYTES);
  bytes.set(record, LENGTH_BYTES + text.length);
  return bytes;
}

/** Null: not a message of this version. */
export function decode(received: Uint8Array): Decoded | null {
  const bytes = Buffer.from(received.buffer, received.byteOffset, received.byteLength);
  if (bytes.length < LENGTH_BYTES) return null;
  const end = LENGTH_BYTES + bytes.readUInt32LE();
  if (end > bytes.length) return null;
  let message: unknown;
  try {
    message = JSON.parse(bytes.toString('utf8', LENGTH_BYTES, end));
  } catch {
    return null;
  }
  if (!isRecord(message) || !isMessage(message)) return null;
  return { message: message as unknown as Message, record: bytes.subarray(end) };
}

type Fields = Readonly<Record<string, unknown>>;

function isMessage(message: Fields): boolean {
  switch (message['kind']) {
    case 'hello':
      return isId(message['version']);
    case 'catalog':
      return typeof message['last'] === 'boolean' && isCatalog(message);
    case 'more':
    case 'go':
      return true;
    case 'offer':
      return (
        ['id', 'service', 'endpoint'].every((name) => isId(message[name])) &&
        ['acceptedAt', 'startedAt', 'connectedAt', 'attemptAt'].every((name) => Number.isFinite(message[name])) &&
        (message['releasedAt'] === undefined || Number.isFinite(message['releasedAt'])) &&
        isListOf(message['tried'], isTry) &&
        (message['uniqueId'] === null || isUniqueId(message['uniqueId']))
      );
    case 'have':
      return isListOf(message['ids'], isId);
    case 'refuse':
      return isId(message['id']) && typeof message['why'] === 'string';
    default:
      return false;
  }
}

function isTry(value: unknown): boolean {
  return (
    Array.isArray(value) && value.length === 2 && isId(value[0]) && CONNECT_FAILURES.some((why) => why === value[1])
  );
}

function isUniqueId(value: unknown): boolean {
  return typeof value === 'string' && value.length <= UNIQUE_ID_AT_MOST;
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isListOf(value: unknown, isElement: (element: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length <= CATALOG_AT_MOST && value.every(isElement);
}

function isId(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
