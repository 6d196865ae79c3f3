// Converts words of both languages into values.
import { judgeHost, judgePeer } from '../../config/host.ts';
import { networkOf } from '../../config/networks.ts';

const HAPROXY_UNITS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Converts `30s`, `1m`, `500` (milliseconds, unless `unit` says otherwise) to milliseconds; null if invalid. */
export function haproxyTime(text: string | undefined, unit = 'ms'): number | null {
  const found = /^(\d{1,12})(us|ms|s|m|h|d)?$/.exec(text ?? '');
  return found === null ? null : Math.ceil(Number(found[1]) * (HAPROXY_UNITS[found[2] ?? unit] ?? 1));
}

const NGINX_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  '': 1000,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
  M: 30 * 86_400_000,
  y: 365 * 86_400_000,
};

/** Converts `30s`, `1m 30s`, `60` (seconds) to milliseconds; null if invalid. */
export function nginxTime(text: string | undefined): number | null {
  if (!/^(?=\d)(\d{1,9}(ms|[smhdwMy]) ?){0,8}(\d{1,9})?$/.test(text ?? '')) return null;
  const parts = Array.from((text ?? '').matchAll(/(\d+)(ms|[smhdwMy])?/g));
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * (NGINX_UNITS[unit ?? ''] ?? 1000), 0);
}

/** Parses a whole number within the bounds; null if invalid. */
export function wholeNumber(text: string | undefined, least = 0, most = 1_000_000): number | null {
  const value = /^\d{1,10}$/.test(text ?? '') ? Number(text) : -1;
  return value >= least && value <= most ? value : null;
}

export function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}

/** Returns the own entry for a word, never an inherited property. */
export function entryFor<T>(table: Readonly<Record<string, T>>, word: string): T | undefined {
  return Object.hasOwn(table, word) ? table[word] : undefined;
}

/** For listening. */
export function isHost(host: string): boolean {
  return judgeHost(host) === null;
}

/** For connecting. */
export function isPeer(host: string): boolean {
  return judgePeer(host) === null;
}

/** Converts `10.0.0.0/255.0.0.0` to `10.0.0.0/8`; null if it is no network. */
export function networkText(text: string): string | null {
  const mask = /^([\d.]+)\/(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const written = mask === null ? text : `${mask[1]}/${prefixOf(mask[2] ?? '')}`;
  return networkOf(written) === null ? null : written;
}

/** Returns -1 for a mask that is no prefix. */
function prefixOf(mask: string): number {
  const bits = mask
    .split('.')
    .map((part) => Number(part).toString(2).padStart(8, '0'))
    .join('');
  return /^1*0*$/.test(bits) && bits.length === 32 ? bits.replaceAll('0', '').length : -1;
}

/** Returns a valid name for a service that no other one has. */
export function serviceName(wanted: string, taken: Set<string>): string {
  const plain = wanted.replaceAll(/[^A-Za-z0-9_-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  const base = (plain === '' ? 'service' : plain).slice(0, 50).replace(/-+$/, '');
  let name = base;
  for (let i = 2; taken.has(name); i++) name = `${base}-${i}`;
  taken.add(name);
  return name;
}
