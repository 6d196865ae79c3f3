// Converts a HAProxy configuration into a draft of bal's.
import { MOST_SERVICES, type Draft } from '../draft.ts';
import type { Ledger } from '../ledger.ts';
import { serviceName } from '../values.ts';
import { listenersOf, type Listener } from './bind.ts';
import { setAdmin, setGlobal, setResolvers } from './global.ts';
import type { Environment } from './language/lex.ts';
import { isDefault, leftOf, routesOf, type Route } from './routes.ts';
import { all, last, option, sectionsOf, type HaLine, type Section } from './language/sections.ts';
import { serversOf, type Server } from './server.ts';
import { serviceOf } from './service.ts';
import { judge } from './words.ts';

const WITH_SECTION = 'its section is told as a whole';

interface Target {
  readonly section: Section;
  readonly servers: readonly Server[];
}

export function mapHaproxy(text: string, file: string, environment: Environment, ledger: Ledger): Draft {
  const sections = sectionsOf(text, file, environment, ledger);
  const draft: Draft = { runtime: {}, services: [] };
  const proxies = sections.filter(({ kind }) => ['frontend', 'backend', 'listen'].includes(kind));
  const fronts = proxies.filter((section) => section.kind !== 'backend' && isTcp(section, draft, ledger));
  const tables = new Map(
    proxies.flatMap((section) => all(section.lines, 'stick-table').map((line) => [section.name, line] as const)),
  );
  const targets = new Map<string, Target | null>();
  const reached = new Set<Section>(fronts);
  const targetOf = (section: Section | undefined): Target | null => {
    if (section === undefined) return null;
    reached.add(section);
    const known = targets.get(section.head.part);
    if (known !== undefined) return known;
    const servers = serversOf(section, ledger);
    const target = servers === null ? null : { section, servers };
    targets.set(section.head.part, target);
    return target;
  };
  const taken = new Set<string>();
  for (const frontend of fronts) {
    ledger.used(frontend.head);
    const find = (name: string): Section | undefined =>
      proxies.find((it) => it.kind !== 'frontend' && it.name === name);
    const routes = routesOf(frontend, ledger);
    const hasOwn =
      !routes.some(isDefault) && frontend.own.some(({ words: [word = ''] }) => /^(server|dispatch)/.test(word));
    const listeners = listenersOf(frontend, ledger);
    const before = draft.services.length;
    for (const listener of listeners) {
      for (const left of [...leftOf(routes, listener.place.port, ledger), ...(hasOwn ? [null] : [])]) {
        if (draft.services.length >= MOST_SERVICES) {
          ledger.lost(listener.line, 'bal has at most 64 services', 'let another bal serve the rest');
          break;
        }
        const section = left === null ? frontend : find(left.backend);
        if (section === undefined && left !== null)
          ledger.lost(left.line, 'there is no such backend', 'correct the name');
        if (section === undefined || !isSameMode(section, left, ledger)) continue;
        const target = targetOf(section);
        if (target === null || target.servers.length === 0) {
          ledger.lost(section.head, 'it has no server that bal could send clients to', 'see the lines of its servers');
          if (left !== null && !isDefault(left))
            ledger.differs(left.line, 'its clients get what is the default, or are reset');
          continue;
        }
        const name = serviceName(nameOf(frontend, section, listener, listeners, left), taken);
        const several = listeners.length * (routes.length + (hasOwn ? 1 : 0)) > 1;
        const sides = { frontend, backend: section, servers: target.servers, tables, several };
        const service = serviceOf(name, listener, left, sides, ledger);
        if (service !== null) draft.services.push(service);
      }
    }
    if (draft.services.length > before) continue;
    if (listeners.length === 0) ledger.lost(frontend.head, 'it listens nowhere that bal could', 'see its lines below');
    else if (routes.length === 0 && !hasOwn)
      ledger.lost(frontend.head, 'it has no backend for its clients', 'see its lines below');
    for (const line of frontend.own) if (!ledger.isSettled(line)) ledger.unneeded(line, WITH_SECTION);
  }
  if (fronts.some((section) => option(section, 'tcplog', ledger) !== null)) draft.log_connections = 'all';
  setRest(draft, sections, reached, targets, ledger);
  return draft;
}

