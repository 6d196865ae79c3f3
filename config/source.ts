// The local addresses from which bal connects to a backend: one, or a list used in turn.
import { isIP } from 'node:net';
import { canonicalHost, isWildcard, judgeHost, type Complaint } from './host.ts';

const MAX_SOURCES = 64;
const EXPECTED = `expected an IPv4 or IPv6 address of this machine, or a list of up to ${MAX_SOURCES} of them`;

/** Returns why the value of `source` is invalid, or null. */
export function judgeSource(value: unknown): Complaint | null {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const written = list.filter((it) => typeof it === 'string');
  const isList = list.length > 0 && list.length <= MAX_SOURCES && written.length === list.length;
  if (!isList) return { expected: EXPECTED, hint: null };
  for (const address of written) {
    const canonical = canonicalHost(address);
    const complaint = judgeHost(address);
    const isOne = isIP(canonical) !== 0 && !isWildcard(canonical) && complaint === null;
    const hint = complaint?.hint ?? (Array.isArray(value) ? `${JSON.stringify(address)} is none` : null);
    if (!isOne) return { expected: EXPECTED, hint };
  }
  const isEachOnce = new Set(written.map(canonicalHost)).size === written.length;
  return isEachOnce ? null : { expected: `${EXPECTED}, each once`, hint: null };
}

/** Returns the canonical addresses of a valid value. */
export function sourcesOf(value: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.flatMap((it) => (typeof it === 'string' && it !== '' ? [canonicalHost(it)] : []));
}
