// The TLS criteria by which services share a port: server names and protocols (ALPN). Free of typebox.
import { isIP } from 'node:net';
import { judgeHost, withoutBrackets, type Complaint } from './host.ts';

const MAX_NAMES = 1000;
const MAX_PROTOCOLS = 32;
const NAMES_EXPECTED = `expected a server name, such as "www.example.com" or "*.example.com", or a list of up to ${MAX_NAMES}`;
const PROTOCOLS_EXPECTED = `expected a protocol of ALPN, such as "h2" or "http/1.1", or a list of up to ${MAX_PROTOCOLS}`;
const WILDCARD = '*.';

/** Returns why the value of `server_name` is invalid, or null. */
export function judgeServerNames(value: unknown): Complaint | null {
  return judgeList(value, NAMES_EXPECTED, MAX_NAMES, hintForName, serverNamesOf);
}

/** Returns why the value of `alpn` is invalid, or null. */
export function judgeProtocols(value: unknown): Complaint | null {
  return judgeList(value, PROTOCOLS_EXPECTED, MAX_PROTOCOLS, hintForProtocol, textsOf);
}

/** Returns the names of a valid value in lower case. */
export function serverNamesOf(value: unknown): readonly string[] {
  return textsOf(value).map((name) => name.toLowerCase());
}

export function protocolsOf(value: unknown): readonly string[] {
  return textsOf(value);
}

function textsOf(value: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.filter((it) => typeof it === 'string').filter((it) => it !== '');
}

/** `hintOf` returns null for a valid text; `spelled` normalizes all, so that equal ones compare equal. */
function judgeList(
  value: unknown,
  expected: string,
  most: number,
  hintOf: (text: string) => string | null,
  spelled: (value: unknown) => readonly string[],
): Complaint | null {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0 || list.length > most) return { expected, hint: null };
  for (const it of list) {
    const hint = typeof it === 'string' ? hintOf(it) : 'each must be a text';
    if (hint !== null) return { expected, hint };
  }
  const isEachOnce = new Set(spelled(value)).size === list.length;
  return isEachOnce ? null : { expected: `${expected}, each once`, hint: null };
}

function hintForName(text: string): string | null {
  const none = `${JSON.stringify(text)} is none`;
  if (isIP(withoutBrackets(text)) !== 0) return `${none}: clients that connect to an address ask for no name`;
  if (text === '*') return 'a service without "server_name" gets whoever asks for another name, or for none';
  const name = text.startsWith(WILDCARD) ? text.slice(WILDCARD.length) : text;
  if (name.includes('*')) return `${none}: "*." may only stand before all the rest, for one or more labels`;
  if (name.endsWith('.')) return 'leave out the final dot';
  const complaint = judgeHost(name);
  return complaint === null ? null : (complaint.hint ?? none);
}

function hintForProtocol(text: string): string | null {
  if (/^[\x21-\x2b\x2d-\x7e]{1,255}$/.test(text)) return null;
  return text.includes(',') ? 'write a list, with one protocol each' : `${JSON.stringify(text)} is none`;
}
