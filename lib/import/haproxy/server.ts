// Converts `server`, `server-template`, `default-server` and `dispatch` into backends with their check options.
import type { Backend } from '../draft.ts';
import type { Ledger } from '../ledger.ts';
import { isPeer, isPort } from '../values.ts';
import { readAddress } from './language/address.ts';
import { noOptions, readOptions, type ServerOptions } from './server-options.ts';
import { last, type HaLine, type Section } from './language/sections.ts';

export interface Server {
  readonly line: HaLine;
  readonly backend: Backend;
  /** Offset from the client's port; null if the server has its own port, or none. */
  readonly offset: number | null;
  readonly options: ServerOptions;
}

const KEYWORDS = new Set(['server', 'server-template', 'default-server', 'dispatch']);
const NO_TLS = 'HAProxy speaks TLS to it, and bal encrypts nothing';

/** Returns null if clients would reach servers that expect TLS; there is then no service. */
export function serversOf(proxy: Section, ledger: Ledger): Server[] | null {
  const servers: Server[] = [];
  const defaults: HaLine[] = [];
  let isSound = true;
  for (const line of proxy.lines.filter(({ words }) => KEYWORDS.has(words[0] ?? ''))) {
    const [keyword, ...rest] = line.words;
    ledger.used(line);
    if (keyword === 'default-server') {
      defaults.push(line);
      continue;
    }
    const [name = '', count = '', template = ''] = rest;
    const isTemplate = keyword === 'server-template';
    const address = keyword === 'dispatch' ? name : isTemplate ? template : count;
    const own = keyword === 'dispatch' ? [] : rest.slice(isTemplate ? 3 : 2);
    const options = noOptions();
    if (keyword !== 'dispatch') {
      for (const before of defaults) readOptions(options, before, before.words.slice(1), ledger);
      readOptions(options, line, own, ledger);
    }
    if (options.ssl) {
      ledger.lost(line, NO_TLS, 'let clients speak TLS to the backends themselves, or leave this section to HAProxy');
      isSound = false;
      continue;
    }
    const target = targetOf(address, isTemplate, line, ledger);
    if (target !== null) servers.push({ line, ...target, backend: withOptions(target.backend, options), options });
    if (isTemplate) ledger.differs(line, `bal has as many backends as there are addresses, not ${count}`);
  }
  const source = last(proxy.lines, 'source');
  if (source !== null) setSource(servers, source, ledger);
  return isSound ? servers : null;
}

function targetOf(
  text: string,
  isTemplate: boolean,
  line: HaLine,
  ledger: Ledger,
): Pick<Server, 'backend' | 'offset'> | null {
  const address = readAddress(text);
  const fail = (why: string): null => {
    ledger.lost(line, why, 'write an address and a port, or a path, and import again');
    return null;
  };
  if (address.kind === 'unix') return { backend: { unix: address.path }, offset: null };
  if (address.kind === 'other') return fail(`bal cannot connect there (${address.what})`);
  const { host, ports } = address;
  if (/^_[^.]+\._tcp\./.test(host)) return { backend: { host, discover: 'srv' }, offset: null };
  if (!isPeer(host)) return fail('HAProxy connects to where the client wanted to go, and bal to a fixed address');
  const backend: Backend = { host, ...(isTemplate && { discover: 'all' as const }) };
  if (ports.kind === 'none') return { backend, offset: 0 };
  if (ports.kind === 'offset') return { backend, offset: ports.by };
  return isPort(ports.from) ? { backend: { ...backend, port: ports.from }, offset: null } : fail('port 0 is none');
}

function withOptions(backend: Backend, options: ServerOptions): Backend {
  const { weight, backup, maxconn, proxy, source, disabled } = options;
  return {
    ...backend,
    ...(backend.discover !== 'srv' && (disabled ? { weight: 0 } : weight !== null && { weight })),
    ...(backup && { backup }),
    ...(maxconn !== null && maxconn > 0 && { max_connections: maxconn }),
    ...(proxy !== null && { send_proxy_protocol: proxy }),
    ...(source !== null && backend.unix === undefined && { source }),
  };
}

/** Applies the source of the whole section to servers without their own. */
function setSource(servers: readonly Server[], line: HaLine, ledger: Ledger): void {
  const options = noOptions();
  readOptions(options, line, line.words, ledger);
  const { source } = options;
  ledger.used(line);
  if (source === null) return;
  for (const { backend } of servers) if (backend.unix === undefined) backend.source ??= source;
}

/** Returns the backend with its port, for clients of a listener at `port`; null if there is none. */
export function backendFor(
  { backend, offset, line }: Server,
  port: number | undefined,
  ledger: Ledger,
): Backend | null {
  if (offset === null) return { ...backend };
  const own = (port ?? 0) + offset;
  if (port !== undefined && isPort(own)) return { ...backend, port: own };
  ledger.lost(line, 'it has no port of its own, and the listener none that fits', 'write one and import again');
  return null;
}
