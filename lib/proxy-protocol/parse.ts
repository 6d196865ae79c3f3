// Parses PROXY protocol headers, version 1 and 2, strictly: https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt. Pure. The
// result does not depend on how the bytes arrive: once they are a header, or cannot become one, more bytes do not change that.
// Runs for each client of a proxy, so addresses become text only when somebody asks for it.

import { Buffer } from 'node:buffer';
import { ipv4Text, ipv6Text, isIpv4In, readIp } from '../../config/ip.ts';
import { crc32c } from './crc32c.ts';
import { AUTHORITY, COMMAND_LOCAL, COMMAND_PROXY, CRC32C, SIGNATURE, TCP4, TCP6, UNIQUE_ID } from './format.ts';
import type { Extensions } from './header.ts';
import { NO_EXTENSIONS } from './header.ts';

/** Longer headers are wrong. Real ones have some dozens of bytes, a few thousand with a client certificate. */
export const LONGEST_HEADER = 16 * 1024;
const LONGEST_LINE = 107;

export interface Place {
  readonly ip: string;
  readonly port: number;
}

export interface Ends {
  readonly client: Place;
  /** The client's address in sixteen bytes, IPv4 mapped to IPv6. Valid until the next call. */
  readonly clientIp: Uint8Array;
  readonly destination: Place;
}

export interface Header {
  readonly kind: 'header';
  /** In bytes. */
  readonly length: number;
  /** The client and the address it connected to; null if unknown, or for the proxy's own connection. */
  readonly ends: Ends | null;
  readonly extensions: Extensions;
}

export type Parsed = Header | typeof MORE | typeof WRONG;

/** The bytes may become a header. */
export const MORE = { kind: 'more' } as const;
/** The bytes are not a header. */
export const WRONG = { kind: 'wrong' } as const;

export function parseHeader(bytes: Uint8Array): Parsed {
  if (bytes.length === 0) return MORE;
  return bytes[0] === SIGNATURE[0] ? parseBinary(bytes) : parseLine(bytes);
}

const CR = 13;
const LF = 10;

function parseLine(bytes: Uint8Array): Parsed {
  let end = 0;
  const most = Math.min(bytes.length, LONGEST_LINE);
  while (end < most && bytes[end] !== CR && bytes[end] !== LF) end++;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, end).toString('latin1');
  if (end + 1 < most && bytes[end] === CR && bytes[end + 1] === LF) return line(text);
  const isOpen = end === bytes.length || (end + 1 === bytes.length && bytes[end] === CR);
  return isOpen && bytes.length < LONGEST_LINE && mayBecomeLine(text, end < bytes.length) ? MORE : WRONG;
}

/** `isWhole`: only the end of the line is missing. */
function mayBecomeLine(text: string, isWhole: boolean): boolean {
  const begins = (word: string): boolean => text.startsWith(word) || (!isWhole && word.startsWith(text));
  if (begins('PROXY UNKNOWN')) return true;
  if (begins('PROXY TCP4 ')) return /^[ \d.]*$/.test(text.slice('PROXY TCP4 '.length));
  return begins('PROXY TCP6 ') && /^[ \da-f.:]*$/i.test(text.slice('PROXY TCP6 '.length));
}

function line(text: string): Parsed {
  const length = text.length + 2;
  if (/^PROXY UNKNOWN(?: |$)/.test(text)) return { kind: 'header', length, ends: null, extensions: NO_EXTENSIONS };
  const [word, family, from = '', to = '', fromPort = '', toPort = '', ...more] = text.split(' ');
  if (word !== 'PROXY' || more.length > 0) return WRONG;
  const client = placeOf(family, from, fromPort, clientIp);
  const destination = placeOf(family, to, toPort, otherIp);
  if (client === null || destination === null) return WRONG;
  return { kind: 'header', length, ends: { client, clientIp, destination }, extensions: NO_EXTENSIONS };
}

const clientIp = new Uint8Array(16);
const otherIp = new Uint8Array(16);

function placeOf(family: string | undefined, text: string, port: string, ip: Uint8Array): Place | null {
  const isIpv6 = text.includes(':');
  if (family !== (isIpv6 ? 'TCP6' : 'TCP4') || !/^(0|[1-9]\d{0,4})$/.test(port) || Number(port) > 65_535) return null;
  return readIp(text, 0, text.length, ip, 0) ? { ip: textOf(ip, 0), port: Number(port) } : null;
}

