// Builds DNS queries for addresses and SRV records, and parses their answers (RFC 1035, 2782, 3596 and 6891). Anything unusual is
// left to Node.js: errors, names with odd characters. Pure; every read of an answer is bounds-checked.

import type { ServiceRecord } from './wire.ts';
import { CNAME, HEADER, IN, LABEL, LONGEST, TYPES, addressAt, nameAt, recordAt, serviceAt } from './wire.ts';

export type QueryType = keyof typeof TYPES;

/** Addresses, and the shortest lifetime of the records that lead to them. */
export interface Addresses {
  readonly ips: readonly string[];
  readonly ttlSeconds: number;
}

export interface Records extends Addresses {
  readonly services: readonly ServiceRecord[];
  /** Of the SRV records' targets, by name in lower case, as far as they came along. There may be more. */
  readonly along: ReadonlyMap<string, Addresses>;
}

/**
 * `foreign`: it answers another question. `failed`: another server may know. `truncated`: ask over TCP. `unclear`: ask in another
 * way. `ENOTFOUND`, `ENODATA`: there is no such name, or no such record.
 */
export type Reading = Records | 'foreign' | 'failed' | 'truncated' | 'unclear' | 'ENOTFOUND' | 'ENODATA';

/** EDNS: a datagram of this size passes everywhere. */
const EDNS = Buffer.from([0, 0, 41, 1232 >> 8, 1232 & 255, 0, 0, 0, 0, 0, 0]);
/** Behind the question's name: the root, the type and the class, then EDNS. */
const TAIL = 5 + EDNS.length;
/** Format error, server failure, not implemented, refused. */
const BARE_ERRORS: ReadonlySet<number> = new Set([1, 2, 4, 5]);
const NONE: ReadonlyMap<string, Addresses> = new Map();

/** Null if the name cannot be queried this way. */
export function queryFor(name: string, type: QueryType, id: number): Buffer | null {
  const labels = (name.endsWith('.') ? name.slice(0, -1) : name).split('.');
  if (name.length > LONGEST || !labels.every((label) => LABEL.test(label))) return null;
  const length = labels.reduce((sum, label) => sum + 1 + label.length, HEADER + TAIL);
  const query = Buffer.alloc(length);
  query.writeUInt16BE(id, 0);
  // Recursion desired; one question, one additional record.
  query.writeUInt16BE(0x0100, 2);
  query.writeUInt16BE(1, 4);
  query.writeUInt16BE(1, 10);
  let at = HEADER;
  for (const label of labels) {
    query[at] = label.length;
    at += 1 + query.write(label, at + 1, 'latin1');
  }
  query.writeUInt16BE(TYPES[type], at + 1);
  query.writeUInt16BE(IN, at + 3);
  EDNS.copy(query, at + 5);
  return query;
}

/** The id of a query or an answer; null if it is too short for either. */
export function idOf(message: Buffer): number | null {
  return message.length < HEADER ? null : message.readUInt16BE(0);
}

/** Reads the answer to `query`, which is one of queryFor(). */
export function read(message: Buffer, query: Buffer): Reading {
  const begin = query.length - EDNS.length;
  if (message.length < HEADER || message.readUInt16BE(0) !== query.readUInt16BE(0)) return 'foreign';
  const flags = message.readUInt16BE(2);
  // Servers that know no EDNS may answer with no more than a header.
  const isBareError = message.readUInt16BE(4) === 0 && BARE_ERRORS.has(flags & 0xf);
  if (!isBareError && !isSameQuestion(message, query, begin)) return 'foreign';
  // A response to a plain query.
  if ((flags & 0xf800) !== 0x8000) return 'unclear';
  if ((flags & 0x0200) !== 0) return 'truncated';
  switch (flags & 0xf) {
    case 0:
      return recordsIn(message, begin, query.readUInt16BE(begin - 4));
    case 3:
      return 'ENOTFOUND';
    // Server failure, not implemented, refused.
    case 2:
    case 4:
    case 5:
      return 'failed';
    default:
      return 'unclear';
  }
}

function recordsIn(message: Buffer, begin: number, wanted: number): Records | 'unclear' | 'ENODATA' {
  const services: ServiceRecord[] = [];
  const ips: string[] = [];
  let ttlSeconds = Infinity;
  /** The question's name and its aliases, in lower case. */
  let chain: Set<string> | null = null;
  let at = begin;
  for (let left = message.readUInt16BE(6); left > 0; left--) {
    const record = recordAt(message, at);
    if (record === null) return 'unclear';
    at = record.end;
    ttlSeconds = Math.min(ttlSeconds, record.ttlSeconds);
    if (!record.isIn || (record.type !== wanted && record.type !== CNAME)) continue;
    // An answer is the question's own, or leads there by aliases in their order.
    if (!record.isQuestions || chain !== null) {
      chain ??= new Set([(nameAt(message, HEADER) ?? '').toLowerCase()]);
      const owner = nameAt(message, record.at)?.toLowerCase();
      if (owner === undefined || !chain.has(owner)) return 'unclear';
    }
    if (record.type === CNAME) {
      const alias = nameAt(message, record.data);
      if (alias === null) return 'unclear';
      chain ??= new Set([(nameAt(message, HEADER) ?? '').toLowerCase()]);
      chain.add(alias.toLowerCase());
    } else if (wanted === TYPES.SRV) {
      const service = serviceAt(message, record);
      if (service === null) return 'unclear';
      services.push(service);
    } else {
      const ip = addressAt(message, record);
      if (ip === null) return 'unclear';
      ips.push(ip);
    }
  }
  if (services.length + ips.length === 0) return 'ENODATA';
  return { services, ips, ttlSeconds, along: services.length === 0 ? NONE : addressesAlong(message, at, services) };
}

/** Those of the targets in the additional section, which is behind the authority section; none if the rest cannot be read. */
function addressesAlong(
  message: Buffer,
  begin: number,
  services: readonly ServiceRecord[],
): ReadonlyMap<string, Addresses> {
  const between = message.readUInt16BE(8);
  const all = between + message.readUInt16BE(10);
  const targets = new Set(services.map(({ name }) => name.toLowerCase()));
  const along = new Map<string, { readonly ips: string[]; ttlSeconds: number }>();
  let at = begin;
  for (let i = 0; i < all; i++) {
    const record = recordAt(message, at);
    if (record === null) return NONE;
    at = record.end;
    if (i < between || !record.isIn || (record.type !== TYPES.A && record.type !== TYPES.AAAA)) continue;
    const owner = nameAt(message, record.at)?.toLowerCase();
    if (owner === undefined || !targets.has(owner)) continue;
    const ip = addressAt(message, record);
    if (ip === null) return NONE;
    const { ips, ttlSeconds } = along.get(owner) ?? { ips: [], ttlSeconds: Infinity };
    ips.push(ip);
    along.set(owner, { ips, ttlSeconds: Math.min(ttlSeconds, record.ttlSeconds) });
  }
  return along;
}

function isSameQuestion(message: Buffer, query: Buffer, end: number): boolean {
  if (message.length < end || message.readUInt16BE(4) !== 1) return false;
  if (message.compare(query, HEADER, end, HEADER, end) === 0) return true;
  const [one, other] = [message, query].map((it) => it.toString('latin1', HEADER, end).toLowerCase());
  return one === other;
}
