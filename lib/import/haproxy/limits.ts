// Converts `tcp-request … reject` and `accept`, by address and by stick-table counters, into access lists and limits.
import { accessOf, unaddressedMay, type Rule } from '../access.ts';
import { setTime, type Service } from '../draft.ts';
import type { Ledger } from '../ledger.ts';
import { haproxyTime } from '../values.ts';
import { aclsOf, readCondition, type Literal } from './language/conditions.ts';
import { all, type HaLine, type Section } from './language/sections.ts';

/** Limit over all rules of a service, somewhat above bal's own. */
const MAX_NETWORKS = 20_000;

type Part = Pick<Service, 'bind_unix' | 'access' | 'accept_proxy_protocol' | 'runtime'>;

/** Returns false if nobody may connect, or bal cannot hold who may; it is noted. */
export function setLimits(
  service: Part,
  frontend: Section,
  backend: Section,
  tables: ReadonlyMap<string, HaLine>,
  ledger: Ledger,
): boolean {
  const sides = frontend === backend ? [frontend] : [frontend, backend];
  // Clients that a rule accepts go on to the rules of the next stage and of the backend.
  const sets = (['connection', 'session', 'content'] as const).flatMap((stage) =>
    sides.map((side) => ({ side, lines: all(side.lines, 'tcp-request', stage), access: [] as Rule[] })),
  );
  let at: HaLine | null = null;
  let networks = 0;
  for (const { line, side, access } of sets.flatMap((set) => set.lines.map((line) => ({ ...set, line })))) {
    const [, , action = '', ...rest] = line.words;
    if (networks > MAX_NETWORKS) {
      ledger.lost(line, 'the rules before it have more networks than bal takes', 'let a firewall decide');
      continue;
    }
    if (action === 'expect-proxy') expectProxy(service, line, rest, side, ledger);
    else if (action === 'accept' || action === 'reject' || action === 'silent-drop') {
      const rule = ruleOf(service, line, side, tables, access, ledger);
      if (rule === null) continue;
      access.push(rule);
      networks += 1 + (rule.networks?.length ?? 0);
      at = line;
    } else if (action.startsWith('track-sc') && isOfSource(rest)) ledger.used(line);
    else if (action.startsWith('track-sc'))
      ledger.lost(line, 'bal counts clients by their address only', 'do it elsewhere');
    else ledger.lost(line, 'bal has no such action', 'do it elsewhere if something relies on it');
  }
  const rules = sets.map(({ access }) => access);
  const isForNobody = (): false => {
    ledger.lost(frontend.head, 'its rules let nobody in, as far as bal can follow them', 'write access for it');
    return false;
  };
  if (service.bind_unix !== undefined) return unaddressedMay(...rules) || isForNobody();
  const found = accessOf(...rules);
  if (found.kind === 'nobody') return isForNobody();
  // Without its rules the service would be open to everybody.
  if (at !== null && (found.kind === 'too many' || networks > MAX_NETWORKS)) {
    ledger.lost(
      at,
      'bal takes at most 10,000 networks',
      'let a firewall decide, and add the service without these rules',
    );
    return false;
  }
  if (found.kind === 'lists') {
    service.access = {
      ...(found.allow !== null && { allow: found.allow }),
      ...(found.deny.length > 0 && { deny: found.deny }),
    };
  }
  return true;
}

function isOfSource([key, word = 'if']: readonly string[]): boolean {
  return key === 'src' && /^(table|if|unless)$/.test(word);
}

function expectProxy(service: Part, line: HaLine, words: readonly string[], side: Section, ledger: Ledger): void {
  const [, ...condition] = words;
  const asked = readCondition(condition, aclsOf(side.lines));
  const [literals, ...others] = asked.condition ?? [];
  const networks = literals === undefined || others.length > 0 ? null : networksOf(literals);
  if (networks === null || networks.negated) {
    ledger.lost(line, 'only the addresses of proxies can be told', 'write accept_proxy_protocol: {from: [NETWORKS]}');
    return;
  }
  ledger.used(line, ...asked.acls);
  service.accept_proxy_protocol = { from: [...(networks.networks ?? ['0.0.0.0/0', '::/0'])] };
}

const WIDER = 'whoever it refuses may come now; use access, the limits for each source, or a firewall';

