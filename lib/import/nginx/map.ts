// Converts nginx's configuration into a draft of bal's.
import { judgeNameServer } from '../../../config/name-servers.ts';
import { MOST_SERVICES, setTime, type Draft } from '../draft.ts';
import type { Ledger } from '../ledger.ts';
import { Claims } from '../names.ts';
import { nginxTime, serviceName, wholeNumber } from '../values.ts';
import { all, last, treeOf, type Directive, type Scope } from './language/tree.ts';
import { listenersOf, type Listener } from './listen.ts';
import { namesOf, routesOf, type Route } from './routes.ts';
import { serviceOf } from './service.ts';
import { addressOf, upstreamOf, type Target } from './upstream.ts';
import { judge } from './words.ts';

export async function mapNginx(text: string, file: string, folder: string, ledger: Ledger): Promise<Draft> {
  const main = await treeOf(text, file, folder, ledger);
  const draft: Draft = { runtime: {}, services: [] };
  const streams = main.filter(({ name, block }) => name === 'stream' && block !== null);
  for (const directive of main) {
    if (/^(http|mail)$/.test(directive.name) && directive.block !== null) notTcp(directive, ledger);
  }
  // A fragment that is included into `stream` elsewhere.
  const isPiece = streams.length === 0 && !main.some(({ name }) => name === 'http');
  const scopes: Scope[] = isPiece
    ? [{ own: main, outer: null }]
    : streams.map(({ block }) => ({ own: block ?? [], outer: { own: main, outer: null } }));
  ledger.used(...streams);
  for (const scope of scopes) mapStream(draft, scope, ledger);
  setMain(draft, main, ledger);
  for (const directive of main) settle(directive, ledger);
  return draft;
}

function notTcp(directive: Directive, ledger: Ledger): void {
  const why = `it is not TCP, so nothing to line ${directive.end} is taken over`;
  ledger.lost(directive, why, 'leave it to nginx', `${directive.name} {…}`);
}

function mapStream(draft: Draft, stream: Scope, ledger: Ledger): void {
  const { own } = stream;
  const upstreams = new Map(own.filter(({ name }) => name === 'upstream').map((it) => [it.args[0] ?? '', it]));
  const maps = own.filter(({ name }) => name === 'map');
  const targets = new Map<string, Target>();
  const targetOf = ({ to, at }: Route): Target | null => {
    const upstream = upstreams.get(to);
    if (upstream === undefined) {
      const backend = addressOf(to, at, ledger);
      return backend === null ? null : { at, part: at.part, name: to, backends: [backend], method: null, runtime: {} };
    }
    const target = targets.get(to) ?? upstreamOf(upstream, ledger);
    targets.set(to, target);
    return target;
  };
  const taken = new Set<string>();
  /** Servers claim the clients of a port one after the other. */
  const claims = new Map<string, Claims>();
  for (const { server, scope, listener, routes, several } of inOrder(serversIn(stream, maps, ledger))) {
    const key = listener.place.bind_unix ?? `${listener.place.bind_address ?? ''} ${listener.place.port ?? 0}`;
    const own = claims.get(key) ?? new Claims();
    claims.set(key, own);
    for (const route of routes) {
      if (draft.services.length >= MOST_SERVICES) {
        ledger.lost(listener.at, 'bal has at most 64 services', 'let another bal serve the rest');
        break;
      }
      const left = own.claim(route);
      if (left === null) {
        ledger.lost(server, 'another server has its clients already', 'give it a port of its own', 'server');
        continue;
      }
      const target = targetOf(route);
      if (target === null) continue;
      if (target.backends.length === 0) {
        ledger.lost(target.at, 'it has no server that bal could send clients to', 'see the lines of its servers');
        continue;
      }
      const at = several ? `-${listener.place.port ?? 'unix'}` : '';
      const base = upstreams.has(route.to) ? target.name : `port-${listener.place.port ?? 'unix'}`;
      const name = serviceName(`${base}${upstreams.has(route.to) ? at : ''}`, taken);
      const service = serviceOf(name, listener, { ...route, ...left }, target, server, scope, ledger);
      if (service !== null) draft.services.push(service);
    }
  }
  setStream(draft, stream, ledger);
}

interface Served {
  readonly server: Directive;
  readonly scope: Scope;
  readonly listener: Listener;
  readonly routes: readonly Route[];
  readonly several: boolean;
}

function serversIn(stream: Scope, maps: readonly Directive[], ledger: Ledger): Served[] {
  const servers = stream.own.filter(({ name, block }) => name === 'server' && block !== null);
  return servers.flatMap((server) => {
    ledger.used(server);
    const scope: Scope = { own: server.block ?? [], outer: stream };
    const pass = scope.own.findLast(({ name }) => name === 'proxy_pass');
    const tls = last(scope, 'proxy_ssl');
    const isTls = tls?.args[0] === 'on';
    ledger.used(tls);
    if (tls !== null && isTls) {
      ledger.lost(
        tls,
        'nginx speaks TLS to the backends, and bal encrypts nothing',
        'let clients speak TLS to them themselves',
      );
    }
    const listeners = listenersOf(server, ledger);
    const isReached = pass !== undefined && !isTls && listeners.length > 0;
    const routes = isReached ? routesOf(pass, scope, maps, ledger) : null;
    if (routes === null) {
      // One note for the server; the directives that give the reason keep theirs.
      for (const it of scope.own)
        if (!ledger.isSettled(it) && !/^(return|pass|js_)/.test(it.name))
          ledger.unneeded(it, 'its server is told as a whole');
      if (pass === undefined)
        ledger.lost(server, 'it has no proxy_pass', 'leave it to nginx', `server {…} to line ${server.end}`);
      return [];
    }
    const isRead = last(scope, 'ssl_preread')?.args[0] === 'on';
    return listeners.map((listener) => {
      const named = isRead ? withNames(routes, scope, listener, ledger) : routes;
      return { server, scope, listener, routes: named, several: listeners.length > 1 };
    });
  });
}

