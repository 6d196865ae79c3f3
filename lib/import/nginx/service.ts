// Converts a listener of nginx's and its target into a service.
import { accessOf, unaddressedMay, type Rule } from '../access.ts';
import { setTime, type Service } from '../draft.ts';
import type { Ledger } from '../ledger.ts';
import { isHost, networkText, nginxTime, wholeNumber } from '../values.ts';
import { setCheck } from './check.ts';
import { all, last, type Directive, type Scope } from './language/tree.ts';
import type { Listener } from './listen.ts';
import { connectionLimit, type Route } from './routes.ts';
import type { Target } from './upstream.ts';

/** Returns null if nobody could be served, which is noted. */
export function serviceOf(
  name: string,
  listener: Listener,
  route: Route,
  target: Target,
  server: Directive,
  scope: Scope,
  ledger: Ledger,
): Service | null {
  const service: Service = {
    name,
    at: listener.at,
    parts: [...new Set([server.part, target.part])],
    ...listener.place,
    ...(route.names.length > 0 && { server_name: [...route.names] }),
    ...(route.protocols.length > 0 && { alpn: [...route.protocols] }),
    ...(target.method !== null && { method: target.method }),
    runtime: { ...target.runtime },
    backends: target.backends.map((backend) => ({ ...backend })),
  };
  setProxyProtocol(service, listener, scope, ledger);
  if (!setAccess(service, server, scope, ledger)) return null;
  setCheck(service, scope, ledger);
  setTimes(service, listener, scope, ledger);
  setLimits(service, scope, ledger);
  setSource(service, scope, ledger);
  return service;
}

function setProxyProtocol(service: Service, { at, acceptsProxy }: Listener, scope: Scope, ledger: Ledger): void {
  const sends = last(scope, 'proxy_protocol');
  ledger.used(sends);
  if (sends?.args[0] === 'on')
    service.send_proxy_protocol = last(scope, 'proxy_protocol_version')?.args[0] === '2' ? 'v2' : 'v1';
  ledger.used(last(scope, 'proxy_protocol_version'));
  if (!acceptsProxy) return;
  const trusted = all(scope, 'set_real_ip_from');
  const networks = trusted.flatMap((it) => networkText(it.args[0] ?? '') ?? []);
  ledger.used(...trusted);
  service.accept_proxy_protocol = { from: networks.length === 0 ? ['0.0.0.0/0', '::/0'] : networks };
  if (networks.length > 0) ledger.differs(at, 'who is not in set_real_ip_from is not asked for a PROXY header');
  else
    ledger.differs(
      at,
      "the address in the header is the client's from then on, everywhere",
      'name your proxies in "from"',
    );
}

/** Returns false if nobody may connect, or bal cannot hold who may; it is noted. */
function setAccess(service: Service, server: Directive, scope: Scope, ledger: Ledger): boolean {
  const inner = scope.own.some(({ name }) => name === 'allow' || name === 'deny') ? scope : scope.outer;
  const rules: Rule[] = [];
  for (const directive of inner?.own ?? []) {
    const { name, args } = directive;
    if (name !== 'allow' && name !== 'deny') continue;
    const [text = ''] = args;
    const network = text === 'all' ? null : networkText(text);
    if (text === 'unix:') {
      ledger.used(directive);
      if (service.bind_unix !== undefined) rules.push({ action: name, networks: null, negated: false });
      continue;
    }
    if (text !== 'all' && network === null) {
      ledger.lost(directive, 'it is no network', 'correct it and import again');
      continue;
    }
    ledger.used(directive);
    rules.push({ action: name, networks: network === null ? null : [network], negated: false });
  }
  const isForNobody = (): false => {
    ledger.lost(server, 'it lets nobody in', 'leave it out, or correct its rules', 'server');
    return false;
  };
  if (service.bind_unix !== undefined) return unaddressedMay(rules) || isForNobody();
  const access = accessOf(rules);
  const [first] = inner?.own ?? [];
  if (access.kind === 'too many' && first !== undefined) {
    ledger.lost(first, 'bal takes at most 10,000 networks', 'let a firewall decide', 'allow, deny');
    // Without its rules the service would be open to everybody.
    return false;
  }
  if (access.kind === 'lists') {
    const { allow, deny } = access;
    service.access = { ...(allow !== null && { allow }), ...(deny.length > 0 && { deny }) };
  }
  return access.kind !== 'nobody' || isForNobody();
}

