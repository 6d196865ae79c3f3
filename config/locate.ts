// Finds the backends of a service in the text of a configuration, which must be valid.
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  type Document,
  type Pair,
  type Scalar,
  type YAMLSeq,
} from 'yaml';
import { withoutBrackets } from './host.ts';
import { addressOf } from './plan.ts';
import { backendKeys } from './shorthand.ts';

/** Where an entry of a list of backends is, and its address as written. */
export interface WrittenAddress {
  /** 1-based. */
  readonly line: number;
  readonly address: string;
}

/** Returns how the entry at `place` of the service's list has `address`, if not literally: with a variable, for example. */
export function writtenOtherwise(text: string, service: string, address: string, place: number): WrittenAddress | null {
  const bare = text.replace(/^\ufeff/, '');
  const document = parse(bare);
  const list = listOf(document, service);
  const item = typeof list === 'string' ? undefined : list.items[place];
  const entry = rangeOf(item);
  if (entry === null || addressIn(item, document) === address) return null;
  const values = isMap(item) ? [valueIn(item, 'unix') ?? valueIn(item, 'host'), valueIn(item, 'port')] : [item];
  const spans = values.map(rangeOf).filter((span) => span !== null);
  return {
    line: bare.slice(0, entry.from).split('\n').length,
    address: spans.map(({ from, to }) => bare.slice(from, to)).join(':'),
  };
}

export function parse(text: string): Document {
  return parseDocument(text, { uniqueKeys: false, merge: false, logLevel: 'silent' });
}

/** Returns the list with the service's backends, or why it cannot be edited. */
export function listOf({ contents }: Document, service: string): YAMLSeq | string {
  const services = valueIn(contents, 'services');
  const own = valueIn(valueIn(services, service), 'backends');
  const list = own ?? valueIn(contents, 'backends');
  if (own === undefined && isMap(services)) {
    const sharing = services.items.filter(({ value }) => valueIn(value, 'backends') === undefined);
    if (sharing.length > 1) return `the list of backends at the top level is that of ${sharing.length} services`;
  }
  if (isSeq(list) && list.range !== undefined && list.items.length > 0) return list;
  return isAlias(list)
    ? 'the list of backends is written as an alias'
    : 'the list of backends is not where it is expected';
}

function pairIn(map: unknown, key: string): Pair | undefined {
  if (!isMap(map)) return undefined;
  return map.items.find((pair) => isScalar(pair.key) && (pair.key.source ?? String(pair.key.value)) === key);
}

export function valueIn(map: unknown, key: string): unknown {
  return pairIn(map, key)?.value ?? undefined;
}

export function addressIn(item: unknown, document: Document): string | null {
  const map = isAlias(item) ? item.resolve(document) : item;
  if (isScalar(map)) return shortAddress(map);
  const resolved = (key: string): unknown => {
    const value = valueIn(map, key);
    const scalar = isAlias(value) ? value.resolve(document) : value;
    return isScalar(scalar) ? scalar.value : null;
  };
  const [host, port, unix] = [resolved('host'), resolved('port'), resolved('unix')];
  if (typeof unix === 'string') return addressOf(unix, 0);
  return typeof host === 'string' && typeof port === 'number' ? addressOf(withoutBrackets(host), port) : null;
}

function shortAddress({ value }: Scalar): string | null {
  const keys = typeof value === 'string' ? backendKeys(value) : null;
  if (keys === null) return null;
  return 'unix' in keys ? addressOf(keys.unix, 0) : addressOf(withoutBrackets(keys.host), keys.port);
}

export interface Span {
  readonly from: number;
  readonly to: number;
}

export function rangeOf(node: unknown): Span | null {
  const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : null;
  return range === null || range === undefined ? null : { from: range[0], to: range[1] };
}
