// Converts `bind` lines into listeners.
import type { Service } from '../draft.ts';
import type { Ledger } from '../ledger.ts';
import { entryFor, isHost, isPort, wholeNumber } from '../values.ts';
import { readAddress } from './language/address.ts';
import { all, type HaLine, type Section } from './language/sections.ts';

export interface Listener {
  readonly line: HaLine;
  readonly place: Pick<Service, 'bind_address' | 'port' | 'bind_unix' | 'bind_unix_mode'>;
  readonly acceptsProxy: boolean;
  readonly backlog: number | null;
  readonly most: number | null;
  readonly v6only: boolean;
}

/** bal's maximum of services. */
const MAX_LISTENERS = 64;

export function listenersOf(proxy: Section, ledger: Ledger): Listener[] {
  const listeners: Listener[] = [];
  for (const line of all(proxy.own, 'bind')) {
    const [, addresses = '', ...options] = line.words;
    const settings = readOptions(line, options, ledger);
    if (settings === null) continue;
    const { mode, ...rest } = settings;
    for (const text of addresses.split(',')) {
      for (const place of placesIn(text, line, mode, ledger)) {
        if (listeners.length < MAX_LISTENERS) listeners.push({ line, place, ...rest });
        else ledger.lost(line, `bal has at most ${MAX_LISTENERS} services`, 'let another bal listen at the rest');
      }
    }
    ledger.used(line);
  }
  for (const { line, place, v6only } of listeners) {
    if (!v6only || place.bind_address !== '::') continue;
    const hasTwin = listeners.some((it) => it.place.port === place.port && it.place.bind_address === '0.0.0.0');
    if (!hasTwin) ledger.differs(line, 'bal takes IPv4 at "::", too', null, 'v6only');
  }
  return listeners;
}

function placesIn(text: string, line: HaLine, mode: string | null, ledger: Ledger): Listener['place'][] {
  const address = readAddress(text);
  if (address.kind === 'unix') {
    return [{ bind_unix: address.path, ...(mode !== null && { bind_unix_mode: mode }) }];
  }
  if (address.kind === 'other' || address.ports.kind !== 'range') {
    const what = address.kind === 'other' ? address.what : 'no port';
    ledger.lost(line, `bal does not listen there (${what})`, 'give it an address and a port, or a path');
    return [];
  }
  const host = address.host === '' ? (text.startsWith('ipv6@') ? '::' : '0.0.0.0') : address.host;
  if (!isHost(host) || !isPort(address.ports.from)) {
    ledger.lost(line, `bal cannot listen at ${JSON.stringify(text)}`, 'correct the address and import again');
    return [];
  }
  const { from, to } = address.ports;
  if (to - from >= MAX_LISTENERS) {
    ledger.lost(line, `bal has at most ${MAX_LISTENERS} services, one for each port`, 'leave these to HAProxy', text);
  }
  const count = Math.min(to - from + 1, MAX_LISTENERS);
  return Array.from({ length: count }, (_none, i) => ({ bind_address: host, port: from + i }));
}

interface Settings extends Pick<Listener, 'acceptsProxy' | 'backlog' | 'most' | 'v6only'> {
  readonly mode: string | null;
}

const NO_TLS = 'TLS ends at HAProxy here, and bal decrypts nothing';
const KEEP_TLS =
  'let the backends speak TLS themselves and remove "ssl" before you import, or leave this section to HAProxy';

/** The options of `bind` that take a value. */
const VALUED = new Set(
  `backlog maxconn mode user uid group gid name id interface namespace process thread shards nice tcp-ut mss level proto
  severity-output guid-prefix label quic-cc-algo quic-socket idle-ping cc tcp-md5sig crt crt-list ca-file ca-verify-file
  ca-ignore-err crt-ignore-err crl-file alpn npn ciphers ciphersuites curves ecdhe sigalgs client-sigalgs verify
  ssl-min-ver ssl-max-ver tls-ticket-keys ocsp-update default-crt`.split(/\s+/),
);
const UNNEEDED: Readonly<Record<string, string>> = {
  name: 'services have names',
  id: 'bal counts by service',
  process: 'all workers listen',
  thread: 'all workers listen',
  shards: 'all workers listen',
  nice: 'all services are served alike',
  level: 'it is of the control socket',
  v4v6: '"::" takes IPv4, too',
  'guid-prefix': 'bal counts by service',
  label: 'bal counts by service',
  'severity-output': 'it is of the control socket',
  'defer-accept': 'it saves a wake-up, no more',
  tfo: 'it saves a round trip, no more',
};

/** Returns null if bal cannot have this listener. */
function readOptions(line: HaLine, options: readonly string[], ledger: Ledger): Settings | null {
  const settings = {
    v6only: false,
    mode: null as string | null,
    acceptsProxy: false,
    backlog: null as number | null,
    most: null as number | null,
  };
  for (let i = 0; i < options.length; i++) {
    const name = options[i] ?? '';
    const value = VALUED.has(name) ? options[++i] : undefined;
    const unneeded = entryFor(UNNEEDED, name);
    const shown = value === undefined ? name : `${name} ${value}`;
    if (name === 'ssl') {
      ledger.lost(line, NO_TLS, KEEP_TLS);
      return null;
    }
    if (name === 'accept-proxy') settings.acceptsProxy = true;
    else if (name === 'v6only') settings.v6only = true;
    else if (name === 'backlog') settings.backlog = wholeNumber(value, 1, 65_535);
    else if (name === 'maxconn') settings.most = wholeNumber(value, 1);
    else if (name === 'mode' && /^0?[0-7]{3}$/.test(value ?? '')) settings.mode = value ?? null;
    else if (unneeded !== undefined) ledger.unneeded(line, unneeded, shown);
    else if (name === 'user' || name === 'uid' || name === 'group' || name === 'gid') {
      ledger.lost(
        line,
        'the socket belongs to the user that runs bal',
        'run bal as that user, or widen bind_unix_mode',
        shown,
      );
    } else if (name === 'interface' || name === 'namespace') {
      ledger.lost(
        line,
        `bal listens by address, not by ${name}`,
        "write that interface's address into bind_address",
        shown,
      );
    } else if (name === 'transparent') {
      ledger.lost(
        line,
        'bal takes only connections to addresses of this machine',
        'leave this section to HAProxy',
        shown,
      );
    } else if (name === 'accept-netscaler-cip') {
      ledger.lost(line, 'bal reads the PROXY protocol only', 'let NetScaler send that', shown);
      if (value === undefined) i++;
    } else ledger.lost(line, 'bal has no such setting of a listener', 'do without it', shown);
  }
  return settings;
}
