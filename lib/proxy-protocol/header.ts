// Writes PROXY protocol headers, version 1 (text) and 2 (binary): https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt. A
// header names the client of a proxied connection. Pure, except for the buffer, which each call reuses.

import { Buffer } from 'node:buffer';
import { ipv4Text, ipv6Text, isIpv4In, readIp } from '../../config/ip.ts';
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
  /** `from` and `to` are `ip:port` or `[ip]:port`, or '' if unknown. The bytes are valid until the next call. */
  write(version: Version, from: string, to: string, extensions: Extensions): Uint8Array;
}

/** The header for a connection of bal itself, such as a health check: it names no client. */
export function ownHeader(version: Version): Uint8Array {
  if (version === 'v1') return Buffer.from('PROXY UNKNOWN\r\n', 'latin1');
  return Buffer.concat([SIGNATURE, Uint8Array.of(COMMAND_LOCAL, UNSPECIFIED, 0, 0)]);
}

/** Signature and four bytes, two IPv6 addresses with ports, and both TLVs. */
const ROOM = 16 + 36 + (3 + 128) + (3 + 255);

interface End {
  text: string;
  /** Whether `text` is an address and a port. */
  isKnown: boolean;
  /** Sixteen bytes. */
  readonly ip: Uint8Array;
  isIpv4: boolean;
  port: number;
}

export function createHeaderWriter(): HeaderWriter {
  const bytes = Buffer.alloc(ROOM);
  bytes.set(SIGNATURE);
  const line = Buffer.alloc(108);
  const source = endOf();
  /** Cached, because most clients of a listener connect to the same address. */
  const destination = endOf();

  function addresses(): number {
    const isIpv4 = source.isIpv4 && destination.isIpv4;
    const [from, length] = isIpv4 ? [12, 4] : [0, 16];
    bytes[13] = isIpv4 ? TCP4 : TCP6;
    let at = 16;
    for (const { ip } of [source, destination]) {
      for (let i = 0; i < length; i++) bytes[at++] = ip[from + i] ?? 0;
    }
    at = bytes.writeUInt16BE(source.port, at);
    return bytes.writeUInt16BE(destination.port, at);
  }

  function tlv(type: number, value: string | null, most: number, at: number): number {
    if (value === null || value.length > most) return at;
    bytes[at] = type;
    bytes.writeUInt16BE(value.length, at + 1);
    return at + 3 + bytes.write(value, at + 3, 'latin1');
  }

  function binary({ uniqueId, authority }: Extensions): Uint8Array {
    bytes[12] = COMMAND_PROXY;
    bytes[13] = UNSPECIFIED;
    let at = source.isKnown && destination.isKnown ? addresses() : 16;
    at = tlv(AUTHORITY, authority, 255, at);
    at = tlv(UNIQUE_ID, uniqueId, 128, at);
    bytes.writeUInt16BE(at - 16, 14);
    return bytes.subarray(0, at);
  }

  function text(): Uint8Array {
    if (!source.isKnown || !destination.isKnown) return ownHeader('v1');
    const isIpv4 = source.isIpv4 && destination.isIpv4;
    const shown = ({ ip }: End): string => (isIpv4 ? ipv4Text(ip, 12) : ipv6Text(ip, 0));
    const ends = `${shown(source)} ${shown(destination)} ${source.port} ${destination.port}\r\n`;
    return line.subarray(0, line.write(isIpv4 ? `PROXY TCP4 ${ends}` : `PROXY TCP6 ${ends}`, 0, 'latin1'));
  }

  return {
    write(version, from, to, extensions) {
      learn(source, from);
      learn(destination, to);
      return version === 'v1' ? text() : binary(extensions);
    },
  };
}

function endOf(): End {
  return { text: '', isKnown: false, ip: new Uint8Array(16), isIpv4: false, port: 0 };
}

function learn(end: End, text: string): void {
  if (text === end.text) return;
  end.text = text;
  const colon = text.lastIndexOf(':');
  const isBracketed = text.startsWith('[');
  // Cut the zone, which means nothing on another machine.
  const zone = isBracketed ? text.indexOf('%') : -1;
  const to = zone !== -1 ? zone : isBracketed ? colon - 1 : colon;
  end.isKnown = colon > 0 && readIp(text, isBracketed ? 1 : 0, to, end.ip, 0);
  end.isIpv4 = end.isKnown && isIpv4In(end.ip, 0);
  end.port = end.isKnown ? Number(text.slice(colon + 1)) : 0;
}
