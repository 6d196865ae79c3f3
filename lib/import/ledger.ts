// What became of each statement of a configuration that is imported. A statement that nobody has accounted for is told as one that bal
// does not know, so that nothing is lost in silence.
import { printable } from '../../config/problem.ts';

/** One line of HAProxy's, or one directive of nginx's. */
export interface Statement {
  /** As the operator knows the file. */
  readonly file: string;
  /** From 1 on. */
  readonly line: number;
  /** As it is told. */
  readonly text: string;
  /** Which part of the file it belongs to: that of a service is told with it. */
  readonly part: string;
}

/** `lost`: bal does not do it; `differs`: expressed, and behaves otherwise; `unneeded`: bal does without. */
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

  /** bal has nothing for it. `what` where only a part of the statement is meant. */
  lost(at: Statement, why: string, todo: string | null, what = at.text): void {
    this.#add('lost', at, what, why, todo);
  }

  /** It is expressed, or near to it, and behaves otherwise. */
  differs(at: Statement, why: string, todo: string | null = null, what = at.text): void {
    this.#add('differs', at, what, why, todo);
  }

  /** Nothing is missing without it. */
  unneeded(at: Statement, why: string, what = at.text): void {
    this.#add('unneeded', at, what, why, null);
  }

  /** It is expressed. */
  used(...statements: readonly (Statement | null | undefined)[]): void {
    for (const statement of statements) if (statement) this.#settled.add(statement);
  }

  isSettled(statement: Statement): boolean {
    return this.#settled.has(statement);
  }

  /** Files in the order in which they were met, lines in theirs. */
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

/** On one line, with nothing in it that a terminal would obey. */
export function shortened(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return printable(line.length > MAX_TEXT ? `${line.slice(0, MAX_TEXT - 1)}…` : line);
}

const TITLES = { lost: 'not taken over', differs: 'differs', unneeded: 'not needed' } as const;

/** `haproxy.cfg:12: not taken over: option nolinger: why; what to do`. On one line, for what is of the file may stand in each part. */
export function formatNote({ kind, file, line, what, why, todo }: Note): string {
  return printable(`${file}:${line}: ${TITLES[kind]}: ${what}: ${why}${todo === null ? '' : `; ${todo}`}`);
}
