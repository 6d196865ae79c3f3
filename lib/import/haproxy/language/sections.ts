// Splits a HAProxy configuration into sections, with what each proxy inherits from `defaults`.
import type { Ledger, Statement } from '../../ledger.ts';
import { branches } from './branches.ts';
import { MAX_FILLED, readLine, type Environment } from './lex.ts';

export interface HaLine extends Statement {
  readonly words: readonly string[];
}

export interface Section {
  readonly kind: string;
  readonly name: string;
  /** Its first line. */
  readonly head: HaLine;
  readonly own: readonly HaLine[];
  /** The lines inherited from `defaults`, then its own. */
  readonly lines: readonly HaLine[];
}

/** Every keyword that may begin a section. */
const KINDS = new Set(
  `global defaults frontend backend listen peers resolvers userlist mailers cache program ring log-forward log-profile
  http-errors fcgi-app crt-store traces acme dynamic-update
  healthcheck`.split(/\s+/),
);
const PROXIES = new Set(['frontend', 'backend', 'listen']);
const CORRECT = 'correct the line and import again';
/** Far more than any real configuration has. */
const MAX_LINES = 20_000;

export function isSectionStart(word: string): boolean {
  return KINDS.has(word);
}

interface Open {
  kind: string;
  name: string;
  head: HaLine;
  own: HaLine[];
  inherited: readonly HaLine[];
}

export function sectionsOf(text: string, file: string, environment: Environment, ledger: Ledger): Section[] {
  const env: Record<string, string | undefined> = { ...environment };
  const sections: Open[] = [];
  const named = new Map<string, Open>();
  let defaults: Open | null = null;
  const within = branches();
  let room = MAX_FILLED;
  const told = new Set<string>();
  const raws = text.split('\n', MAX_LINES + 1);
  if (raws.length > MAX_LINES) {
    const at = { file, line: MAX_LINES, text: 'the rest of the file', part: '' };
    ledger.lost(at, `no more than ${MAX_LINES} lines are read`, 'import a part of it');
  }
  for (const [i, raw] of raws.slice(0, MAX_LINES).entries()) {
    const { words, fault, filled, unset, added } = readLine(raw.replace(/\r$/, ''), env, room);
    room -= added;
    const [first = ''] = words;
    if (first === '' && fault === null) continue;
    const part: string = partOf(sections.at(-1), i + 1, first);
    const line: HaLine = { file, line: i + 1, text: raw.replace(/\s#.*$/, '').trim(), part, words };
    if (first.startsWith('.')) {
      if (fault !== null) ledger.lost(line, fault, CORRECT);
      within.step(line, env, ledger);
      continue;
    }
    if (!within.isTaken()) {
      ledger.unneeded(line, 'its .if does not hold here');
      continue;
    }
    if (fault !== null) {
      ledger.lost(line, fault, CORRECT);
      continue;
    }
    tellVariables(line, filled, unset, env, told, ledger);
    if (isSectionStart(first)) {
      const opened: Open = { kind: first, name: words[1] ?? '', head: line, own: [], inherited: [] };
      sections.push(opened);
      opened.inherited = inheritedBy(opened, defaults, named, ledger);
      if (first !== 'defaults') continue;
      defaults = opened;
      if (opened.name !== '') named.set(opened.name, opened);
    } else if (sections.length === 0)
      ledger.lost(line, 'it stands in no section', 'move it below "global" or "defaults"');
    else if (sections.at(-1)?.kind !== 'global' || !setsVariable(line, env, ledger)) sections.at(-1)?.own.push(line);
  }
  if (within.isOpen()) {
    const at = sections.at(-1)?.own.at(-1) ?? sections.at(-1)?.head;
    if (at !== undefined) ledger.lost(at, 'an .if before it has no .endif', 'add it and import again');
  }
  return sections.map(({ kind, name, head, own, inherited }) => ({
    kind,
    name,
    head,
    own,
    lines: [...inherited, ...own],
  }));
}

function partOf(section: Open | undefined, line: number, first: string): string {
  return section === undefined || isSectionStart(first) ? `${first}@${line}` : section.head.part;
}

/** Uses `from NAME`, else the last `defaults` before it. */
function inheritedBy(
  section: Open,
  last: Open | null,
  named: ReadonlyMap<string, Open>,
  ledger: Ledger,
): readonly HaLine[] {
  const { kind, head } = section;
  const { words } = head;
  const from = words[2] === 'from' ? words[3] : undefined;
  if (kind !== 'defaults' && !PROXIES.has(kind)) return [];
  if (from === undefined && kind === 'defaults') return [];
  const base = from === undefined ? last : (named.get(from) ?? null);
  if (from !== undefined && base === null) {
    ledger.lost(head, `there is no defaults section "${from}" before it`, 'correct the name and import again');
  }
  return base === null ? [] : [...base.inherited, ...base.own];
}

/** Handles `setenv` and related lines in `global`. */
function setsVariable(line: HaLine, env: Record<string, string | undefined>, ledger: Ledger): boolean {
  const [word, name = '', value = ''] = line.words;
  if (word === 'setenv' || (word === 'presetenv' && env[name] === undefined)) env[name] = value;
  else if (word === 'unsetenv') for (const each of line.words.slice(1)) env[each] = undefined;
  else if (word !== 'presetenv' && word !== 'resetenv') return false;
  ledger.unneeded(line, 'the variable is filled in where it is used');
  return true;
}

function tellVariables(
  line: HaLine,
  filled: readonly string[],
  unset: readonly string[],
  env: Environment,
  told: Set<string>,
  ledger: Ledger,
): void {
  for (const name of unset) {
    ledger.lost(line, `the variable ${name} is not set here`, `run it again with ${name}=… before it`, `\${${name}}`);
  }
  for (const name of filled) {
    if (told.has(name)) continue;
    told.add(name);
    const value = JSON.stringify(env[name] ?? '');
    ledger.differs(
      line,
      `is ${value} for good`,
      `where it changes, write \${${name}} into the file again`,
      `\${${name}}`,
    );
  }
}

/** Returns the last line that begins with these words: the one that applies. */
export function last(lines: readonly HaLine[], ...words: readonly string[]): HaLine | null {
  return all(lines, ...words).at(-1) ?? null;
}

export function all(lines: readonly HaLine[], ...words: readonly string[]): HaLine[] {
  return lines.filter((line) => words.every((word, i) => line.words[i] === word));
}

/** Returns the line that turns an option on, unless a later one turns it off; marks all of them as used. */
export function option(section: { readonly lines: readonly HaLine[] }, name: string, ledger: Ledger): HaLine | null {
  const lines = section.lines.filter(
    ({ words: [a, b, c] }) =>
      (a === 'option' && b === name) || ((a === 'no' || a === 'default') && b === 'option' && c === name),
  );
  ledger.used(...lines);
  const final = lines.at(-1);
  return final?.words[0] === 'option' ? final : null;
}
