// Parses the ClientHello at the start of TLS (RFC 8446 4.1.2, 5.1; RFC 6066 3; RFC 7301 3.1) for the server name and the protocols
// that the client asks for. Pure. The result does not depend on how the bytes arrive: once they are a hello, or cannot become one,
// more bytes do not change that. Decrypts and changes nothing.

import { Buffer } from 'node:buffer';

/** Including record headers; longer ones are rejected. With post-quantum key shares a hello has about 1,800 bytes. */
export const LONGEST_HELLO = 16 * 1024;

export interface Hello {
  readonly kind: 'hello';
  /** As sent by the client; null if there is none, or if it contains anything but printable ASCII. */
  readonly name: string | null;
  /** In the client's order. ALPN names are bytes; each becomes one character here. */
  readonly protocols: readonly string[];
}

export type ReadHello = Hello | typeof MORE | typeof NO_TLS;

/** The bytes may become a hello. */
export const MORE = { kind: 'more' } as const;
/** The bytes are not a hello. */
export const NO_TLS = { kind: 'no_tls' } as const;

const RECORD_HEADER = 5;
const HANDSHAKE_RECORD = 22;
const LONGEST_RECORD = 1 << 14;
const MESSAGE_HEADER = 4;
const CLIENT_HELLO = 1;

/** The handshake's bytes without record headers. Used only within one call. */
const message = Buffer.alloc(LONGEST_HELLO);

export function readHello(bytes: Uint8Array): ReadHello {
  const most = Math.min(bytes.length, LONGEST_HELLO);
  let gathered = 0;
  for (let at = 0; at < most;) {
    if (!mayBeRecord(bytes, at, most)) return NO_TLS;
    if (at + RECORD_HEADER > most) break;
    const end = at + RECORD_HEADER + word(bytes, at + 3);
    const part = bytes.subarray(at + RECORD_HEADER, Math.min(end, most));
    message.set(part, gathered);
    gathered += part.length;
    if (gathered > 0 && message[0] !== CLIENT_HELLO) return NO_TLS;
    const length = gathered < MESSAGE_HEADER ? Infinity : MESSAGE_HEADER + word24(message, 1);
    if (length !== Infinity && length > LONGEST_HELLO - RECORD_HEADER) return NO_TLS;
    // Ignore whatever follows the hello.
    if (gathered >= length) return hello(length) ?? NO_TLS;
    at = end;
  }
  return bytes.length < LONGEST_HELLO ? MORE : NO_TLS;
}

/** Checks as much of the record header as there is: a handshake, SSL 3 or later (a hello's record may say so), valid length. */
function mayBeRecord(bytes: Uint8Array, at: number, most: number): boolean {
  if (bytes[at] !== HANDSHAKE_RECORD || (at + 1 < most && bytes[at + 1] !== 3)) return false;
  if (at + RECORD_HEADER > most) return true;
  const length = word(bytes, at + 3);
  return length > 0 && length <= LONGEST_RECORD;
}

const RANDOM = 32;
const SERVER_NAME = 0;
const ALPN = 16;
const NO_PROTOCOLS: readonly string[] = [];

/** Parses the message; null if its lengths contradict each other. */
function hello(end: number): Hello | null {
  if (end < MESSAGE_HEADER + 2 + RANDOM || message[MESSAGE_HEADER] !== 3) return null;
  const session = MESSAGE_HEADER + 2 + RANDOM;
  const ciphers = session + 1 + byte(session, end);
  if (ciphers - session > 33 || ciphers + 2 > end) return null;
  const ciphersLength = word(message, ciphers);
  const compression = ciphers + 2 + ciphersLength;
  if (ciphersLength < 2 || ciphersLength % 2 === 1 || compression + 1 > end || message[compression] === 0) return null;
  const extensions = compression + 1 + byte(compression, end);
  if (extensions === end) return { kind: 'hello', name: null, protocols: NO_PROTOCOLS };
  if (extensions + 2 > end || extensions + 2 + word(message, extensions) !== end) return null;
  return extended(extensions + 2, end);
}

function extended(from: number, end: number): Hello | null {
  let name: string | null | undefined;
  let protocols: readonly string[] | null | undefined;
  for (let at = from; at < end;) {
    if (at + 4 > end) return null;
    const value = at + 4;
    const valueEnd = value + word(message, at + 2);
    if (valueEnd > end) return null;
    const type = word(message, at);
    // Each type may occur once: two names would be ambiguous.
    if (type === SERVER_NAME) {
      if (name !== undefined) return null;
      name = serverName(value, valueEnd);
      if (name === undefined) return null;
    } else if (type === ALPN) {
      if (protocols !== undefined) return null;
      protocols = protocolNames(value, valueEnd);
      if (protocols === null) return null;
    }
    at = valueEnd;
  }
  return { kind: 'hello', name: name ?? null, protocols: protocols ?? NO_PROTOCOLS };
}

/** Returns the server name, null if there is none, undefined if malformed. */
function serverName(at: number, end: number): string | null | undefined {
  if (!isList(at, end)) return undefined;
  let name: string | null | undefined;
  for (let entry = at + 2; entry < end;) {
    if (entry + 3 > end) return undefined;
    const text = entry + 3;
    const textEnd = text + word(message, entry + 1);
    if (textEnd > end || textEnd === text) return undefined;
    if (message[entry] === 0) {
      if (name !== undefined) return undefined;
      name = printable(text, textEnd);
    }
    entry = textEnd;
  }
  return name ?? null;
}

/** A loop over the bytes costs twice as much in a new worker, while its code is not compiled. */
const PRINTABLE = /^[!-~]*$/;

/** A DNS name has at most 255 bytes. */
function printable(at: number, end: number): string | null {
  if (end - at > 255) return null;
  const name = message.toString('latin1', at, end);
  return PRINTABLE.test(name) ? name : null;
}

/** Returns the ALPN names; null if malformed. */
function protocolNames(at: number, end: number): string[] | null {
  if (!isList(at, end)) return null;
  const names: string[] = [];
  for (let entry = at + 2; entry < end;) {
    const nameEnd = entry + 1 + byte(entry, end);
    if (nameEnd > end || nameEnd === entry + 1) return null;
    names.push(message.toString('latin1', entry + 1, nameEnd));
    entry = nameEnd;
  }
  return names;
}

/** Whether it is a non-empty list with the correct length. */
function isList(at: number, end: number): boolean {
  return at + 2 < end && at + 2 + word(message, at) === end;
}

function byte(at: number, end: number): number {
  return at < end ? (message[at] ?? 0) : 0;
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function word24(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 16) | word(bytes, at + 1);
}
