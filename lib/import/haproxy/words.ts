// Verdicts on lines that were not converted, by their first words.
import type { Ledger } from '../ledger.ts';
import type { HaLine } from './language/sections.ts';

/** Why it is not needed or has no counterpart, and what to do; todo is null if nothing. */
type Verdict = readonly [why: string, todo: string | null];

const HTTP: Verdict = ['it is of HTTP, and has no effect in mode tcp', null];
const LOGS: Verdict = ['bal has a log of its own, in files or on stdout', null];
const SETUP: Verdict = ['`bal start -d` or the service manager sees to it', null];
const TLS: Verdict = ['it is of TLS, which bal passes on as it is', null];
const OLD: Verdict = [
  'it is an old form that HAProxy does not take any more',
  'write it as "timeout" and import again',
];
const TUNING: Verdict = ['bal has no such tuning, and needs none', null];

/** The longest matching key wins. */
const UNNEEDED: Readonly<Record<string, Verdict>> = {
  mode: ['bal knows TCP only', null],
  id: ['services have names', null],
  description: ['services have names', null],
  guid: ['services have names', null],
  enabled: ['services are on', null],
  'bind-process': ['all workers serve all', null],
  log: LOGS,
  'log-format': LOGS,
  'log-format-sd': LOGS,
  'log-tag': LOGS,
  'log-send-hostname': LOGS,
  'log-steps': LOGS,
  'error-log-format': LOGS,
  'no log': LOGS,
  'unique-id': LOGS,
  'option log-': LOGS,
  'option logasap': LOGS,
  'option tcplog': LOGS,
  'option dontlognull': LOGS,
  'option dontlog-normal': LOGS,
  'option socket-stats': ['bal counts by service', null],
  'option contstats': ['bal counts as it goes', null],
  'option splice-': ['the native engine splices by itself', null],
  'option tcp-smart-': ['it saves a packet, no more', null],
  'option tcpka': ['keepalive is on (tcp_keepalive_ms)', null],
  'option clitcpka': ['keepalive is on (tcp_keepalive_ms)', null],
  'option srvtcpka': ['keepalive is on (tcp_keepalive_ms)', null],
  'option redispatch': ['a client whose backend fails always goes to the next one', null],
  'no option redispatch': ['a client whose backend fails always goes to the next one', null],
  'option persist': HTTP,
  'option http': HTTP,
  'option forwardfor': HTTP,
  'option originalto': HTTP,
  'option forwarded': HTTP,
  'option accept-': HTTP,
  'option h1-': HTTP,
  'option disable-h2': HTTP,
  'option idle-close': HTTP,
  'option checkcache': HTTP,
  'option prefer-last': HTTP,
  'option abortonclose': ['bal gives up what a client that is gone has begun', null],
  'option allbackups': ['bal uses all backups', null],
  'no option': ['bal has it neither', null],
  'default option': ['it says that nothing is changed', null],
  'timeout http-': HTTP,
  'timeout tarpit': HTTP,
  'tcp-request inspect-delay': ['bal waits for a client only where a server name decides', null],
  'tcp-check': ['nothing is checked so here', null],
  'http-check': ['nothing is checked so here', null],
  'http-': HTTP,
  errorfile: HTTP,
  errorfiles: HTTP,
  errorloc: HTTP,
  compression: HTTP,
  cookie: HTTP,
  capture: HTTP,
  declare: HTTP,
  redirect: HTTP,
  'monitor-uri': HTTP,
  'use-fcgi-app': HTTP,
  'retry-on': HTTP,
  stats: ['`bal status`, `bal top` and the admin page show what is so', null],
  'load-server-state': ['bal keeps what an operator has changed over a start', null],
  'server-state': ['bal keeps what an operator has changed over a start', null],
  'stick-table': ['what is counted by it is told with its rules', null],
  acl: ['nothing that is taken over uses it', null],
  peers: ['instances need not tell each other anything', null],
  // In `global`:
  daemon: SETUP,
  'master-worker': SETUP,
  user: SETUP,
  group: SETUP,
  uid: SETUP,
  gid: SETUP,
  chroot: ['the systemd unit in sample/ confines bal', null],
  pidfile: SETUP,
  node: ['bal has no name of its own', null],
  'ulimit-n': ['bal takes as many descriptors as it may (LimitNOFILE=)', null],
  'cpu-map': TUNING,
  'cpu-set': TUNING,
  'cpu-policy': TUNING,
  thread: TUNING,
  'thread-': TUNING,
  'set-var': ['variables that are made for rules are not needed', null],
  jwt: TLS,
  'stats-file': ['bal keeps its totals over an upgrade', null],
  tune: TUNING,
  maxpipes: TUNING,
  noepoll: TUNING,
  nokqueue: TUNING,
  nopoll: TUNING,
  noevports: TUNING,
  nosplice: TUNING,
  noreuseport: TUNING,
  nogetaddrinfo: TUNING,
  limited: TUNING,
  profiling: TUNING,
  'busy-polling': TUNING,
  'spread-checks': ['intervals vary by a tenth', null],
  'max-spread-checks': ['intervals vary by a tenth', null],
  'expose-': ['it is a switch of HAProxy', null],
  'zero-warning': ['`bal check --strict` does it', null],
  'strict-limits': ['`bal check` warns', null],
  'set-dumpable': SETUP,
  'default-path': ['bal import looks for no other file', null],
  quiet: SETUP,
  debug: SETUP,
  'ssl-': TLS,
  'no-quic': TLS,
  issuers: TLS,
  crt: TLS,
  'ca-base': TLS,
  'crt-': TLS,
  'no-memory-trimming': TUNING,
  close: SETUP,
  'close-': SETUP,
  'h1-': HTTP,
  httpclient: HTTP,
  'issuers-': TLS,
  'mworker-': SETUP,
  'pp2-': TUNING,
  'set-var-': ['variables that are made for rules are not needed', null],
  'max-keep-alive-': HTTP,
  errorloc3: HTTP,
  'unique-id-': LOGS,
  'insecure-': SETUP,
  harden: TUNING,
  prealloc: TUNING,
  pp2: TUNING,
  grace: SETUP,
  localpeer: ['instances need not tell each other anything', null],
  h1: HTTP,
  h2: HTTP,
  'unix-bind': ['a socket has bind_unix_mode', null],
  presetenv: SETUP,
};

