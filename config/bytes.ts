// Bytes in the configuration: text with escapes, parsed and printed. Free of typebox.
import type { Complaint } from './host.ts';

const NAMED: ReadonlyMap<string, number> = new Map([
  ['r', 0x0d],
  ['n', 0x0a],
  ['t', 0x09],
  ['\\', 0x5c],
]);

const EXPECTED = 'expected bytes as text with escapes';

/**
 * Parses `PING\r
 * `, `\x00\xff`. YAML already decodes the escapes of double-quoted text and leaves those of single-quoted and plain text to us;
 * both yield the same bytes. So a character up to U+00FF is one byte.
 */
export function bytesOf(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const { hex, name, plain } of piecesOf(text)) {
    if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
    else if (name !== undefined) bytes.push(NAMED.get(name) ?? 0);
    else if (plain !== undefined) bytes.push(plain.charCodeAt(0));
  }
  return Uint8Array.from(bytes);
}

/** Returns why `text` is not valid as bytes, or null. */
export function judgeBytes(text: string): Complaint | null {
  for (const { hex, name, plain } of piecesOf(text)) {
    if (plain !== undefined && plain.codePointAt(0) === 0x5c) {
      return {
        expected: EXPECTED,
        hint: String.raw`after a backslash comes r, n, t, x and two hex digits, or a backslash`,
      };
    }
    if (hex === undefined && name === undefined && (plain?.codePointAt(0) ?? 0) > 0xff) {
      return {
        expected: EXPECTED,
        hint: String.raw`write each byte of a character like this one as \x and two hex digits`,
      };
    }
  }
  return null;
}

interface Piece {
  readonly hex: string | undefined;
  readonly name: string | undefined;
  readonly plain: string | undefined;
}

function piecesOf(text: string): Piece[] {
  return Array.from(text.matchAll(/\\x([0-9a-f]{2})|\\([rnt\\])|(.)/gisu), ([, hex, name, plain]) => {
    return { hex, name, plain };
  });
}

const SHOWN: ReadonlyMap<number, string> = new Map(Array.from(NAMED, ([name, byte]) => [byte, `\\${name}`]));

/** Formats bytes as text that is safe on a terminal; bytes beyond `atMost` are left out. */
export function showBytes(bytes: Uint8Array, atMost = Infinity): string {
  const shown = Array.from(bytes.subarray(0, atMost), (byte) => {
    const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x5c;
    return isPlain ? String.fromCharCode(byte) : (SHOWN.get(byte) ?? `\\x${byte.toString(16).padStart(2, '0')}`);
  });
  return shown.join('') + (bytes.length > atMost ? '…' : '');
}