function nameOf(
  frontend: Section,
  backend: Section,
  { place }: Listener,
  listeners: readonly Listener[],
  route: Route | null,
): string {
  const at = listeners.length === 1 ? '' : `-${place.port ?? 'unix'}`;
  const to = route === null || isDefault(route) ? '' : `-${backend.name}`;
  return `${frontend.name}${at}${to}`;
}

function modeOf({ lines }: Section): string {
  return last(lines, 'mode')?.words[1] ?? 'tcp';
}

function isSameMode(section: Section, route: Route | null, ledger: Ledger): boolean {
  if (modeOf(section) === 'tcp') return true;
  if (route !== null)
    ledger.lost(route.line, `${section.name} has mode ${modeOf(section)}, not tcp`, 'correct one of them');
  return false;
}

/** Notes a section that is not TCP. */
function isTcp(section: Section, draft: Draft, ledger: Ledger): boolean {
  const mode = modeOf(section);
  if (last(section.lines, 'disabled') !== null) {
    for (const line of [section.head, ...section.own]) ledger.unneeded(line, 'its section is disabled');
    return false;
  }
  if (mode === 'tcp') return true;
  if (!setAdmin(draft, section, ledger)) notTcp(section, mode, ledger);
  return false;
}

/** One note for the section: where nothing can be taken over, notes on each line say no more. */
function notTcp(section: Section, mode: string, ledger: Ledger): void {
  const end = section.own.at(-1)?.line ?? section.head.line;
  const why = `mode ${mode} is not TCP, so nothing to line ${end} is taken over`;
  ledger.lost(section.head, why, 'leave it to HAProxy, or write "mode tcp" where TCP is enough, and import again');
  for (const line of section.own) ledger.unneeded(line, `its section has mode ${mode}`);
}

function setRest(
  draft: Draft,
  sections: readonly Section[],
  reached: ReadonlySet<Section>,
  targets: ReadonlyMap<string, Target | null>,
  ledger: Ledger,
): void {
  const used = new Set(
    [...targets.values()].flatMap((it) => it?.servers ?? []).flatMap(({ options: { resolvers } }) => resolvers ?? []),
  );
  setResolvers(
    draft,
    used,
    sections.filter(({ kind }) => kind === 'resolvers'),
    ledger,
  );
  for (const section of sections) {
    const { kind, head, own } = section;
    if (kind === 'global') setGlobal(draft, section, ledger);
    else if (kind === 'defaults') ledger.used(head);
    else if (kind === 'backend' && !reached.has(section)) unreached(section, ledger);
    else if (kind === 'peers')
      ledger.unneeded(head, 'instances need not tell each other anything: source_hash is the same in all');
    else if (!['frontend', 'backend', 'listen', 'resolvers'].includes(kind)) {
      const isHttp = ['userlist', 'cache', 'http-errors', 'fcgi-app', 'crt-store', 'acme'].includes(kind);
      if (isHttp) ledger.unneeded(head, 'it is of HTTP or TLS');
      else ledger.lost(head, `bal has no counterpart for a section "${kind}"`, 'leave it to HAProxy');
    }
    if (reached.has(section)) ledger.used(head);
    const isOther = !['global', 'defaults', 'frontend', 'backend', 'listen'].includes(kind);
    for (const line of own) {
      if (ledger.isSettled(line)) continue;
      if (isOther) ledger.unneeded(line, WITH_SECTION);
      else if (kind !== 'global' && isOnlyForOthers(line)) ledger.unneeded(line, 'nothing that is taken over uses it');
      else judge(line, ledger);
    }
  }
}

function unreached(section: Section, ledger: Ledger): void {
  const { head, own } = section;
  const hasServers = own.some(({ words: [word = ''] }) => /^(server|dispatch)/.test(word));
  const why = 'nothing that is taken over leads there';
  if (hasServers && modeOf(section) === 'tcp') ledger.lost(head, why, 'see the frontends that use it');
  else ledger.unneeded(head, why);
  for (const line of own) ledger.unneeded(line, WITH_SECTION);
}

/** Lines that only matter with a listener or a server. */
function isOnlyForOthers({ words: [word = '', second = ''] }: HaLine): boolean {
  if (word === 'timeout') return /^(client|server|connect|queue|check|tunnel|client-fin)$/.test(second);
  return /^(balance|hash-type|retries|maxconn|server|default-server|default_backend|source|backlog|rate-limit)$/.test(
    word,
  );
}
