// How a client's address becomes a number. Instances and versions must agree on it: what it gives for an address never changes
// (source-hash.test.ts has examples). MurmurHash3's steps and finalizer, one character at a time, from a fixed seed: each bit
// of the address changes each bit of the number about every second time.

const SEED = 0x62616c31; // "bal1"

/** Of `text` from `begin` to before `end`; 32 bits, unsigned. */
export function hashOf(text: string, begin = 0, end = text.length): number {
  let hash = SEED;
  for (let i = begin; i < end; i++) {
    let block = Math.imul(text.charCodeAt(i), 0xcc9e2d51);
    block = Math.imul((block << 15) | (block >>> 17), 0x1b873593);
    hash ^= block;
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  return mix(hash ^ (end - begin));
}

/** A further number of the same client, or one of a client and an endpoint. */
export function mix(number: number): number {
  let hash = number;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const MAPPED = '::ffff:';

/** Of a client's address as the engines give it (`ip:port`, `[ip]:port`), without the port. An IPv4 address that came over an IPv6 socket is the IPv4 address. */
export function hashOfClient(address: string): number {
  const isIpv6 = address.charCodeAt(0) === 91; // "["
  const end = isIpv6 ? address.indexOf(']') : address.lastIndexOf(':');
  if (end < 0) return hashOf(address);
  if (!isIpv6) return hashOf(address, 0, end);
  if (address.startsWith(MAPPED, 1) && address.includes('.')) return hashOf(address, 1 + MAPPED.length, end);
  // The interface of a link-local address is this machine's own matter.
  const zone = address.indexOf('%');
  return hashOf(address, 1, zone < 0 ? end : zone);
}
