// Validates hosts and decides when two are the same. Text only: nothing is resolved here.
import * as net from 'node:net';
import { domainToASCII } from 'node:url';

/** Why a value is invalid, in the words of a problem. */
export interface Complaint {
  /** What was expected; the caller adds what was found. */
  readonly expected: string;
  readonly hint: string | null;
}

const EXPECTED = 'expected an IPv4 or IPv6 address or a host name';
const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/i;

const { isIPv4, SocketAddress } = net;

/** Same as Node's, whose pattern takes 3 ms on first use, at every start of a command: most files have no IPv6. */
function isIPv6(text: string): boolean {
  return text.includes(':') && net.isIPv6(text);
}

/** Turns `[::1]` into `::1`; leaves everything else. */
export function withoutBrackets(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}

/** Returns why `text` is not a valid host, or null. Underscores are allowed: container networks use them in names. */
export function judgeHost(text: string): Complaint | null {
  const bracketed = text.startsWith('[') && text.endsWith(']');
  const host = withoutBrackets(text);
  if (host.includes('%') && isIPv6(host) && !isLinkLocal(canonicalHost(host.slice(0, host.indexOf('%'))))) {
    return { expected: 'expected an address without a zone', hint: `remove "${host.slice(host.indexOf('%'))}"` };
  }
  if (isIPv6(host)) return judgeKind(host.replace(/%.*/s, ''));
  if (bracketed) return { expected: 'expected an IPv6 address in the brackets', hint: null };
  if (isIPv4(host)) return judgeKind(host);
  return judgeName(host);
}

/** Like judgeHost(), for a host to connect to: the unspecified address belongs to no host. */
export function judgePeer(text: string): Complaint | null {
  if (!isWildcard(canonicalHost(text))) return judgeHost(text);
  return { expected: 'expected the address of one host', hint: 'for this machine write "127.0.0.1" or "::1"' };
}

/** A configuration cannot name the interface of a link-local address, so nothing could be sent there. */
const LINK_LOCAL: Complaint = {
  expected: 'expected an address that is good without a zone, not a link-local one (fe80::/10)',
  hint: 'use a unique local (fd00::/8) or global address, or a name for one',
};

/** RFC 4291, 2.5.6. */
function isLinkLocal(canonical: string): boolean {
  return /^fe[89ab][0-9a-f]:/.test(canonical);
}

function judgeKind(ip: string): Complaint | null {
  const canonical = canonicalHost(ip);
  if (isLinkLocal(canonical)) return LINK_LOCAL;
  const first = isIPv4(canonical) ? Number(canonical.split('.')[0]) : 0;
  const many = first >= 224 || canonical.startsWith('ff');
  return many
    ? { expected: 'expected the address of one host, not multicast, broadcast or reserved', hint: null }
    : null;
}

function judgeName(host: string): Complaint | null {
  if (host === '') return { expected: EXPECTED, hint: null };
  if (host.includes('://')) return { expected: EXPECTED, hint: 'leave out the scheme' };
  if (/^[^:]+:\d+$/.test(host)) return { expected: EXPECTED, hint: 'the port has its own key, "port"' };
  if (host !== host.trim()) return { expected: EXPECTED, hint: 'remove the space around it' };
  const labels = host.replace(/\.$/, '').split('.');
  // Most resolvers read a name that ends in a number as an IPv4 address, in octal or with parts left out.
  if (/^(\d+|0x[0-9a-f]*)$/i.test(labels.at(-1) ?? '')) {
    return { expected: 'expected an IPv4 address of four numbers 0..255 without leading zeros', hint: null };
  }
  const ascii = /[^\p{ASCII}]/u.test(host) ? domainToASCII(host) : '';
  if (ascii !== '') return { expected: EXPECTED, hint: `write it in ASCII: "${ascii}"` };
  const ok = host.length <= 253 && labels.every((label) => LABEL.test(label));
  return ok ? null : { expected: EXPECTED, hint: null };
}

/**
 * Returns the canonical spelling of a host: lower case, no brackets, no final dot, shortest IPv6, IPv4 in IPv6 as IPv4. A path
 * stays as it is.
 */
export function canonicalHost(host: string): string {
  if (host.startsWith('/')) return host;
  const bare = withoutBrackets(host).toLowerCase();
  if (!isIPv6(bare) || bare.includes('%')) return bare.replace(/\.$/, '');
  const address = new SocketAddress({ address: bare, family: 'ipv6' }).address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  return mapped?.[1] ?? address;
}

/** Takes a canonical host, like all functions below. */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/**
 * Whether two listeners on one port would claim the same address. `::` takes IPv4 as well (dual stack); a name overlaps a
 * wildcard because the wildcard covers whatever the name resolves to.
 */
export function listenersOverlap(a: string, b: string): boolean {
  if (a === b || a === '::' || b === '::') return true;
  if (a === '0.0.0.0') return !isIPv6(b);
  if (b === '0.0.0.0') return !isIPv6(a);
  return false;
}

/** Whether two hosts differ as text but are most likely the same place: `localhost` and a literal it stands for. */
export function maybeSame(a: string, b: string): boolean {
  const literals = new Set(['127.0.0.1', '::1']);
  return (a === 'localhost' && literals.has(b)) || (b === 'localhost' && literals.has(a));
}

/** Splits `127.0.0.1:9296` or `[::1]:9296`; null if it is not an address with a port. */
export function splitAddress(text: string): { readonly host: string; readonly port: number } | null {
  const match = /^(\[[^\]]+\]|[^:]+):(\d{1,5})$/.exec(text);
  const host = withoutBrackets(match?.[1] ?? '');
  const port = Number(match?.[2] ?? 0);
  return match === null || port < 1 || port > 65_535 ? null : { host, port };
}

/** Returns why `text` is not a valid address to listen on, or null. */
export function judgeAddress(text: string): Complaint | null {
  const parts = splitAddress(text);
  const host = parts?.host ?? '';
  if (parts !== null && (isIPv4(host) || isIPv6(host) || host === 'localhost')) return null;
  return { expected: 'expected an IP address and a port', hint: 'for example "127.0.0.1:9296" or "[::1]:9296"' };
}
