// Hashes a client's address. Instances and versions must agree, so an address's hash never changes (source-hash.test.ts has
// examples). MurmurHash3's steps and finalizer, one character at a time, from a fixed seed: a flip of any input bit flips each
// output bit about half the time.

const SEED = 0x62616c31; // "bal1"

/** Hashes `text` from `begin` up to, not including, `end`; 32 bits, unsigned. */
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

/** Derives a further hash of the same client, or one of a client and an endpoint. */
export function mix(number: number): number {
  let hash = number;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const MAPPED = '::ffff:';

/** Hashes a client's address in the engines' form (`ip:port`, `[ip]:port`) without the port. An IPv4-mapped address is hashed as IPv4. */
export function hashOfClient(address: string): number {
  const isIpv6 = address.charCodeAt(0) === 91; // "["
  const end = isIpv6 ? address.indexOf(']') : address.lastIndexOf(':');
  if (end < 0) return hashOf(address);
  if (!isIpv6) return hashOf(address, 0, end);
  if (address.startsWith(MAPPED, 1) && address.includes('.')) return hashOf(address, 1 + MAPPED.length, end);
  // The zone of a link-local address is local to this machine.
  const zone = address.indexOf('%');
  return hashOf(address, 1, zone < 0 ? end : zone);
}
