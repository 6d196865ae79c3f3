// The protocol of two workers of which one hands its connections to the other over a channel. Each message is a text with, for
// a connection, the engine's record behind it. It comes from another process: what is not of this version is no message.
//
//   taker                         giver
//   hello                    →
//                            ←    a part of the catalog; the last one says so
//   more                     →    … until that has come
//   go                       →
//                            ←    offer + record + descriptors, for each connection
//   have | refuse, by ids    →
//
// An offered connection is the giver's, who holds on to it, until the taker has said `have`. From then on it is the taker's. The
// giver never closes the channel while something is offered; so whoever finds it closed without a `have` knows that the
// other process is gone, and that nobody else has what was offered.

import type { ConnectFailure } from '../../engine/engine.ts';
import { CONNECT_FAILURES } from '../../engine/engine.ts';
import type { Catalog } from '../../ipc/handover.ts';
import { isCatalog } from '../../ipc/handover.ts';

/** Changes with anything below, and with what a parcel means. */
export const PROTOCOL_VERSION = 1;

/** What the policy knows of a connection. Times are the machine's clock (machine-clock.ts), ids the giver's. */
export interface Parcel {
  readonly id: number;
  readonly service: number;
  readonly endpoint: number;
  readonly acceptedAt: number;
  readonly startedAt: number;
  readonly connectedAt: number;
  readonly attemptAt: number;
  /** Endpoints tried before without success, and why. */
  readonly tried: readonly (readonly [endpoint: number, why: ConnectFailure])[];
  /** What it is called towards its backend; null: it has no name. */
  readonly uniqueId: string | null;
}

export type Message =
  | { readonly kind: 'hello'; readonly version: number }
  | ({ readonly kind: 'catalog'; readonly last: boolean } & Catalog)
  | { readonly kind: 'more' }
  | { readonly kind: 'go' }
  /** `releasedAt`: since when it stands still. */
  | ({ readonly kind: 'offer'; readonly releasedAt?: number } & Parcel)
  | { readonly kind: 'have'; readonly ids: readonly number[] }
  | { readonly kind: 'refuse'; readonly id: number; readonly why: string };

export interface Decoded {
  readonly message: Message;
  /** What is behind it; empty but for an offer. */
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

/** Null: it is no message of this version. */
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
        (message['uniqueId'] === null || typeof message['uniqueId'] === 'string')
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

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isListOf(value: unknown, isElement: (element: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isElement);
}

function isId(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
