// Converts `proxy_pass`, plain or through a `map` of TLS criteria, into routes.
import type { Ledger } from '../ledger.ts';
import { SERVER_NAME } from '../names.ts';
import { wholeNumber } from '../values.ts';
import { last, type Directive, type Scope } from './language/tree.ts';

export interface Route {
  /** Name of an upstream, or an address. */
  readonly to: string;
  readonly at: Directive;
  readonly names: readonly string[];
  readonly protocols: readonly string[];
}

const PLAIN_VARIABLE = /^\$\{?(\w+)\}?$/;
const OWN_PORT = 'bal chooses by server name and ALPN only: give those clients a server with a port of its own';

/** Returns null, with a note, if bal cannot follow it. */
export function routesOf(pass: Directive, scope: Scope, maps: readonly Directive[], ledger: Ledger): Route[] | null {
  const [to = ''] = pass.args;
  if (!to.includes('$')) ledger.used(pass);
  if (!to.includes('$')) return [{ to, at: pass, names: [], protocols: [] }];
  const name = PLAIN_VARIABLE.exec(to)?.[1];
  const map = maps.findLast(({ args }) => name !== undefined && PLAIN_VARIABLE.exec(args[1] ?? '')?.[1] === name);
  if (map === undefined) {
    ledger.lost(pass, 'the address is made for each client', 'write a map from $ssl_preread_server_name to upstreams');
    return null;
  }
  const source = PLAIN_VARIABLE.exec(map.args[0] ?? '')?.[1] ?? '';
  const isRead = last(scope, 'ssl_preread')?.args[0] === 'on';
  ledger.used(pass, map, last(scope, 'ssl_preread'));
  if (source !== 'ssl_preread_server_name' && source !== 'ssl_preread_alpn_protocols') {
    ledger.lost(map, `bal does not choose by $${source}`, OWN_PORT, `map ${map.args.join(' ')}`);
    return null;
  }
  const entries = entriesOf(map, source === 'ssl_preread_server_name', ledger);
  const routes = isRead ? entries : entries.filter(({ names, protocols }) => names.length + protocols.length === 0);
  if (!isRead) ledger.differs(pass, 'ssl_preread is off, so only the default of the map counts');
  return routes;
}

interface Entry extends Route {
  /** nginx tries exact names first, then the longest wildcard, then patterns. */
  readonly rank: number;
}

function entriesOf(map: Directive, byName: boolean, ledger: Ledger): Route[] {
  const block = map.block ?? [];
  const hasMasks = block.some(({ name }) => name === 'hostnames');
  const entries: Entry[] = [];
  let fallback: Route | null = null;
  let unnamed: Route | null = null;
  for (const at of block) {
    const { name: key } = at;
    const [to = ''] = at.args;
    if (key === 'hostnames' || key === 'volatile') ledger.used(at);
    else if (to.includes('$'))
      ledger.lost(at, 'the address is made for each client', 'write each name with its upstream');
    else if (key === 'default') fallback = { to, at, names: [], protocols: [] };
    else if (key === '') unnamed = { to, at, names: [], protocols: [] };
    else {
      const found = byName ? namesOf(key, hasMasks) : protocolOf(key);
      if (found === null) ledger.lost(at, byName ? NO_PATTERN : NO_PROTOCOL, OWN_PORT);
      else entries.push({ to, at, ...found });
    }
  }
  entries.sort((a, b) => b.rank - a.rank);
  const routes = grouped(entries, ledger);
  // In bal, clients without a name get the same as those with an unknown one.
  const rest = fallback ?? unnamed;
  if (unnamed !== null && fallback !== null && unnamed.to !== fallback.to) {
    ledger.lost(unnamed.at, 'clients without a name get the default', 'give them a port of their own');
  } else if (unnamed !== null) ledger.used(unnamed.at);
  if (fallback === null && unnamed !== null) ledger.differs(unnamed.at, 'who asks for another gets it, too');
  if (rest === null) return routes;
  ledger.used(rest.at);
  return rest.to === '' ? routes : [...routes, rest];
}

const NO_PATTERN = 'bal takes names and *.names, and no other patterns';
const NO_PROTOCOL = 'bal takes single protocols';

/** Merges entries with the same target. */
function grouped(entries: readonly Entry[], ledger: Ledger): Route[] {
  const byTarget = new Map<string, Route>();
  for (const { to, at, names, protocols } of entries) {
    ledger.used(at);
    if (to === '') ledger.lost(at, 'bal would give these clients the default', 'give them a service of their own');
    const before = byTarget.get(to);
    if (to === '') continue;
    const all =
      before === undefined
        ? { names, protocols }
        : { names: [...before.names, ...names], protocols: [...before.protocols, ...protocols] };
    byTarget.set(to, { to, at: before?.at ?? at, ...all });
  }
  return [...byTarget.values()];
}

/** Parses a key of `map` or `server_name`; null if bal has no equivalent. */
export function namesOf(key: string, hasMasks: boolean): { names: string[]; protocols: string[]; rank: number } | null {
  const length = key.length;
  const found = (names: string[], rank: number) => ({ names, protocols: [], rank });
  if (SERVER_NAME.test(key)) return found([key], 1_000_000);
  const bare = key.replace(/^(\*)?\./, '');
  if (hasMasks && SERVER_NAME.test(bare) && bare !== key) {
    return found(key.startsWith('.') ? [bare, `*.${bare}`] : [`*.${bare}`], 1000 + length);
  }
  // A pattern that matches a single name, or all names below one.
  const [, wild = '', literal = ''] = /^~\*?\^?((?:\(?\.[*+]\)?)?(?:\\\.)?)((?:[a-z0-9_-]|\\\.)+)\$$/i.exec(key) ?? [];
  const plain = literal.replaceAll('\\.', '.');
  if (!SERVER_NAME.test(plain)) return null;
  const isAnchored = /^~\*?\^/.test(key);
  if (wild === '' && isAnchored) return found([plain], 0);
  return wild.endsWith('\\.') ? found([`*.${plain}`], 0) : null;
}

/** `h2`, `~\bh2\b`. */
function protocolOf(key: string): { names: string[]; protocols: string[]; rank: number } | null {
  const [, plain = ''] = /^(?:~\*?(?:\\b)?)?([a-z0-9/_.-]+?)(?:\\b)?$/i.exec(key) ?? [];
  return plain === '' ? null : { names: [], protocols: [plain.replaceAll('\\.', '.')], rank: 0 };
}

/** Interprets `limit_conn ZONE N` by the key of its zone. */
export function connectionLimit(
  limit: Directive,
  zones: readonly Directive[],
): { readonly per: 'source' | 'server'; readonly most: number } | null {
  const [zone = '', number] = limit.args;
  const found = zones.find(({ args }) => args.some((it) => it.startsWith(`zone=${zone}:`)));
  const most = wholeNumber(number, 1);
  const [key = ''] = found?.args ?? [];
  if (most === null) return null;
  if (/^\$\{?(binary_)?remote_addr\}?$/.test(key)) return { per: 'source', most };
  return /^\$\{?(server_port|server_addr)\}?$/.test(key) ? { per: 'server', most } : null;
}
