// Parses tokens into directives with their blocks, and reads included files.
import { isAbsolute, join } from 'node:path';
import type { Ledger, Statement } from '../../ledger.ts';
import { matching, readFile } from '../../read.ts';
import { tokensOf, type Token } from './tokens.ts';

export interface Directive extends Statement {
  readonly name: string;
  readonly args: readonly string[];
  /** Null without a block. */
  readonly block: readonly Directive[] | null;
  /** Its last line. */
  readonly end: number;
}

const MAX_NESTED = 30;
const MAX_FILES = 200;
const MAX_INCLUDED = 10;
/** Over all files. */
const MAX_CHARACTERS = 4 * 1024 * 1024;

/** `folder`: base of relative paths. */
export async function treeOf(
  text: string,
  file: string,
  folder: string,
  ledger: Ledger,
): Promise<readonly Directive[]> {
  return new Includer(folder, ledger).expand(parse(text, file, ledger), 0);
}

function parse(text: string, file: string, ledger: Ledger): readonly Directive[] {
  const { tokens, fault } = tokensOf(text);
  const reader = new Reader(tokens, file, ledger);
  const found = reader.block('main', 0);
  if (fault !== null) reader.lost(fault.line, fault.message);
  return found;
}

class Reader {
  readonly #tokens: readonly Token[];
  readonly #file: string;
  readonly #ledger: Ledger;
  #at = 0;

  constructor(tokens: readonly Token[], file: string, ledger: Ledger) {
    this.#tokens = tokens;
    this.#file = file;
    this.#ledger = ledger;
  }

  lost(line: number, message: string, text = 'the file'): void {
    const at = { file: this.#file, line, text, part: 'main' };
    this.#ledger.lost(at, message, 'correct it and import again');
  }

  /** Reads up to the closing brace or the end. */
  block(part: string, depth: number): readonly Directive[] {
    const found: Directive[] = [];
    let words: string[] = [];
    let line = 0;
    for (let token = this.#next(); token !== undefined; token = this.#next()) {
      if (token.kind === 'word') {
        if (words.length === 0) ({ line } = token);
        words.push(token.text);
        continue;
      }
      const [name = '', ...args] = words;
      if (token.kind === '}') {
        if (words.length > 0) this.lost(line, 'it has no semicolon', words.join(' '));
        if (depth > 0) return found;
        this.lost(token.line, 'a brace closes nothing', '}');
      } else if (words.length === 0) {
        if (token.kind === '{') this.lost(token.line, 'a block has no name', '{');
        if (token.kind === '{' && depth < MAX_NESTED) this.block(part, depth + 1);
      } else if (token.kind === ';') found.push(this.#directive(words, line, part, null, line));
      else if (depth >= MAX_NESTED) {
        this.lost(line, 'it is nested too deeply', name);
        return found;
      } else {
        const inner = /^(server|upstream|map)$/.test(name) ? `${name}@${this.#file}:${line}` : part;
        const block = this.block(inner, depth + 1);
        const end = this.#tokens[this.#at - 1]?.line ?? line;
        found.push({ ...this.#directive([name, ...args], line, inner, block, end) });
      }
      words = [];
    }
    if (words.length > 0) this.lost(line, 'it has no semicolon', words.join(' '));
    if (depth > 0) this.lost(line, 'a block is not closed');
    return found;
  }

  #directive(
    words: readonly string[],
    line: number,
    part: string,
    block: readonly Directive[] | null,
    end: number,
  ): Directive {
    const [name = '', ...args] = words;
    return {
      file: this.#file,
      line,
      text: words.map((word) => (word === '' ? '""' : word)).join(' '),
      part,
      name,
      args,
      block,
      end,
    };
  }

  #next(): Token | undefined {
    return this.#tokens[this.#at++];
  }
}

class Includer {
  readonly #folder: string;
  readonly #ledger: Ledger;
  #files = 0;
  #characters = 0;

  constructor(folder: string, ledger: Ledger) {
    this.#folder = folder;
    this.#ledger = ledger;
  }

  /** Replaces includes by their contents. Reads nothing for HTTP, which bal does not serve. */
  async expand(directives: readonly Directive[], depth: number): Promise<readonly Directive[]> {
    const found: Directive[] = [];
    for (const directive of directives) {
      const { name, block } = directive;
      if (name === 'include' && block === null) {
        // Pushed one by one: spreading many into one call could overflow the stack.
        for (const it of await this.#included(directive, depth)) found.push(it);
      } else if (block === null || name === 'http' || name === 'mail') found.push(directive);
      else found.push({ ...directive, block: await this.expand(block, depth) });
    }
    return found;
  }

  async #included(directive: Directive, depth: number): Promise<readonly Directive[]> {
    const [pattern = ''] = directive.args;
    const found: Directive[] = [];
    const matches = await matching(isAbsolute(pattern) ? pattern : join(this.#folder, pattern));
    this.#ledger.used(directive);
    if (depth >= MAX_INCLUDED) this.#ledger.lost(directive, 'files include each other too deeply', 'include it once');
    else if (matches === null) this.#ledger.lost(directive, 'the folder cannot be read', 'import where the files are');
    else if (matches.cut !== null)
      this.#ledger.lost(directive, `${matches.cut} were looked at`, 'import a part of them');
    for (const path of depth >= MAX_INCLUDED ? [] : (matches?.paths ?? [])) {
      const read = await readFile(path);
      if (!read.ok) this.#ledger.lost(directive, `${path}: ${read.why}`, 'import where that file is');
      this.#files++;
      this.#characters += read.ok ? read.text.length : 0;
      if (this.#files > MAX_FILES || this.#characters > MAX_CHARACTERS) {
        this.#ledger.lost(
          directive,
          `more than ${MAX_FILES} files, or 4 MiB in all, are not read`,
          'import a part of them',
        );
        break;
      }
      if (!read.ok) continue;
      const own = parse(read.text, path, this.#ledger).map((it) => ({
        ...it,
        part: it.part === 'main' ? directive.part : it.part,
      }));
      for (const it of await this.expand(own, depth + 1)) found.push(it);
    }
    return found;
  }
}

/** A block with the blocks around it, from which it inherits missing directives. */
export interface Scope {
  readonly own: readonly Directive[];
  readonly outer: Scope | null;
}

/** Returns the directive that applies. */
export function last(scope: Scope | null, name: string): Directive | null {
  return all(scope, name).at(-1) ?? null;
}

/** Returns all of the innermost block that has any. */
export function all(scope: Scope | null, name: string): readonly Directive[] {
  if (scope === null) return [];
  const own = scope.own.filter((it) => it.name === name);
  return own.length > 0 ? own : all(scope.outer, name);
}
