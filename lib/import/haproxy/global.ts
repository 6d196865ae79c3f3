// Converts `global`, `resolvers` and statistics sections into settings of the whole instance.
import { isLoopback } from '../../../config/host.ts';
import { judgeNameServer } from '../../../config/name-servers.ts';
import { setTime, type Draft } from '../draft.ts';
import type { Ledger } from '../ledger.ts';
import { haproxyTime, wholeNumber } from '../values.ts';
import { readAddress } from './language/address.ts';
import { all, last, type HaLine, type Section } from './language/sections.ts';

export function setGlobal(draft: Draft, section: Section, ledger: Ledger): void {
  const { own } = section;
  ledger.used(section.head);
  const threads = last(own, 'nbthread') ?? last(own, 'nbproc');
  const workers = wholeNumber(threads?.words[1], 1, 256);
  if (threads !== null && workers !== null) {
    draft.workers = workers;
    ledger.used(threads);
  }
  const most = last(own, 'maxconn');
  const limit = wholeNumber(most?.words[1], 1);
  if (most !== null && limit !== null) {
    setTime(draft.runtime, 'max_concurrent_connections', limit, most, ledger);
    ledger.differs(most, "clients beyond it are reset, where HAProxy leaves them in the kernel's queue", QUEUE);
  }
  const stop = last(own, 'hard-stop-after');
  const ms = haproxyTime(stop?.words[1]);
  if (stop !== null && ms !== null) {
    setTime(draft.runtime, 'drain_timeout_ms', ms, stop, ledger);
    ledger.differs(stop, 'it counts at a stop; a reload leaves no old process that would have to be ended');
  }
}

export const QUEUE = 'overload_policy: queue lets them wait';

/** Takes the name servers of the sections that backends refer to; bal has one list for all. */
export function setResolvers(
  draft: Draft,
  used: ReadonlySet<string>,
  sections: readonly Section[],
  ledger: Ledger,
): void {
  for (const section of sections) {
    if (!used.has(section.name)) {
      for (const line of [section.head, ...section.own]) ledger.unneeded(line, 'no backend that is taken over uses it');
      continue;
    }
    ledger.used(section.head);
    for (const line of section.own) {
      const [word, , address = ''] = line.words;
      if (word === 'nameserver') nameServer(draft, address, line, ledger);
      else if (word === 'parse-resolv-conf') ledger.unneeded(line, 'without dns_servers the system is asked');
      else if (word === 'hold' && line.words[1] === 'valid') {
        const ms = haproxyTime(line.words[2]);
        if (ms !== null) setTime(draft.runtime, 'dns_max_age_ms', ms, line, ledger);
      } else if (/^(hold|resolve_retries|timeout|accepted_payload_size)$/.test(word ?? '')) {
        ledger.unneeded(line, 'bal keeps the last good answer for as long as there is no other');
      }
    }
  }
}

function nameServer(draft: Draft, text: string, line: HaLine, ledger: Ledger): void {
  const plain = text.replace(/^(tcp|udp|ipv)[46]?@/, '');
  const servers = (draft.dns_servers ??= []);
  if (judgeNameServer(plain) !== null || servers.length >= 8) {
    if (servers.length === 0) delete draft.dns_servers;
    ledger.lost(line, 'a name server is an address, and bal takes eight of them', 'write it into dns_servers');
    return;
  }
  ledger.used(line);
  if (!servers.includes(plain)) servers.push(plain);
  if (text.startsWith('tcp')) ledger.differs(line, 'bal asks by UDP first, and by TCP for what does not fit');
}

/** Converts a section that only shows statistics into bal's admin page. */
export function setAdmin(draft: Draft, section: Section, ledger: Ledger): boolean {
  const isForSight = section.lines.some(
    ({ words }) =>
      (words[0] === 'stats' && /^(enable|uri)$/.test(words[1] ?? '')) || words.includes('prometheus-exporter'),
  );
  const serves = section.own.some(({ words: [word = ''] }) => /^(server|default_backend|use_backend)$/.test(word));
  const [bind] = all(section.own, 'bind');
  const address = readAddress(bind?.words[1] ?? '');
  if (!isForSight || serves || bind === undefined || bind.words.includes('ssl') || draft.admin !== undefined)
    return false;
  if (address.kind !== 'tcp' || address.ports.kind !== 'range') return false;
  const guards = section.own.filter(isGuard);
  const asked = address.host === '' ? '0.0.0.0' : address.host;
  // Clients that needed a password, or were refused, must not get in through bal.
  const host = guards.length > 0 && !isLoopback(asked) ? '127.0.0.1' : asked;
  for (const line of guards) {
    const todo = 'so it is for this machine alone; put a proxy before it for others';
    // Omit what follows, which may be a password.
    ledger.lost(line, 'admin lets in whoever reaches it', todo, line.words.slice(0, 2).join(' '));
  }
  draft.admin = `${host.includes(':') ? `[${host}]` : host}:${address.ports.from}`;
  ledger.differs(
    section.head,
    'admin shows page, metrics (/metrics) and readiness there, and takes no commands',
    ADMIN,
  );
  ledger.used(bind);
  for (const line of section.own)
    if (line !== bind && !guards.includes(line)) ledger.unneeded(line, 'the admin page is as it is');
  return true;
}

function isGuard({ words: [word = '', second = '', third = ''] }: HaLine): boolean {
  if (word === 'stats') return second === 'auth' || (second === 'http-request' && third !== 'allow');
  return /^(http|tcp)-request$/.test(word) && /\b(deny|auth|reject|silent-drop|tarpit)\b/.test(`${second} ${third}`);
}

const ADMIN = 'look who can reach that address: there is no password';
