// Converts `listen` into listeners.
import type { Service } from '../draft.ts';
import type { Ledger } from '../ledger.ts';
import { isHost, isPort, nginxTime, wholeNumber } from '../values.ts';
import type { Directive } from './language/tree.ts';

export interface Listener {
  readonly at: Directive;
  readonly place: Pick<Service, 'bind_address' | 'port' | 'bind_unix'>;
  readonly acceptsProxy: boolean;
  readonly isDefault: boolean;
  readonly backlog: number | null;
  readonly keepaliveMs: number | null;
}

const MAX_LISTENERS = 64;

export function listenersOf(server: Directive, ledger: Ledger): Listener[] {
  const directives = (server.block ?? []).filter(({ name }) => name === 'listen');
  const listeners = directives.flatMap((at) => {
    const [address = '', ...options] = at.args;
    const settings = readOptions(at, options, ledger);
    if (settings === null) return [];
    return placesIn(address, at, ledger).map((place) => ({ at, place, ...settings }));
  });
  for (const { at, place } of listeners) {
    if (place.bind_address !== '::' || at.args.includes('ipv6only=off')) continue;
    const hasTwin = listeners.some((it) => it.place.port === place.port && it.place.bind_address === '0.0.0.0');
    if (!hasTwin) ledger.differs(at, 'bal takes IPv4 at "::", too', null, `listen ${at.args[0] ?? ''}`);
  }
  if (listeners.length > MAX_LISTENERS) {
    ledger.lost(
      server,
      `bal has at most ${MAX_LISTENERS} services, one for each port`,
      'let another bal listen at the rest',
    );
  }
  return listeners.slice(0, MAX_LISTENERS);
}

function placesIn(text: string, at: Directive, ledger: Ledger): Listener['place'][] {
  ledger.used(at);
  if (text.startsWith('unix:')) return [{ bind_unix: text.slice('unix:'.length) }];
  const [, host = '', from = '', to = from] = /^(?:(.*):)?(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const plain = host === '' || host === '*' ? '0.0.0.0' : host.replace(/^\[(.*)\]$/, '$1');
  const [first, final] = [Number(from), Number(to)];
  if (from === '' || !isPort(first) || !isPort(final) || final < first || !isHost(plain)) {
    ledger.lost(at, 'bal cannot listen there', 'give it an address and a port, or a path');
    return [];
  }
  const count = Math.min(final - first, MAX_LISTENERS) + 1;
  return Array.from({ length: count }, (_none, i) => ({ bind_address: plain, port: first + i }));
}

const NO_TLS = 'TLS ends at nginx here, and bal decrypts nothing';
const KEEP_TLS =
  'let the backends speak TLS themselves and remove "ssl" before you import, or leave this server to nginx';
const UNNEEDED = /^(reuseport|bind|deferred|fastopen=.*|rcvbuf=.*|sndbuf=.*|ipv6only=.*|multipath|accept_filter=.*)$/;

/** Returns null if bal cannot have this listener. */
function readOptions(at: Directive, options: readonly string[], ledger: Ledger): Omit<Listener, 'at' | 'place'> | null {
  let [acceptsProxy, isDefault] = [false, false];
  let [backlog, keepaliveMs]: [number | null, number | null] = [null, null];
  for (const option of options) {
    const [key = '', value = ''] = option.split('=');
    if (key === 'ssl' || key === 'udp' || key === 'quic') {
      if (key === 'ssl') ledger.lost(at, NO_TLS, KEEP_TLS);
      else ledger.lost(at, `bal balances TCP, not ${key.toUpperCase()}`, 'leave this server to nginx');
      return null;
    }
    if (key === 'proxy_protocol') acceptsProxy = true;
    else if (key === 'default_server' || key === 'default') isDefault = true;
    else if (key === 'backlog') backlog = wholeNumber(value, 1, 65_535);
    else if (key === 'so_keepalive') keepaliveMs = keepaliveOf(value, at, ledger);
    else if (UNNEEDED.test(option)) ledger.unneeded(at, 'bal has it as it is best, or does without', option);
    else ledger.lost(at, 'bal has no such setting of a listener', 'do without it', option);
  }
  return { acceptsProxy, isDefault, backlog, keepaliveMs };
}

/** Parses `off`, `on`, `30m::10`; null: unchanged. */
function keepaliveOf(value: string, at: Directive, ledger: Ledger): number | null {
  if (value === 'on') return null;
  ledger.differs(
    at,
    'it holds for both sides; then six probes, 10 s apart',
    'see tcp_keepalive_ms',
    `so_keepalive=${value}`,
  );
  if (value === 'off') return 0;
  return nginxTime(value.split(':')[0]);
}
