// Records what became of each statement of an imported configuration. An unaccounted statement is reported as unknown, so that
// nothing is lost silently.
import { printable } from '../../config/problem.ts';

/** One line of HAProxy's, or one directive of nginx's. */
export interface Statement {
  /** As the operator named the file. */
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** As shown in notes. */
  readonly text: string;
  /** The part of the file it belongs to: notes on parts of a service are written with it. */
  readonly part: string;
}

/** `lost`: bal cannot do it; `differs`: converted, but behaves differently; `unneeded`: bal does not need it. */
export type Kind = 'lost' | 'differs' | 'unneeded';

export interface Note {
  readonly kind: Kind;
  readonly file: string;
  readonly line: number;
  readonly part: string;
  readonly what: string;
  readonly why: string;
  /** What to do about it. */
  readonly todo: string | null;
}

const MAX_TEXT = 100;

export class Ledger {
  readonly #notes = new Map<string, Note>();
  readonly #settled = new Set<Statement>();

  /** bal has no counterpart. `what` names a part of the statement, if only that is meant. */
  lost(at: Statement, why: string, todo: string | null, what = at.text): void {
    this.#add('lost', at, what, why, todo);
  }

  /** Converted, exactly or nearly, but behaves differently. */
  differs(at: Statement, why: string, todo: string | null = null, what = at.text): void {
    this.#add('differs', at, what, why, todo);
  }

  /** Nothing is missing without it. */
  unneeded(at: Statement, why: string, what = at.text): void {
    this.#add('unneeded', at, what, why, null);
  }

  /** Fully converted. */
  used(...statements: readonly (Statement | null | undefined)[]): void {
    for (const statement of statements) if (statement) this.#settled.add(statement);
  }

  isSettled(statement: Statement): boolean {
    return this.#settled.has(statement);
  }

  /** Sorted by file, in order of first mention, and line. */
  notes(): Note[] {
    const all = [...this.#notes.values()];
    const order = new Map([...new Set(all.map(({ file }) => file))].map((file, i) => [file, i]));
    const rank = ({ file }: Note): number => order.get(file) ?? 0;
    return all.sort((a, b) => rank(a) - rank(b) || a.line - b.line);
  }

  #add(kind: Kind, at: Statement, what: string, why: string, todo: string | null): void {
    this.#settled.add(at);
    const { file, line, part } = at;
    const note = { kind, file, line, part, what: shortened(what), why, todo };
    const key = JSON.stringify([kind, file, line, note.what, why]);
    if (!this.#notes.has(key)) this.#notes.set(key, note);
  }
}

/** Returns one line that is safe on a terminal. */
export function shortened(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return printable(line.length > MAX_TEXT ? `${line.slice(0, MAX_TEXT - 1)}…` : line);
}

const TITLES = { lost: 'not taken over', differs: 'differs', unneeded: 'not needed' } as const;

/**
 * `haproxy.cfg:12: not taken over: option nolinger: why; what to do`. On one line and escaped, because any part may contain
 * text of the file.
 */
export function formatNote({ kind, file, line, what, why, todo }: Note): string {
  return printable(`${file}:${line}: ${TITLES[kind]}: ${what}: ${why}${todo === null ? '' : `; ${todo}`}`);
}