function ruleOf(
  service: Part,
  line: HaLine,
  side: Section,
  tables: ReadonlyMap<string, HaLine>,
  before: readonly Rule[],
  ledger: Ledger,
): Rule | null {
  const [, , action, ...words] = line.words;
  const { condition, acls } = readCondition(words, aclsOf(side.lines));
  const lists = condition ?? [];
  if (condition !== null && lists.every((list) => isOfHello(list))) {
    // TLS clients are let in; the following rules are for others, which bal does not tell apart.
    if (action === 'accept' && words.length > 0) {
      ledger.differs(line, 'bal lets in those who say something else, too, and reads no more than it needs');
      ledger.used(...acls);
      return { action: 'allow', networks: null, negated: false };
    }
  }
  if (
    action !== 'accept' &&
    lists.length > 0 &&
    lists.every((list) => limitBy(service, line, list, side, tables, ledger))
  ) {
    ledger.used(line, ...acls);
    if (before.some((it) => it.action === 'allow' && it.networks !== null))
      ledger.differs(line, 'it holds for those, too, whom a rule before it accepts');
    return null;
  }
  const parts = lists.map(networksOf);
  const known = parts.filter((part) => part !== null);
  const isKnown = known.length === parts.length && known.length > 0;
  if (!isKnown || (known.length > 1 && known.some(({ negated }) => negated))) {
    ledger.lost(line, 'its condition asks for what bal does not look at', action === 'accept' ? null : WIDER);
    return null;
  }
  ledger.used(line, ...acls);
  if (action === 'silent-drop') ledger.differs(line, 'they are reset, where HAProxy leaves them without an answer');
  const networks = known.some((it) => it.networks === null) ? null : known.flatMap((it) => it.networks ?? []);
  return { action: action === 'accept' ? 'allow' : 'deny', networks, negated: known[0]?.negated ?? false };
}

function isOfHello(list: readonly Literal[]): boolean {
  return list.length > 0 && list.every(({ negated, tests }) => !negated && tests.every(({ kind }) => kind === 'hello'));
}

/** Returns the networks of a list that names nothing but addresses. */
function networksOf(list: readonly Literal[]): Pick<Rule, 'networks' | 'negated'> | null {
  const [first, ...others] = list.filter(({ negated, tests }) => {
    const isAlways = tests.every((test) => test.kind === 'constant' && test.holds);
    return !isAlways || negated;
  });
  if (first === undefined) return { networks: null, negated: false };
  if (others.length > 0) return null;
  const networks = first.tests.map((test) => (test.kind === 'src' ? test.networks : null));
  const known = networks.filter((it) => it !== null);
  return known.length === networks.length ? { networks: known.flat(), negated: first.negated } : null;
}

/** Whether the list is a limit that bal has; sets it. */
function limitBy(
  { runtime }: Part,
  line: HaLine,
  list: readonly Literal[],
  side: Section,
  tables: ReadonlyMap<string, HaLine>,
  ledger: Ledger,
): boolean {
  const [literal, ...others] = list;
  const [test, ...more] = literal?.tests ?? [];
  if (literal?.negated !== false || test?.kind !== 'rate' || others.length + more.length > 0) return false;
  const { what, most, table, counter } = test;
  const tracks = all(side.lines, 'tcp-request').filter(({ words }) => words[2] === `track-${counter}`);
  if (most < 1 || (counter !== null && !tracks.some(({ words }) => isOfSource(words.slice(3))))) return false;
  if (what === 'cur') {
    const before = runtime.max_connections_per_source;
    setTime(runtime, 'max_connections_per_source', Math.min(most, Number(before ?? most)), line, ledger);
    return true;
  }
  const tracked = all(side.lines, 'tcp-request').flatMap(({ words }) => (words[4] === 'table' ? [words[5] ?? ''] : []));
  const from = tables.get(table ?? tracked[0] ?? side.name);
  const period = haproxyTime(/conn_rate\(([^)]*)\)/.exec(from?.words.join(' ') ?? '')?.[1]);
  if (period === null || period < 1) return false;
  const rate = Math.max(1, Math.ceil((most * 1000) / period));
  setTime(runtime, 'max_connection_rate_per_source', rate, line, ledger);
  if (period !== 1000)
    ledger.differs(line, `bal counts by the second: ${most} in ${period} ms become ${rate} in each second`);
  return true;
}
