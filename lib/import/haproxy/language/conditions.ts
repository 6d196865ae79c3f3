// Parses `if …` and `unless …` with the ACLs they name, as far as bal can express them.
import { SERVER_NAME } from '../../names.ts';
import { networkText, wholeNumber } from '../../values.ts';
import type { HaLine } from './sections.ts';

export type Test =
  | { readonly kind: 'src'; readonly networks: readonly string[] }
  /** Names in bal's form. `near`: approximately what was asked for. */
  | { readonly kind: 'sni'; readonly names: readonly string[]; readonly near: boolean }
  | { readonly kind: 'alpn'; readonly protocols: readonly string[] }
  /** The client has sent something, or a TLS hello. */
  | { readonly kind: 'hello' }
  | { readonly kind: 'port'; readonly ports: readonly number[] }
  /** More than `most` connections at once, or in the table's period. */
  | {
      readonly kind: 'rate';
      readonly what: 'cur' | 'rate';
      readonly most: number;
      readonly table: string | null;
      /** The counter it needs tracked, such as `sc0`; null for the client's own address. */
      readonly counter: string | null;
    }
  | { readonly kind: 'constant'; readonly holds: boolean }
  | { readonly kind: 'unknown' };

export interface Literal {
  readonly negated: boolean;
  /** Holds if one of them does. */
  readonly tests: readonly Test[];
}

/** Holds if one of these lists holds as a whole; null if it cannot be parsed. */
export type Condition = readonly (readonly Literal[])[] | null;

export type Acls = ReadonlyMap<string, readonly HaLine[]>;

const KNOWN = new WeakMap<readonly HaLine[], Acls>();

/** Collects the ACLs of a section's lines; each section is read once. */
export function aclsOf(lines: readonly HaLine[]): Acls {
  const known = KNOWN.get(lines);
  if (known !== undefined) return known;
  const acls = new Map<string, HaLine[]>();
  for (const line of lines) {
    const [word, name = ''] = line.words;
    if (word !== 'acl') continue;
    const before = acls.get(name);
    if (before === undefined) acls.set(name, [line]);
    else before.push(line);
  }
  KNOWN.set(lines, acls);
  return acls;
}

const TESTS = new WeakMap<HaLine, Test>();

function testOf(line: HaLine): Test {
  const test = TESTS.get(line) ?? readTest(line.words.slice(2));
  TESTS.set(line, test);
  return test;
}

export interface Asked {
  readonly condition: Condition;
  /** The `acl` lines it names. */
  readonly acls: readonly HaLine[];
}

/** `words` starts at `if` or `unless`; empty means always. */
export function readCondition(words: readonly string[], acls: Acls): Asked {
  const [keyword, ...terms] = words;
  if (keyword === undefined) return { condition: [[]], acls: [] };
  const used: HaLine[] = [];
  const lists: Literal[][] = [[]];
  for (let i = 0; i < terms.length; i++) {
    const term = terms[i] ?? '';
    if (/^(or|OR|\|\|)$/.test(term)) lists.push([]);
    else {
      const negations = /^!*/.exec(term)?.[0].length ?? 0;
      let name = term.slice(negations);
      if (name === '' && negations > 0) name = terms[++i] ?? '';
      const negated = negations % 2 === 1;
      if (name === '{') {
        const end = terms.indexOf('}', i);
        if (end === -1) return { condition: null, acls: used };
        lists.at(-1)?.push({ negated, tests: [readTest(terms.slice(i + 1, end))] });
        i = end;
      } else {
        const lines = acls.get(name) ?? [];
        for (const line of lines) used.push(line);
        const tests = lines.length > 0 ? lines.map(testOf) : [predefined(name)];
        lists.at(-1)?.push({ negated, tests });
      }
    }
  }
  if (keyword === 'if') return { condition: lists, acls: used };
  const [only, ...others] = lists;
  const [literal, ...more] = only ?? [];
  if (keyword !== 'unless' || literal === undefined || others.length + more.length > 0) {
    return { condition: null, acls: used };
  }
  return { condition: [[{ ...literal, negated: !literal.negated }]], acls: used };
}

