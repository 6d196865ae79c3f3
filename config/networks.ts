// Networks (CIDR) as in the file, and whether an address is in them. Free of typebox. An IPv4 address equals its IPv4-mapped
// form, so that the family of the socket a client used does not matter.
import type { Complaint } from './host.ts';
import { isIpv4In, readIp, ipv4Text, ipv6Text } from './ip.ts';

const EXPECTED = 'expected a network, such as "10.0.0.0/8" or "fd00::/8", or an address';

export interface Network {
  /** Sixteen bytes with the host bits cleared. */
  readonly bytes: Uint8Array;
  /** Counted over the sixteen bytes, so 96 and more for IPv4. */
  readonly prefix: number;
}

/** Parses a network and clears its host bits; null if invalid. */
export function networkOf(text: string): Network | null {
  const slash = text.indexOf('/');
  const end = slash === -1 ? text.length : slash;
  const bytes = new Uint8Array(16);
  if (!readIp(text, 0, end, bytes, 0)) return null;
  const own = text.slice(0, end).includes(':') ? 128 : 32;
  const written = slash === -1 ? String(own) : text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(written) || Number(written) > own) return null;
  const prefix = Number(written) + 128 - own;
  for (let i = 0; i < 16; i++) bytes[i] = (bytes[i] ?? 0) & maskAt(prefix, i);
  return { bytes, prefix };
}

/** Returns the mask of one byte of the prefix. */
function maskAt(prefix: number, place: number): number {
  const bits = Math.min(8, Math.max(0, prefix - 8 * place));
  return (0xff << (8 - bits)) & 0xff;
}

export function judgeNetwork(text: string): Complaint | null {
  if (networkOf(text) !== null) return null;
  const [address = '', prefix] = text.split('/');
  if (networkOf(address) === null) return { expected: EXPECTED, hint: null };
  const most = address.includes(':') ? 128 : 32;
  return { expected: EXPECTED, hint: `"${prefix}" is no number of bits 0..${most}` };
}

/** Returns the network written without host bits; null if it already is. */
export function betterSpelling(text: string): string | null {
  const network = networkOf(text);
  const [address = '', prefix] = text.split('/');
  if (network === null || prefix === undefined) return null;
  const { bytes } = network;
  const whole = new Uint8Array(16);
  readIp(address, 0, address.length, whole, 0);
  if (whole.every((byte, i) => byte === bytes[i])) return null;
  return `${isIpv4In(whole, 0) && !address.includes(':') ? ipv4Text(bytes, 12) : ipv6Text(bytes, 0)}/${prefix}`;
}

export interface Networks {
  /** `ip` has sixteen bytes, see readIp(). */
  has(ip: Uint8Array): boolean;
}

/** Takes valid networks (judgeNetwork()) and searches them linearly, so pass few. */
export function networksOf(texts: readonly string[]): Networks {
  const networks = texts.flatMap((text) => networkOf(text) ?? []);
  return { has: (ip) => networks.some((network) => isIn(network, ip)) };
}

function isIn({ bytes, prefix }: Network, ip: Uint8Array): boolean {
  const whole = prefix >> 3;
  for (let i = 0; i < whole; i++) if (bytes[i] !== ip[i]) return false;
  return (prefix & 7) === 0 || bytes[whole] === ((ip[whole] ?? 0) & maskAt(prefix, whole));
}
