// Reads names, records and their data in a DNS message (RFC 1035, 2782 and 3596). Pure; every read is bounds-checked.

import { SocketAddress } from 'node:net';

export interface ServiceRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

export const TYPES = { A: 1, AAAA: 28, SRV: 33 } as const;
export const CNAME = 5;
export const IN = 1;
export const HEADER = 12;
export const LABEL = /^[A-Za-z0-9_-]{1,63}$/;
/** Characters of a name. */
export const LONGEST = 253;
/** A name has at most so many labels, so no server needs more pointers for it. */
const MAX_POINTERS = 128;
/** A pointer to the question's name. */
const QUESTION = 0xc000 | HEADER;

export interface RecordAt {
  readonly at: number;
  /** Its name is a pointer to the question's. */
  readonly isQuestions: boolean;
  readonly type: number;
  readonly isIn: boolean;
  readonly ttlSeconds: number;
  readonly data: number;
  readonly end: number;
}

/** Null if the message ends before it. */
export function recordAt(message: Buffer, at: number): RecordAt | null {
  const head = afterName(message, at);
  if (head === null || head + 10 > message.length) return null;
  const ttl = message.readUInt32BE(head + 4);
  const data = head + 10;
  const end = data + message.readUInt16BE(head + 8);
  if (end > message.length) return null;
  return {
    at,
    isQuestions: message.readUInt16BE(at) === QUESTION,
    type: message.readUInt16BE(head),
    isIn: message.readUInt16BE(head + 2) === IN,
    // RFC 2181, section 8: treat such a TTL as 0.
    ttlSeconds: ttl >= 2 ** 31 ? 0 : ttl,
    data,
    end,
  };
}

export function serviceAt(message: Buffer, { data, end }: RecordAt): ServiceRecord | null {
  const name = end < data + 7 ? null : nameAt(message, data + 6);
  if (name === null) return null;
  return {
    name,
    port: message.readUInt16BE(data + 4),
    priority: message.readUInt16BE(data),
    weight: message.readUInt16BE(data + 2),
  };
}

export function addressAt(message: Buffer, { type, data, end }: RecordAt): string | null {
  if (type === TYPES.A) {
    if (end !== data + 4) return null;
    return `${message[data]}.${message[data + 1]}.${message[data + 2]}.${message[data + 3]}`;
  }
  if (end !== data + 16) return null;
  const groups = Array.from({ length: 8 }, (_, i) => message.readUInt16BE(data + 2 * i).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

/** The offset behind the name at `at`; null if the name does not end. */
function afterName(message: Buffer, at: number): number | null {
  for (let place = at; ;) {
    const length = message[place];
    if (length === undefined) return null;
    if (length === 0) return place + 1;
    if (length >= 0xc0) return place + 2;
    if (length > 63) return null;
    place += 1 + length;
  }
}

/** '' is the root. Null if there is no valid name, or one with odd characters. */
export function nameAt(message: Buffer, at: number): string | null {
  const labels: string[] = [];
  let length = 0;
  let pointers = 0;
  // A pointer must lead backwards, so this terminates.
  let limit = message.length;
  for (let place = at; ;) {
    const size = message[place];
    if (size === undefined || place >= limit) return null;
    if (size === 0) return labels.join('.');
    if (size >= 0xc0) {
      const to = ((size & 0x3f) << 8) | (message[place + 1] ?? 0);
      if (to >= place || to < HEADER || ++pointers > MAX_POINTERS) return null;
      limit = Math.min(limit, place);
      place = to;
      continue;
    }
    const label = message.toString('latin1', place + 1, place + 1 + size);
    length += 1 + size;
    if (length > LONGEST + 1 || !LABEL.test(label)) return null;
    labels.push(label);
    place += 1 + size;
  }
}
