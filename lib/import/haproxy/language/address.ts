// Parses `10.0.0.1:80`, `:80`, `*:80-90`, `[::1]:80`, `unix@/run/a.sock`.
import { entryFor } from '../../values.ts';

export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly ports: Ports }
  | { readonly kind: 'unix'; readonly path: string }
  /** Something bal does not support, in words. */
  | { readonly kind: 'other'; readonly what: string };

export type Ports =
  | { readonly kind: 'none' }
  | { readonly kind: 'range'; readonly from: number; readonly to: number }
  /** For a server: an offset from the port the client connected to. */
  | { readonly kind: 'offset'; readonly by: number };

const OTHERS: Readonly<Record<string, string>> = {
  fd: 'an inherited socket',
  sockpair: 'an inherited socket',
  abns: 'an abstract Unix socket',
  abnsz: 'an abstract Unix socket',
  udp: 'UDP',
  udp4: 'UDP',
  udp6: 'UDP',
  quic4: 'QUIC',
  quic6: 'QUIC',
  dgram: 'datagrams',
  rhttp: 'reverse HTTP',
  'rev@': 'reverse HTTP',
};

export function readAddress(text: string): Address {
  const [, prefix = '', rest = text] = /^([a-z0-9+]+)@(.*)$/s.exec(text) ?? [];
  const family = prefix.replace(/^stream\+/, '').replace(/^mptcp/, 'ipv');
  const other = entryFor(OTHERS, family) ?? (prefix.startsWith('dgram') ? 'datagrams' : undefined);
  if (other !== undefined) return { kind: 'other', what: other };
  if (family === 'unix' || (prefix === '' && rest.startsWith('/'))) return { kind: 'unix', path: rest };
  if (!['', 'ipv4', 'ipv6', 'ip', 'stream', 'tcp', 'tcp4', 'tcp6'].includes(family)) {
    return { kind: 'other', what: `"${prefix}@"` };
  }
  const [, host, ports] = splitAtPort(rest);
  const read = readPorts(ports);
  if (read === null) return { kind: 'other', what: 'no port that can be read' };
  const plain = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  return { kind: 'tcp', host: plain === '*' ? '' : plain, ports: read };
}

/** Splits at the last colon, unless it is part of an address in brackets. */
function splitAtPort(text: string): readonly [string, string, string] {
  if (text.endsWith(']')) return [text, text, ''];
  const colon = text.lastIndexOf(':');
  return colon === -1 ? [text, text, ''] : [text, text.slice(0, colon), text.slice(colon + 1)];
}

function readPorts(text: string): Ports | null {
  if (text === '') return { kind: 'none' };
  const [, sign, from = '', to = from] = /^([+-]?)(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  if (sign === undefined) return null;
  if (sign !== '') return { kind: 'offset', by: Number(`${sign}${from}`) };
  const range = { kind: 'range', from: Number(from), to: Number(to) } as const;
  return range.to > 65_535 || range.from > range.to ? null : range;
}
