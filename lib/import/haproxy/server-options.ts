// The options after the address of a `server`.
import type { Ledger } from '../ledger.ts';
import { entryFor, haproxyTime, isPort, wholeNumber } from '../values.ts';
import { readAddress } from './language/address.ts';
import type { HaLine } from './language/sections.ts';

/** Texts are as written; null if not given. */
export interface ServerOptions {
  weight: number | null;
  backup: boolean;
  disabled: boolean;
  ssl: boolean;
  maxconn: number | null;
  maxqueue: number | null;
  proxy: 'v1' | 'v2' | null;
  source: string | null;
  check: boolean;
  /** Whether the check uses TLS. */
  checkSsl: boolean;
  checkSni: string | null;
  verify: boolean;
  port: number | null;
  inter: string | null;
  downinter: string | null;
  fall: string | null;
  rise: string | null;
  slowstart: string | null;
  resets: boolean;
  resolvers: string | null;
}

/** Options that take one value. Options known here only by name take none. */
const VALUED = new Set(
  `weight maxconn maxqueue minconn inter fastinter downinter fall rise port addr cookie id observe error-limit on-error
  on-marked-down on-marked-up slowstart track resolvers resolve-prefer resolve-net resolve-opts init-addr init-state redir
  namespace check-proto check-alpn check-sni alpn npn ca-file crl-file crt ciphers ciphersuites curves sigalgs
  client-sigalgs sni ssl-min-ver ssl-max-ver verify verifyhost proxy-v2-options set-proxy-v2-tlv-fmt pool-low-conn
  pool-max-conn pool-purge-delay pool-conn-name check-pool-conn-name max-reuse agent-addr agent-port agent-inter agent-send
  socks4 tcp-ut ws log-proto log-bufsize shard hash-key proto guid tcp-md5sig cc source usesrc interface renegotiate
  idle-ping
  check-reuse-pool healthcheck`.split(/\s+/),
);

type Effect = (options: ServerOptions, value: string) => void;

const EFFECTS: Readonly<Record<string, Effect>> = {
  weight: (it, value) => (it.weight = wholeNumber(value, 0, 256)),
  backup: (it) => (it.backup = true),
  'no-backup': (it) => (it.backup = false),
  disabled: (it) => (it.disabled = true),
  enabled: (it) => (it.disabled = false),
  ssl: (it) => (it.ssl = true),
  'no-ssl': (it) => (it.ssl = false),
  maxconn: (it, value) => (it.maxconn = wholeNumber(value)),
  maxqueue: (it, value) => (it.maxqueue = wholeNumber(value)),
  'send-proxy': (it) => (it.proxy = 'v1'),
  'no-send-proxy': (it) => (it.proxy = null),
  'send-proxy-v2': (it) => (it.proxy = 'v2'),
  'no-send-proxy-v2': (it) => (it.proxy = null),
  check: (it) => (it.check = true),
  'no-check': (it) => (it.check = false),
  'check-ssl': (it) => (it.checkSsl = true),
  'no-check-ssl': (it) => (it.checkSsl = false),
  'check-sni': (it, value) => (it.checkSni = value),
  verify: (it, value) => (it.verify = value !== 'none'),
  port: (it, value) => (it.port = wholeNumber(value, 1, 65_535)),
  inter: (it, value) => (it.inter = value),
  downinter: (it, value) => (it.downinter = value),
  fall: (it, value) => (it.fall = value),
  rise: (it, value) => (it.rise = value),
  slowstart: (it, value) => (it.slowstart = value),
  resolvers: (it, value) => (it.resolvers = value),
};

const UNNEEDED: Readonly<Record<string, string>> = {
  id: 'bal counts by address',
  guid: 'bal counts by address',
  cookie: 'it is of HTTP only',
  redir: 'it is of HTTP only',
  ws: 'it is of HTTP only',
  fastinter: 'a backend in doubt is checked again after 0.3 of the interval',
  'init-addr': 'bal starts with names that lead nowhere yet, and asks again',
  'check-send-proxy': "checks of the backend's own port send the PROXY header, too",
  'non-stick': 'bal keeps no table of who was where',
  stick: 'bal keeps no table of who was where',
  tfo: 'it saves a round trip, no more',
  'strict-maxconn': 'max_connections is exact over all workers',
  'proxy-v2-options': 'with v2 bal tells server name and a unique id by itself',
  'error-limit': 'one failed connect is enough for a pause',
};
const OF_TLS =
  /^((no-)?(ssl|tls|sslv3|verifyhost)|force-|ca-file|crl-file|crt$|cipher|curves|sni$|alpn$|npn$|allow-0rtt|client-sig|sigalgs|renego)/;
const OF_POOLS = /^(pool-|max-reuse|check-pool|check-reuse|proto$|check-proto|check-alpn|log-|shard|idle-ping)/;