/** Names of servers that share a port, by `server_name`; the default server takes all other clients. */
function withNames(routes: readonly Route[], scope: Scope, { isDefault }: Listener, ledger: Ledger): readonly Route[] {
  const directives = scope.own.filter(({ name }) => name === 'server_name');
  const [only, ...others] = routes;
  if (directives.length === 0 || isDefault || only === undefined || others.length > 0) return routes;
  const names = directives.flatMap((directive) =>
    directive.args.flatMap((key) => {
      const found = namesOf(key, true);
      if (found === null)
        ledger.lost(directive, 'bal takes names and *.names, and no other patterns', 'write the names', key);
      return found?.names ?? [];
    }),
  );
  ledger.used(...directives);
  return names.length === 0 ? [] : [{ ...only, names }];
}

/**
 * Sorts servers with names first, so that the others get the rest. Without a default_server, nginx's default is the first
 * server of the port.
 */
function inOrder(served: readonly Served[]): Served[] {
  const isNamed = ({ routes }: Served): boolean =>
    routes.some(({ names, protocols }) => names.length + protocols.length > 0);
  return [...served.filter(isNamed), ...served.filter((it) => !isNamed(it))];
}

function setStream(draft: Draft, stream: Scope, ledger: Ledger): void {
  if (draft.services.length === 0) return;
  const servers = stream.own
    .filter(({ name }) => name === 'server')
    .map((it): Scope => ({ own: it.block ?? [], outer: stream }));
  const logs = servers.flatMap((scope) => all(scope, 'access_log'));
  if (logs.some(({ args }) => args[0] !== 'off')) draft.log_connections = 'all';
  const upstreams = stream.own.filter(({ name }) => name === 'upstream');
  const hasNames = draft.services.some(({ backends }) => backends.some(({ discover }) => discover !== undefined));
  const resolver = [...upstreams.map(({ block }) => ({ own: block ?? [], outer: stream })), stream]
    .map((scope) => last(scope, 'resolver'))
    .find((it) => it !== null);
  if (!resolver || !hasNames) return;
  ledger.used(resolver);
  for (const word of resolver.args) {
    const [key = '', value] = word.split('=');
    const ms = nginxTime(value);
    if (key === 'valid' && ms !== null) setTime(draft.runtime, 'dns_max_age_ms', ms, resolver, ledger);
    else if (value !== undefined)
      ledger.lost(resolver, 'all addresses of a name are used as the name server gives them', null, word);
    else if (judgeNameServer(word) === null) (draft.dns_servers ??= []).push(word);
    else ledger.lost(resolver, 'a name server is an address', 'write it into dns_servers', word);
  }
}

function setMain(draft: Draft, main: readonly Directive[], ledger: Ledger): void {
  const scope: Scope = { own: main, outer: null };
  const workers = last(scope, 'worker_processes');
  const count = wholeNumber(workers?.args[0], 1, 256);
  if (count !== null) draft.workers = count;
  ledger.used(workers);
  const events = last(scope, 'events');
  const each = events?.block?.find(({ name }) => name === 'worker_connections');
  ledger.used(events, each);
  const most = wholeNumber(each?.args[0], 2);
  if (each === undefined || most === null || draft.services.length === 0) return;
  if (workers?.args[0] === 'auto') {
    ledger.differs(
      each,
      'it is for each worker and both sides; bal has one limit for all clients',
      'see max_concurrent_connections',
    );
    return;
  }
  setTime(draft.runtime, 'max_concurrent_connections', Math.floor((most * (count ?? 1)) / 2), each, ledger);
  ledger.differs(each, 'nginx counts both sides in each worker, bal clients in all: half of it for each worker');
}

/** Notes every unaccounted directive and its contents. */
function settle(directive: Directive, ledger: Ledger): void {
  const { name, block } = directive;
  const isTold = name === 'http' || name === 'mail';
  if (!ledger.isSettled(directive)) {
    if (name === 'upstream')
      ledger.unneeded(directive, 'nothing that is taken over uses it', `upstream ${directive.args[0] ?? ''}`);
    else judge(directive, ledger);
    if (block !== null && name !== 'events' && !isTold) {
      tellInner(directive, ledger);
      return;
    }
  }
  if (!isTold) for (const inner of block ?? []) settle(inner, ledger);
}

function tellInner({ block }: Directive, ledger: Ledger): void {
  for (const inner of block ?? []) {
    if (!ledger.isSettled(inner)) ledger.unneeded(inner, 'its block is told as a whole');
    tellInner(inner, ledger);
  }
}
