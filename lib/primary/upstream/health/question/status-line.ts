// Parses the status line of an HTTP response strictly (RFC 9112, section 4), from as few bytes as there are so far. Pure.

export type StatusLine =
  /** Valid so far. */
  | { readonly kind: 'more' }
  | { readonly kind: 'status'; readonly code: number }
  | { readonly kind: 'wrong'; readonly what: string };

/** Real ones have some 20 bytes. */
export const MAX_STATUS_LINE = 1024;

/** `d` is a digit. The major version must be 1: HTTP/2 and later have no such line. */
const FORM = 'HTTP/1.d ddd';

const [SPACE, TAB, CR, LF, DELETE] = [0x20, 0x09, 0x0d, 0x0a, 0x7f] as const;

/** `bytes` is everything received so far; only the first MAX_STATUS_LINE are read. */
export function readStatusLine(bytes: Uint8Array): StatusLine {
  for (let i = 0; i < Math.min(bytes.length, FORM.length); i++) {
    if (!isOfForm(bytes[i] ?? 0, FORM.charCodeAt(i))) return { kind: 'wrong', what: 'is no HTTP' };
  }
  if (bytes.length <= FORM.length) return { kind: 'more' };
  const code = Number(String.fromCharCode(...bytes.subarray(FORM.length - 3, FORM.length)));
  if (code < 100 || code > 599) return { kind: 'wrong', what: `has no status code: ${code}` };
  // After the code comes a space and the reason. Some servers omit both.
  const first = bytes[FORM.length];
  if (first !== SPACE && first !== CR && first !== LF) return { kind: 'wrong', what: 'is no HTTP' };
  for (let i = FORM.length; i < Math.min(bytes.length, MAX_STATUS_LINE); i++) {
    const byte = bytes[i] ?? 0;
    if (byte === LF) return { kind: 'status', code };
    if (byte === CR) {
      if (i + 1 === bytes.length) return { kind: 'more' };
      return bytes[i + 1] === LF ? { kind: 'status', code } : { kind: 'wrong', what: 'is no HTTP' };
    }
    if ((byte < SPACE && byte !== TAB) || byte === DELETE) return { kind: 'wrong', what: 'is no HTTP' };
  }
  if (bytes.length < MAX_STATUS_LINE) return { kind: 'more' };
  return { kind: 'wrong', what: `has a first line of more than ${MAX_STATUS_LINE} bytes` };
}

function isOfForm(byte: number, wanted: number): boolean {
  return wanted === 0x64 ? byte >= 0x30 && byte <= 0x39 : byte === wanted;
}
