// CRC-32C (Castagnoli, RFC 3720). node:zlib has only CRC-32 with another polynomial.

const POLYNOMIAL = 0x82f6_3b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value;
});

/** The checksum of the bytes from `from` up to `to`, continuing from the checksum `before`. */
export function crc32c(bytes: Uint8Array, from: number, to: number, before = 0): number {
  let value = ~before;
  for (let i = from; i < to; i++) value = (TABLE[(value ^ (bytes[i] ?? 0)) & 0xff] ?? 0) ^ (value >>> 8);
  return ~value >>> 0;
}