export function noOptions(): ServerOptions {
  return {
    weight: null,
    backup: false,
    disabled: false,
    ssl: false,
    maxconn: null,
    maxqueue: null,
    proxy: null,
    source: null,
    check: false,
    checkSsl: false,
    checkSni: null,
    verify: true,
    port: null,
    inter: null,
    downinter: null,
    fall: null,
    rise: null,
    slowstart: null,
    resets: false,
    resolvers: null,
  };
}

/** Parses `words` into `options`. */
export function readOptions(options: ServerOptions, line: HaLine, words: readonly string[], ledger: Ledger): void {
  for (let i = 0; i < words.length; i++) {
    const name = words[i] ?? '';
    const value = VALUED.has(name) ? (words[++i] ?? '') : '';
    const effect = entryFor(EFFECTS, name);
    if (effect !== undefined) {
      effect(options, value);
      if (!isRead(name, value))
        ledger.lost(line, 'it has no such value', 'correct it and import again', `${name} ${value}`);
    } else special(options, name, value, line, ledger);
  }
}

/** Whether the value is valid: otherwise it would be dropped silently. */
function isRead(name: string, value: string): boolean {
  if (/^(maxconn|maxqueue|fall|rise)$/.test(name)) return wholeNumber(value) !== null;
  if (name === 'weight') return wholeNumber(value, 0, 256) !== null;
  if (name === 'port') return wholeNumber(value, 1, 65_535) !== null;
  return !/^(inter|downinter|slowstart)$/.test(name) || haproxyTime(value) !== null;
}

function special(options: ServerOptions, name: string, value: string, line: HaLine, ledger: Ledger): void {
  const shown = value === '' ? name : `${name} ${value}`;
  const unneeded = entryFor(UNNEEDED, name);
  if (unneeded !== undefined) ledger.unneeded(line, unneeded, shown);
  else if (OF_TLS.test(name)) ledger.unneeded(line, 'it is of TLS, which bal passes on as it is', shown);
  else if (OF_POOLS.test(name)) ledger.unneeded(line, 'it is of HTTP and other protocols, not of TCP', shown);
  else if (name === 'source') options.source = sourceOf(value, line, ledger);
  else if (name === 'on-marked-down') options.resets = value === 'shutdown-sessions';
  else if (name.startsWith('send-proxy-v2-ssl')) {
    options.proxy = 'v2';
    ledger.differs(line, 'bal sends v2 with the server name, and nothing else of TLS', null, shown);
  } else if (name === 'observe' && value === 'layer4')
    ledger.unneeded(line, "bal always goes by clients' connects", shown);
  else if (name === 'on-error') {
    ledger.differs(line, 'bal pauses a backend at the first failed connect, and checks it at once', null, shown);
  } else if (name === 'usesrc') {
    options.source = null;
    ledger.lost(line, 'bal connects from its own address', 'tell backends the client with send_proxy_protocol', shown);
  } else if (name === 'addr') {
    ledger.lost(line, "a check goes to the backend's own address", 'only health_check.port can be another one', shown);
  } else
    ledger.lost(
      line,
      entryFor(WHY, name) ?? 'bal has no such setting of a backend',
      entryFor(WHAT_TO_DO, name) ?? 'do without it',
      shown,
    );
}

const WHY: Readonly<Record<string, string>> = {
  minconn: 'max_connections is fixed',
  track: 'each backend is checked by itself',
  'agent-check': 'no agent is asked for weights',
  'on-marked-up': 'a backup keeps the connections that it has',
  namespace: 'bal connects in its own network namespace',
  interface: 'a source is an address',
  socks4: 'bal connects without a proxy in between',
  'resolve-prefer': 'all addresses of a name are used as the name server gives them',
  'resolve-net': 'all addresses of a name are used as the name server gives them',
};
const WHAT_TO_DO: Readonly<Record<string, string>> = {
  minconn: 'maxconn is the limit',
  'agent-check': 'use `bal backend weight` and `drain` from a script',
  'on-marked-up': 'use `bal backend reset` on the backup',
  interface: 'write its address as source',
};

/** Takes `10.0.0.1` or `10.0.0.1:1000-2000`; `0.0.0.0` and `*` mean no source. */
function sourceOf(text: string, line: HaLine, ledger: Ledger): string | null {
  const address = readAddress(text);
  if (address.kind !== 'tcp') {
    ledger.lost(line, 'a source is an address', 'write one and import again', `source ${text}`);
    return null;
  }
  const { host, ports } = address;
  if (ports.kind === 'range' && isPort(ports.from)) {
    ledger.differs(line, 'bal takes the address and chooses the port', null, `source ${text}`);
  }
  return ['', '0.0.0.0', '::'].includes(host) ? null : host;
}