function setTimes(
  { runtime, ...service }: Service,
  { backlog, keepaliveMs, at, acceptsProxy }: Listener,
  scope: Scope,
  ledger: Ledger,
): void {
  const time = (name: string): { at: Directive; ms: number } | null => {
    const directive = last(scope, name);
    const ms = nginxTime(directive?.args[0]);
    if (directive !== null && ms === null) ledger.lost(directive, 'it is no time', 'correct it and import again');
    return directive === null || ms === null ? null : { at: directive, ms };
  };
  const idle = time('proxy_timeout');
  // nginx's default is 10 minutes, bal's an hour.
  if (idle === null) runtime.connection_idle_timeout_ms = 600_000;
  else setTime(runtime, 'connection_idle_timeout_ms', idle.ms, idle.at, ledger);
  const connect = time('proxy_connect_timeout');
  if (connect !== null) setTime(runtime, 'backend_connect_timeout_ms', connect.ms, connect.at, ledger);

  const isRouted = service.server_name !== undefined || service.alpn !== undefined;
  const first = isRouted ? time('preread_timeout') : acceptsProxy ? time('proxy_protocol_timeout') : null;
  if (first !== null) setTime(runtime, 'first_bytes_timeout_ms', first.ms, first.at, ledger);
  if (backlog !== null) setTime(runtime, 'tcp_backlog', backlog, at, ledger);
  if (keepaliveMs !== null) setTime(runtime, 'tcp_keepalive_ms', keepaliveMs, at, ledger);
}

function setLimits({ runtime }: Service, scope: Scope, ledger: Ledger): void {
  const isDry = last(scope, 'limit_conn_dry_run')?.args[0] === 'on';
  ledger.used(last(scope, 'limit_conn_dry_run'));
  const zones = [scope, scope.outer].flatMap((it) => it?.own ?? []).filter(({ name }) => name === 'limit_conn_zone');
  for (const directive of all(scope, 'limit_conn')) {
    const limit = connectionLimit(directive, zones);
    if (isDry) ledger.unneeded(directive, 'limit_conn_dry_run refuses nobody');
    else if (limit === null)
      ledger.lost(directive, 'bal counts by address, or all clients of a service', 'see max_connections_per_source');
    else {
      const key = limit.per === 'source' ? 'max_connections_per_source' : 'max_concurrent_connections';
      setTime(runtime, key, limit.most, directive, ledger);
      ledger.differs(directive, 'each service counts for itself, where nginx counts by zone');
    }
  }
  ledger.used(...zones);
  const [again, tries, within] = [
    'proxy_next_upstream',
    'proxy_next_upstream_tries',
    'proxy_next_upstream_timeout',
  ].map((name) => last(scope, name));
  ledger.used(again);
  const most = wholeNumber(tries?.args[0], 0, 1024);
  if (again?.args[0] === 'off') setTime(runtime, 'max_connect_attempts', 1, again, ledger);
  else if (tries && most !== null) setTime(runtime, 'max_connect_attempts', most, tries, ledger);
  ledger.used(tries);
  if (within && nginxTime(within.args[0]) !== 0) {
    ledger.differs(
      within,
      'bal begins no attempt later than two connect timeouts after the first',
      'see backend_connect_timeout_ms',
    );
  }
  const drop = last(scope, 'proxy_session_drop');
  if (drop?.args[0] === 'on') runtime.on_backend_down = 'reset';
  ledger.used(within, drop);
}

function setSource({ backends }: Service, scope: Scope, ledger: Ledger): void {
  const bind = last(scope, 'proxy_bind');
  const [address = '', option] = bind?.args ?? [];
  if (bind === null || address === 'off') {
    ledger.used(bind);
    return;
  }
  if (address.includes('$') || option === 'transparent' || !isHost(address)) {
    ledger.lost(bind, 'bal connects from addresses of its own', 'tell backends the client with send_proxy_protocol');
    return;
  }
  ledger.used(bind);
  for (const backend of backends) if (backend.unix === undefined) backend.source = address.replace(/^\[(.*)\]$/, '$1');
}
