// Builds and parses SRV queries (RFC 1035, 2782 and 6891), because Node.js does not report the TTL of SRV records. Anything
// unusual is left to Node.js: truncated answers, errors, names with odd characters. Pure; every read of an answer is
// bounds-checked.

import type { ServiceRecord } from './dns.ts';

export interface SrvAnswer {
  readonly records: readonly ServiceRecord[];
  readonly ttlSeconds: number;
}

const HEADER = 12;
const SRV = 33;
const IN = 1;
/** EDNS: a datagram of this size passes everywhere. */
const EDNS = Buffer.from([0, 0, 41, 1232 >> 8, 1232 & 255, 0, 0, 0, 0, 0, 0]);
const LABEL = /^[A-Za-z0-9_-]{1,63}$/;
const LONGEST = 253;

/** Null if the name cannot be queried this way. */
export function srvQuestion(name: string, id: number): Buffer | null {
  const labels = name.replace(/\.$/, '').split('.');
  if (name.length > LONGEST || !labels.every((label) => LABEL.test(label))) return null;
  const header = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
  const encoded = labels.flatMap((label) => [Buffer.from([label.length]), Buffer.from(label, 'latin1')]);
  return Buffer.concat([header, ...encoded, Buffer.from([0, 0, SRV, 0, IN]), EDNS]);
}

/** `foreign`: it answers another question. `unclear`: ask in another way. */
export function srvAnswer(message: Buffer, question: Buffer): SrvAnswer | 'foreign' | 'unclear' {
  const asked = question.subarray(HEADER, question.length - EDNS.length);
  const begin = HEADER + asked.length;
  if (message.length < begin || message.readUInt16BE(0) !== question.readUInt16BE(0)) return 'foreign';
  if (message.readUInt16BE(4) !== 1 || !isSameName(message.subarray(HEADER, begin), asked)) return 'foreign';
  const flags = message.readUInt16BE(2);
  // A response to a plain query, not truncated, no error.
  if ((flags & 0xfa0f) !== 0x8000) return 'unclear';
  const records: ServiceRecord[] = [];
  let ttlSeconds = Infinity;
  let at: number | null = begin;
  for (let left = message.readUInt16BE(6); left > 0; left--) {
    at = afterName(message, at);
    if (at === null || at + 10 > message.length) return 'unclear';
    const type = message.readUInt16BE(at);
    const ttl = message.readUInt32BE(at + 4);
    const end: number = at + 10 + message.readUInt16BE(at + 8);
    if (end > message.length) return 'unclear';
    // RFC 2181, section 8: treat such a TTL as 0.
    ttlSeconds = Math.min(ttlSeconds, ttl >= 2 ** 31 ? 0 : ttl);
    if (type === SRV && message.readUInt16BE(at + 2) === IN) {
      const data = at + 10;
      const target = end < data + 7 ? null : nameAt(message, data + 6);
      if (target === null) return 'unclear';
      const [priority, weight, port] = [0, 2, 4].map((from) => message.readUInt16BE(data + from));
      records.push({ name: target, priority: priority ?? 0, weight: weight ?? 0, port: port ?? 0 });
    }
    at = end;
  }
  return records.length === 0 ? 'unclear' : { records, ttlSeconds };
}

function isSameName(a: Buffer, b: Buffer): boolean {
  return a.toString('latin1').toLowerCase() === b.toString('latin1').toLowerCase();
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
function nameAt(message: Buffer, at: number): string | null {
  const labels: string[] = [];
  let length = 0;
  // A pointer must lead backwards, so this terminates.
  let limit = message.length;
  for (let place = at; ;) {
    const size = message[place];
    if (size === undefined || place >= limit) return null;
    if (size === 0) return labels.join('.');
    if (size >= 0xc0) {
      const to = ((size & 0x3f) << 8) | (message[place + 1] ?? 0);
      if (to >= place || to < HEADER) return null;
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