/** Formats an address; IPv4-mapped IPv6 becomes IPv4. */
function textOf(bytes: Uint8Array, at: number): string {
  return isIpv4In(bytes, at) ? ipv4Text(bytes, at + 12) : ipv6Text(bytes, at);
}

const FIXED = 16;
/** Length of the addresses by family: unspecified, IPv4, IPv6, Unix. */
const ADDRESS_BYTES = [0, 12, 36, 216] as const;

function parseBinary(bytes: Uint8Array): Parsed {
  const seen = Math.min(bytes.length, SIGNATURE.length);
  for (let i = 0; i < seen; i++) if (bytes[i] !== SIGNATURE[i]) return WRONG;
  const command = bytes[SIGNATURE.length] ?? COMMAND_LOCAL;
  const family = bytes[SIGNATURE.length + 1] ?? 0;
  if (command !== COMMAND_LOCAL && command !== COMMAND_PROXY) return WRONG;
  const addresses = ADDRESS_BYTES[family >> 4];
  // Ignore family and addresses of a header without a client.
  const isProxy = bytes.length > SIGNATURE.length && command === COMMAND_PROXY;
  if (isProxy && (addresses === undefined || (family & 15) > 2)) return WRONG;
  if (bytes.length < FIXED) return MORE;
  const length = FIXED + word(bytes, 14);
  if (length > LONGEST_HEADER) return WRONG;
  if (!isProxy) return bytes.length < length ? MORE : { kind: 'header', length, ends: null, extensions: NO_EXTENSIONS };
  if (addresses === undefined || length < FIXED + addresses) return WRONG;
  if (bytes.length < length) return MORE;
  const extensions = addresses === 0 ? NO_EXTENSIONS : extensionsIn(bytes, FIXED + addresses, length);
  return extensions === null ? WRONG : { kind: 'header', length, ends: endsOf(bytes, family), extensions };
}

/** Returns the addresses of TCP only: no other protocol can be that of a client. */
function endsOf(bytes: Uint8Array, family: number): Header['ends'] {
  if (family !== TCP4 && family !== TCP6) return null;
  const size = family === TCP4 ? 4 : 16;
  const ports = FIXED + 2 * size;
  for (let i = 0; i < 16 - size; i++) clientIp[i] = i < 10 ? 0 : 0xff;
  for (let i = 0; i < size; i++) clientIp[16 - size + i] = bytes[FIXED + i] ?? 0;
  const place = (at: number, port: number): Place =>
    family === TCP4 ? new Ipv4Place(bytes, at, port) : { ip: textOf(bytes, at), port };
  return {
    client: place(FIXED, word(bytes, ports)),
    clientIp,
    destination: place(FIXED + size, word(bytes, ports + 2)),
  };
}

class Ipv4Place implements Place {
  readonly #high: number;
  readonly #low: number;
  readonly port: number;

  constructor(bytes: Uint8Array, at: number, port: number) {
    this.#high = word(bytes, at);
    this.#low = word(bytes, at + 2);
    this.port = port;
  }

  get ip(): string {
    return `${this.#high >> 8}.${this.#high & 255}.${this.#low >> 8}.${this.#low & 255}`;
  }
}

/** Parses the TLVs after the addresses; null if they are malformed. */
function extensionsIn(bytes: Uint8Array, from: number, end: number): Extensions | null {
  let { uniqueId, authority }: { -readonly [K in keyof Extensions]: Extensions[K] } = NO_EXTENSIONS;
  for (let at = from; at < end;) {
    if (at + 3 > end) return null;
    const length = word(bytes, at + 1);
    const value = at + 3;
    if (value + length > end) return null;
    if (bytes[at] === CRC32C && (length !== 4 || !isSound(bytes, value, end))) return null;
    if (bytes[at] === UNIQUE_ID && length > 128) return null;
    if (bytes[at] === UNIQUE_ID) uniqueId = latin1(bytes, value, length);
    if (bytes[at] === AUTHORITY && length <= 255) authority = latin1(bytes, value, length);
    at = value + length;
  }
  return uniqueId === null && authority === null ? NO_EXTENSIONS : { uniqueId, authority };
}

/** Verifies the checksum, which covers the whole header with zeros in its own place. */
function isSound(bytes: Uint8Array, at: number, end: number): boolean {
  const before = crc32c(bytes, 0, at);
  const through = crc32c(ZEROS, 0, 4, before);
  const sum = crc32c(bytes, at + 4, end, through);
  return sum === ((word(bytes, at) << 16) | word(bytes, at + 2)) >>> 0;
}

const ZEROS = new Uint8Array(4);

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function latin1(bytes: Uint8Array, at: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('latin1');
}
