// Builds a ClientHello, as a TLS 1.3 client sends it, byte by byte.

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);

/** `padding`: size of the padding extension (RFC 7685). */
export function helloFor(name: string | null, protocols: readonly string[] = [], padding = 0): Buffer {
  const server = Buffer.from(name ?? '');
  const alpn = Buffer.concat(protocols.map((it) => Buffer.concat([Buffer.from([it.length]), Buffer.from(it)])));
  const extensions = Buffer.concat([
    ...(padding === 0 ? [] : [u16(21), u16(padding), Buffer.alloc(padding)]),
    ...(name === null
      ? []
      : [u16(0), u16(server.length + 5), u16(server.length + 3), Buffer.from([0]), u16(server.length), server]),
    ...(alpn.length === 0 ? [] : [u16(16), u16(alpn.length + 2), u16(alpn.length), alpn]),
  ]);
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    Buffer.from([0, 0, 2, 0x13, 1, 1, 0]),
    u16(extensions.length),
    extensions,
  ]);
  const message = Buffer.concat([Buffer.from([1, body.length >> 16]), u16(body.length & 65_535), body]);
  return Buffer.concat([Buffer.from([22, 3, 1]), u16(message.length), message]);
}
