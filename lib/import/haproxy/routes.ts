// Converts `use_backend` and `default_backend` into routes: which service each client gets.
import type { Ledger } from '../ledger.ts';
import { Claims } from '../names.ts';
import { aclsOf, readCondition, type Condition, type Test } from './language/conditions.ts';
import { all, type HaLine, type Section } from './language/sections.ts';

export interface Route {
  readonly backend: string;
  readonly line: HaLine;
  readonly names: readonly string[];
  readonly protocols: readonly string[];
  /** Null: any port of the listener. */
  readonly ports: readonly number[] | null;
}

const OWN_SERVICE =
  'bal chooses by server name, ALPN and port only: give those clients a service with a port of its own';

/** The last route has neither names nor protocols, if there is a default. */
export function routesOf(proxy: Section, ledger: Ledger): Route[] {
  const acls = aclsOf(proxy.lines);
  const routes: Route[] = [];
  const defaults = all(proxy.lines, 'default_backend');
  for (const line of all(proxy.own, 'use_backend')) {
    const [, backend = '', ...words] = line.words;
    if (routes.some(isDefault)) {
      ledger.unneeded(line, 'a rule before it takes every client');
      continue;
    }
    if (backend.includes('%')) {
      ledger.lost(
        line,
        'the name of the backend is made for each client',
        'write one use_backend for each server name',
      );
      continue;
    }
    const asked = readCondition(words, acls);
    const found = asked.condition === null ? null : routesBy(asked.condition, backend, line);
    const anyTls = found !== null && words.length > 0 && found.routes.some(isDefault);
    if (found === null || (anyTls && defaults.length > 0)) {
      ledger.lost(line, 'its condition asks for what bal does not look at', OWN_SERVICE);
      continue;
    }
    ledger.used(line, ...asked.acls);
    if (found.near) ledger.differs(line, 'the name is taken as it is, with all below it', 'look at server_name');
    if (anyTls) ledger.differs(line, 'clients that do not speak TLS get it, too');
    routes.push(...found.routes);
  }
  const line = defaults.at(-1);
  ledger.used(...defaults);
  if (line === undefined || routes.some(isDefault)) return routes;
  const [, backend = ''] = line.words;
  return [...routes, { backend, line, names: [], protocols: [], ports: null }];
}

/** Returns the routes of one listener, each with what earlier ones leave; routes to one backend are merged. */
export function leftOf(routes: readonly Route[], port: number | undefined, ledger: Ledger): Route[] {
  const claims = new Claims();
  const found: Route[] = [];
  for (const route of routes) {
    if (route.ports !== null && (port === undefined || !route.ports.includes(port))) continue;
    const left = claims.claim(route);
    if (left === null) {
      ledger.unneeded(route.line, 'rules before it have taken its clients');
      continue;
    }
    if (left.names.length + left.protocols.length < new Set([...route.names, ...route.protocols]).size) {
      ledger.differs(route.line, 'names that a rule before it has are left out');
    }
    const isOfProtocol = (it: Route): boolean => it.names.length === 0 && it.protocols.length > 0;
    if (left.names.length > 0 && found.some((it) => isOfProtocol(it) && it.backend !== route.backend)) {
      ledger.differs(
        route.line,
        'in bal a server name goes before a mere protocol, so these clients get it in any case',
      );
    }
    const isSame = (it: Route): boolean =>
      it.backend === route.backend && it.names.length > 0 && it.protocols.join() === left.protocols.join();
    const same = left.names.length > 0 ? found.findIndex(isSame) : -1;
    const before = found[same];
    if (before === undefined) found.push({ ...route, ...left, ports: null });
    else found[same] = { ...before, names: [...before.names, ...left.names] };
  }
  return found;
}

export function isDefault({ names, protocols, ports }: Route): boolean {
  return names.length === 0 && protocols.length === 0 && ports === null;
}

function routesBy(
  condition: NonNullable<Condition>,
  backend: string,
  line: HaLine,
): { readonly routes: Route[]; readonly near: boolean } | null {
  const routes: Route[] = [];
  let near = false;
  for (const list of condition) {
    let names: readonly string[] = [];
    let protocols: readonly string[] = [];
    let ports: readonly number[] | null = null;
    for (const { negated, tests } of list) {
      const merged = negated ? null : together(tests);
      if (merged === null) return null;
      if (merged.kind === 'sni' && names.length === 0) {
        names = merged.names;
        near ||= merged.near;
      } else if (merged.kind === 'alpn' && protocols.length === 0) protocols = merged.protocols;
      else if (merged.kind === 'port' && ports === null) ports = merged.ports;
      else if (merged.kind !== 'hello' && !(merged.kind === 'constant' && merged.holds)) return null;
    }
    routes.push({ backend, line, names, protocols, ports });
  }
  return { routes, near };
}

/** Merges alternative tests into one; null if they cannot be merged. */
function together(tests: readonly Test[]): Test | null {
  const [first, ...others] = tests;
  if (first === undefined) return null;
  let merged = first;
  for (const test of others) {
    if (merged.kind === 'sni' && test.kind === 'sni') {
      merged = { kind: 'sni', names: [...merged.names, ...test.names], near: merged.near || test.near };
    } else if (merged.kind === 'alpn' && test.kind === 'alpn') {
      merged = { kind: 'alpn', protocols: [...merged.protocols, ...test.protocols] };
    } else if (merged.kind === 'port' && test.kind === 'port') {
      merged = { kind: 'port', ports: [...merged.ports, ...test.ports] };
    } else return null;
  }
  return merged;
}