function predefined(name: string): Test {
  if (name === 'LOCALHOST') return { kind: 'src', networks: ['127.0.0.0/8', '::1'] };
  if (name === 'TRUE' || name === 'FALSE') return { kind: 'constant', holds: name === 'TRUE' };
  return { kind: name === 'WAIT_END' || name === 'REQ_CONTENT' ? 'hello' : 'unknown' };
}

/** Parses the criterion with its flags and values. */
function readTest(words: readonly string[]): Test {
  const [fetch = '', ...rest] = words;
  const { method, values } = readValues(rest);
  if (values === null) return { kind: 'unknown' };
  const plain = fetch.toLowerCase().replace(/,(lower|url_dec)$/, '');
  if (plain === 'src' && (method === '' || method === 'ip')) return srcTest(values);
  if (plain === 'req.ssl_sni' || plain === 'req_ssl_sni') return sniTest(method, values);
  if (plain === 'req.ssl_alpn' && method === '' && values.length > 0) return { kind: 'alpn', protocols: values };
  if (isOfHello(plain, values)) return { kind: 'hello' };
  if (plain === 'dst_port') return portTest(values);
  if (/^always_(true|false)$/.test(plain)) return { kind: 'constant', holds: plain === 'always_true' };
  return rateTest(plain, values);
}

/** Values are null if they are in a file or are no plain values. */
function readValues(words: readonly string[]): { readonly method: string; readonly values: readonly string[] | null } {
  let method = '';
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (word === '-m') method = words[++i] ?? '';
    else if (word === '--') return { method, values: words.slice(i + 1) };
    else if (word === '-f' || word === '-M' || word === '-u') return { method, values: null };
    else if (word !== '-i' && word !== '-n') return { method, values: words.slice(i) };
  }
  return { method, values: [] };
}

function srcTest(values: readonly string[]): Test {
  const networks = values.map(networkText);
  const known = networks.filter((it) => it !== null);
  return known.length === networks.length && known.length > 0 ? { kind: 'src', networks: known } : { kind: 'unknown' };
}

function sniTest(method: string, values: readonly string[]): Test {
  const bare = values.map((it) => it.replace(/^\./, ''));
  if (values.length === 0 || !bare.every((it) => SERVER_NAME.test(it))) return { kind: 'unknown' };
  if (method === '' || method === 'str') return { kind: 'sni', names: values, near: false };
  if (method !== 'end' && method !== 'dom') return { kind: 'unknown' };
  const isStrict = method === 'end' && values.every((it) => it.startsWith('.'));
  const names = values.flatMap((it, i) => {
    const wild = `*.${bare[i] ?? ''}`;
    return method === 'end' && it.startsWith('.') ? [wild] : [bare[i] ?? '', wild];
  });
  return { kind: 'sni', names, near: !isStrict };
}

/** Whether the test passes for every TLS hello and nothing else: bal waits for a hello anyway. */
function isOfHello(fetch: string, values: readonly string[]): boolean {
  if (/^req[._]ssl_hello_type$/.test(fetch)) return values.join(' ') === '1';
  if (/^req[._]len$/.test(fetch)) return /^(gt|ge) \d$/.test(values.join(' '));
  return fetch === 'wait_end';
}

function portTest(values: readonly string[]): Test {
  const ports = values.map((it) => wholeNumber(it, 1, 65_535)).filter((it) => it !== null);
  return ports.length === values.length && ports.length > 0 ? { kind: 'port', ports } : { kind: 'unknown' };
}

function rateTest(fetch: string, values: readonly string[]): Test {
  const [, source, what] = /^(src|sc\d?)_conn_(cur|rate)/.exec(fetch) ?? [];
  const [, table = ''] = /\(([^)]*)\)$/.exec(fetch) ?? [];
  const [operator, number] = values;
  const limit = wholeNumber(number, 0, 1_000_000);
  if (source === undefined || limit === null || values.length !== 2 || (operator !== 'gt' && operator !== 'ge')) {
    return { kind: 'unknown' };
  }
  const given = table.split(',').map((it) => it.trim());
  const name = given.find((it) => it !== '' && !/^\d+$/.test(it)) ?? null;
  return {
    kind: 'rate',
    what: what === 'cur' ? 'cur' : 'rate',
    most: operator === 'gt' ? limit : limit - 1,
    table: name,
    counter: source === 'src' ? null : source === 'sc' ? `sc${given[0] ?? ''}` : source,
  };
}
