// Writes PROXY protocol headers, version 1 (text) and 2 (binary): https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt. A
// header names the client of a proxied connection. Pure, except for the buffer, which each call reuses.

import { Buffer } from 'node:buffer';
import { ipv4Text, ipv6Text, isIpv4In } from '../../config/ip.ts';
import type { End } from '../engine/ends.ts';
import { AUTHORITY, COMMAND_LOCAL, COMMAND_PROXY, SIGNATURE, TCP4, TCP6, UNIQUE_ID, UNSPECIFIED } from './format.ts';
import type { Version } from './format.ts';

/** The TLVs of version 2, null if unknown. */
export interface Extensions {
  /** The id of the connection: ASCII, at most 128 characters. */
  readonly uniqueId: string | null;
  /** The server name that the client asks for: ASCII, at most 255 characters. */
  readonly authority: string | null;
}

export const NO_EXTENSIONS: Extensions = { uniqueId: null, authority: null };

export interface HeaderWriter {
  /** Null: not known. The bytes are valid until the next call. */
  write(version: Version, from: End | null, to: End | null, extensions: Extensions): Uint8Array;
}

/** The header for a connection of bal itself, such as a health check: it names no client. */
export function ownHeader(version: Version): Uint8Array {
  if (version === 'v1') return Buffer.from('PROXY UNKNOWN\r\n', 'latin1');
  return Buffer.concat([SIGNATURE, Uint8Array.of(COMMAND_LOCAL, UNSPECIFIED, 0, 0)]);
}

/** Signature and four bytes, two IPv6 addresses with ports, and both TLVs. */
const ROOM = 16 + 36 + (3 + 128) + (3 + 255);

export function createHeaderWriter(): HeaderWriter {
  const bytes = Buffer.alloc(ROOM);
  bytes.set(SIGNATURE);
  const line = Buffer.alloc(108);

  function addresses(from: End, to: End): number {
    const isIpv4 = areIpv4(from, to);
    bytes[13] = isIpv4 ? TCP4 : TCP6;
    const first = isIpv4 ? 12 : 0;
    let at = 16;
    for (let i = first; i < 16; i++) bytes[at++] = from.ip[i] ?? 0;
    for (let i = first; i < 16; i++) bytes[at++] = to.ip[i] ?? 0;
    at = bytes.writeUInt16BE(from.port, at);
    return bytes.writeUInt16BE(to.port, at);
  }

  function tlv(type: number, value: string | null, most: number, at: number): number {
    if (value === null || value.length > most) return at;
    bytes[at] = type;
    bytes.writeUInt16BE(value.length, at + 1);
    return at + 3 + bytes.write(value, at + 3, 'latin1');
  }

  function binary(from: End | null, to: End | null, { uniqueId, authority }: Extensions): Uint8Array {
    bytes[12] = COMMAND_PROXY;
    bytes[13] = UNSPECIFIED;
    let at = from !== null && to !== null ? addresses(from, to) : 16;
    at = tlv(AUTHORITY, authority, 255, at);
    at = tlv(UNIQUE_ID, uniqueId, 128, at);
    bytes.writeUInt16BE(at - 16, 14);
    return bytes.subarray(0, at);
  }

  function text(from: End | null, to: End | null): Uint8Array {
    if (from === null || to === null) return ownHeader('v1');
    const isIpv4 = areIpv4(from, to);
    const shown = ({ ip }: End): string => (isIpv4 ? ipv4Text(ip, 12) : ipv6Text(ip, 0));
    const ends = `${shown(from)} ${shown(to)} ${from.port} ${to.port}\r\n`;
    return line.subarray(0, line.write(isIpv4 ? `PROXY TCP4 ${ends}` : `PROXY TCP6 ${ends}`, 0, 'latin1'));
  }

  return {
    write: (version, from, to, extensions) => (version === 'v1' ? text(from, to) : binary(from, to, extensions)),
  };
}

/** Of two families both are written as IPv6. */
function areIpv4(from: End, to: End): boolean {
  return isIpv4In(from.ip, 0) && isIpv4In(to.ip, 0);
}
