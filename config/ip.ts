// IP addresses as bytes and as text. Free of typebox.

/** Offset of the IPv4 address in the sixteen bytes of an IPv4-mapped address. */
const MAPPED_AT = 12;

/**
 * Parses the literal in `text` between `from` and `to` into sixteen bytes at `at`, IPv4 as IPv4-mapped (::ffff:…). Returns
 * false for anything else, including an address with a zone; the bytes are then undefined. Hand-written, because it runs for
 * every connection.
 */
export function readIp(text: string, from: number, to: number, bytes: Uint8Array, at: number): boolean {
  for (let i = from; i < to; i++) if (text.charCodeAt(i) === COLON) return readIpv6(text, from, to, bytes, at);
  bytes.fill(0, at, at + MAPPED_AT - 2);
  bytes.fill(0xff, at + MAPPED_AT - 2, at + MAPPED_AT);
  return readIpv4(text, from, to, bytes, at + MAPPED_AT);
}

const [COLON, POINT, ZERO] = [58, 46, 48] as const;

/** Four numbers without leading zeros. */
function readIpv4(text: string, from: number, to: number, bytes: Uint8Array, at: number): boolean {
  let [value, digits, parts] = [0, 0, 0];
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    if (code === POINT) {
      if (digits === 0 || parts === 3) return false;
      bytes[at + parts++] = value;
      value = digits = 0;
      continue;
    }
    const digit = code - ZERO;
    if (!(digit >= 0 && digit <= 9) || (digits > 0 && value === 0)) return false;
    value = value * 10 + digit;
    digits++;
    if (value > 255) return false;
  }
  bytes[at + parts] = value;
  return parts === 3 && digits > 0;
}

function readIpv6(text: string, from: number, to: number, bytes: Uint8Array, at: number): boolean {
  const end = at + 16;
  let place = at;
  /** Position of `::`; the bytes written after it are moved to the end. */
  let gap = -1;
  let i = from;
  if (text.startsWith('::', from)) {
    gap = place;
    i += 2;
  }
  while (i < to) {
    if (place >= end) return false;
    let next = i;
    let value = 0;
    for (; next < to && next < i + 5; next++) {
      const digit = hexOf(text.charCodeAt(next));
      if (digit < 0) break;
      value = value * 16 + digit;
    }
    if (next < to && text.charCodeAt(next) === POINT) {
      if (place + 4 > end || !readIpv4(text, i, to, bytes, place)) return false;
      place += 4;
      break;
    }
    if (next === i || next > i + 4) return false;
    bytes[place++] = value >> 8;
    bytes[place++] = value & 0xff;
    if (next === to) break;
    if (text.charCodeAt(next) !== COLON) return false;
    i = next + 1;
    if (i < to && text.charCodeAt(i) === COLON) {
      if (gap !== -1) return false;
      gap = place;
      i++;
    } else if (i === to) return false;
  }
  if (gap === -1) return place === end;
  if (place === end) return false;
  bytes.copyWithin(end - (place - gap), gap, place);
  bytes.fill(0, gap, end - (place - gap));
  return true;
}

function hexOf(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const letter = code | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

/** Whether the sixteen bytes are an IPv4-mapped address. */
export function isIpv4In(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < MAPPED_AT; i++) if (bytes[at + i] !== (i < MAPPED_AT - 2 ? 0 : 0xff)) return false;
  return true;
}

/** Formats four bytes. */
export function ipv4Text(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

/** Formats sixteen bytes as in RFC 5952: lower case, the longest run of zeros left out. */
export function ipv6Text(bytes: Uint8Array, at: number): string {
  if (isIpv4In(bytes, at)) return `::ffff:${ipv4Text(bytes, at + MAPPED_AT)}`;
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[at + 2 * i] ?? 0) << 8) | (bytes[at + 2 * i + 1] ?? 0));
  let [longest, from] = [1, -1];
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (groups[i + length] === 0) length++;
    if (length > longest) [longest, from] = [length, i];
  }
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  return from === -1 ? hex(groups) : `${hex(groups.slice(0, from))}::${hex(groups.slice(from + longest))}`;
}