const LOST: Readonly<Record<string, Verdict>> = {
  clitimeout: OLD,
  srvtimeout: OLD,
  contimeout: OLD,
  'option nolinger': ['bal ends connections as they end', 'do without it'],
  'option independent-streams': [
    'bal counts silence in both directions together',
    'look at connection_idle_timeout_ms',
  ],
  'option transparent': ['bal connects to its backends only', 'leave this section to HAProxy'],
  'option external-check': ['bal runs no programs', 'let the program answer an HTTP check'],
  'external-check': ['bal runs no programs', 'let the program answer an HTTP check'],
  'option spop-check': ['bal does not speak SPOP', 'do without it'],
  fullconn: ['a backend has one limit (max_connections)', 'use maxconn without minconn'],
  'hash-balance-factor': ['source_hash goes by weight and address alone', 'use max_connections to bound a backend'],
  'use-server': [
    'bal chooses among the backends of a service',
    'give that server a service of its own, with server_name',
  ],
  'force-persist': ['a backend that is down gets nobody', 'do without it'],
  'ignore-persist': ['source_hash is for all clients', 'do without it'],
  'tcp-response': ['bal does not look at what backends say', 'do without it'],
  'tcp-request': ['bal has no such rule', 'do it elsewhere if something relies on it'],
  filter: ['bal has no filters', 'do without it'],
  'email-alert': ['bal sends no mail', 'alert on its metrics or on `bal events -f`'],
  'lua-': ['bal runs no Lua', 'do without it'],
  maxconnrate: ['a rate belongs to a service', 'write runtime.max_connection_rate'],
  maxsslrate: ['bal does not count handshakes', 'see runtime.max_connection_rate'],
  maxsslconn: ['bal does not count TLS by itself', 'see runtime.max_concurrent_connections'],
  maxsessrate: ['a rate belongs to a service', 'write runtime.max_connection_rate'],
  'timeout server-fin': ['a silent backend has the idle time when only its client has ended', null],
  'timeout client-hs': ['bal shakes no hands', null],
  'monitor-net': ['every client gets a backend', 'let that check ask /readyz of the admin page'],
  'clitcpka-': ['six probes, 10 s apart', 'see tcp_keepalive_ms'],
  'srvtcpka-': ['six probes, 10 s apart', 'see tcp_keepalive_ms'],
  option: ['bal has no such option', 'do without it'],
};

export function judge(line: HaLine, ledger: Ledger): void {
  const text = line.words.join(' ');
  const unneeded = longest(text, UNNEEDED);
  const lost = longest(text, LOST);
  if (unneeded !== null && unneeded.length >= (lost?.length ?? 0)) {
    ledger.unneeded(line, UNNEEDED[unneeded]?.[0] ?? '');
    return;
  }
  const [why, todo] = (lost === null ? null : LOST[lost]) ?? ['bal import does not know it', 'look whether it matters'];
  ledger.lost(line, why, todo);
}

/**
 * Returns the longest key the text begins with. A key that ends with a letter must match a whole word, or the first part of a
 * dotted name.
 */
function longest(text: string, table: Readonly<Record<string, unknown>>): string | null {
  let found: string | null = null;
  for (const key of Object.keys(table)) {
    const next = text.charAt(key.length);
    const fits = text.startsWith(key) && (/[-_3]$|http$/.test(key) || next === '' || /[\s.(]/.test(next));
    if (fits && key.length > (found?.length ?? 0)) found = key;
  }
  return found;
}
