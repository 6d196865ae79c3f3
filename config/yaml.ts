// Parses YAML into plain data with the position of each part, or returns what is wrong. Bounds depth, elements and alias
// expansion, because the text may be anything.
import {
  Composer,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  Parser,
  type Document,
  type Scalar,
} from 'yaml';
import { problemAt, quote, type Mark, type Path, type Problem } from './problem.ts';
import { syntaxProblems } from './syntax.ts';
import { fillIn, plainValue, type Environment } from './variables.ts';

export interface Source {
  /** Maps have no prototype, so that `__proto__` is a key like any other. Undefined if there is no document. */
  readonly data: unknown;
  /** Position of each value (of its key, if it has one), by keyOf(path). */
  readonly marks: ReadonlyMap<string, Mark>;
  readonly problems: readonly Problem[];
}

/** Deeper than any configuration; counted in the parser's levels, about two per level of the file. */
const MAX_LEVELS = 40;
/** Words, colons, line ends, …: six times what the largest valid file needs; the composer takes about 20 µs per bad one. */
export const MAX_TOKENS = 100_000;
const MAX_ALIASED = 10_000;

const QUOTED = 'put a text that begins with "*" in quotes';

/** Characters that YAML forbids; it allows tab and line ends. */
const CONTROL = /[^\P{Cc}\t\n\r\u0085]/u;

/** The tokens left for all files of a configuration; readYaml() subtracts from it. */
export interface Budget {
  tokens: number;
}

/** Returns a JSON pointer: typebox reports places in this form, and marks use it as key. */
export function keyOf(path: Path): string {
  let key = '';
  for (const part of path) {
    key += typeof part === 'number' ? `/${part}` : `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  }
  return key;
}

/** Parses YAML 1.2 without merge keys and fills in variables from `environment`. Never throws. */
export function readYaml(text: string, environment: Environment = {}, budget: Budget = { tokens: MAX_TOKENS }): Source {
  const places = new Places(text);
  const failed = (offset: number, message: string, hint: string | null = null): Source => ({
    data: undefined,
    marks: new Map(),
    problems: [problemAt(places.at(offset), [], message, hint)],
  });
  const control = CONTROL.exec(text);
  if (control !== null) return failed(control.index, `control character ${quote(control[0])}`, 'is this a text file?');
  const parser = new Parser();
  const tokens = [];
  for (const lexeme of new Lexer().lex(text)) {
    tokens.push(...parser.next(lexeme));
    if (parser.stack.length > MAX_LEVELS) return failed(parser.offset, 'nested too deeply');
    if (--budget.tokens < 0) return failed(parser.offset, 'too many elements', 'a configuration is far smaller');
  }
  tokens.push(...parser.end());
  // uniqueKeys compares all pairs of keys (quadratic); Reader finds duplicates and names the line of the first.
  const options = { prettyErrors: false, uniqueKeys: false, strict: true, merge: false, logLevel: 'silent' } as const;
  const [document, second] = new Composer(options).compose(tokens, true, text.length);
  if (document === undefined) return failed(0, 'the file is empty');
  if (second !== undefined) {
    return failed(second.range[0], 'a second document begins here', 'remove the line "---"; one file, one document');
  }
  const complaints = [...document.errors, ...document.warnings];
  if (complaints.length > 0) {
    const problems = syntaxProblems(complaints, text, (offset) => places.at(offset));
    return { data: undefined, marks: new Map(), problems };
  }
  // 1.1 would bring back `yes` for true, octal and base 60 numbers and merge keys.
  if (document.directives.yaml.version !== '1.2') return failed(0, 'expected YAML 1.2', 'remove the line "%YAML …"');
  return new Reader(document, places, text, environment).read();
}

/** Maps offsets to lines and columns. */
class Places {
  readonly #lines = new LineCounter();
  readonly #length: number;

  constructor(text: string) {
    this.#length = text.length;
    this.#lines.addNewLine(0);
    for (const { index } of text.matchAll(/\n/g)) this.#lines.addNewLine(index + 1);
  }

  at(offset: number): Mark {
    const bounded = Math.min(Math.max(offset, 0), this.#length);
    const { line, col } = this.#lines.linePos(bounded);
    return { line, column: col, offset: bounded };
  }
}

/** Walks one document. The recursion is as deep as the parser's stack was, which is bounded. */
class Reader {
  readonly #document: Document.Parsed;
  readonly #places: Places;
  readonly #marks = new Map<string, Mark>();
  readonly #problems: Problem[] = [];
  readonly #anchors = new Map<string, unknown>();
  /** Aliases being expanded, outermost first. */
  readonly #within: unknown[] = [];
  #aliased = 0;
  readonly #text: string;
  readonly #environment: Environment;

  constructor(document: Document.Parsed, places: Places, text: string, environment: Environment) {
    this.#document = document;
    this.#places = places;
    this.#text = text;
    this.#environment = environment;
  }

  read(): Source {
    const data = this.#value(this.#document.contents, []);
    return { data, marks: this.#marks, problems: this.#problems };
  }

  #value(node: unknown, path: Path): unknown {
    if (this.#within.length > 0 && ++this.#aliased > MAX_ALIASED) {
      if (this.#aliased === MAX_ALIASED + 1) this.#problem(node, path, 'aliases expand to too much');
      return null;
    }
    if (isAlias(node)) return this.#alias(node, node.source, path);
    if (isScalar(node) || isMap(node) || isSeq(node)) {
      if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    }
    if (isMap(node)) return this.#map(node.items, path);
    if (isSeq(node)) return node.items.map((item, index) => this.#item(item, [...path, index]));
    return isScalar(node) ? this.#scalar(node, path) : null;
  }

  #scalar(node: Scalar, path: Path): unknown {
    const { value, type } = node;
    if (typeof value !== 'string' || !value.includes('$')) return value;
    const { text, isFilled, faults } = fillIn(value, this.#environment);
    const [from = 0, to = from] = node.range ?? [];
    for (const { written, message, hint } of faults) {
      const at = this.#text.slice(from, to).indexOf(written); // -1: escaped in the quotes
      this.#problems.push(problemAt(this.#places.at(from + Math.max(at, 0)), path, message, hint));
    }
    return isFilled && type === 'PLAIN' ? plainValue(text) : text;
  }

  #alias(node: unknown, name: string, path: Path): unknown {
    const target = this.#anchors.get(name);
    if (target === undefined || this.#within.includes(target)) {
      if (target !== undefined) this.#problem(node, path, 'an alias of itself');
      else this.#problem(node, path, `no anchor ${quote(name)} before this`, QUOTED);
      return null;
    }
    this.#within.push(target);
    const value = this.#value(target, path);
    this.#within.pop();
    return value;
  }

  #item(node: unknown, path: Path): unknown {
    this.#marks.set(keyOf(path), this.#markOf(node));
    return this.#value(node, path);
  }

  #map(pairs: readonly unknown[], path: Path): unknown {
    const object: Record<string, unknown> = Object.create(null);
    for (const pair of pairs) {
      if (!isPair(pair)) continue;
      const { key, value } = pair;
      if (!isScalar(key)) {
        this.#problem(key, path, 'a key must be a plain word');
        continue;
      }
      const name = key.source ?? String(key.value);
      const place = [...path, name];
      const first = this.#marks.get(keyOf(place));
      if (name in object && first !== undefined) {
        this.#problem(key, place, 'duplicate key', `it is already on line ${first.line}`);
        continue;
      }
      this.#marks.set(keyOf(place), this.#markOf(key));
      object[name] = this.#value(value, place);
    }
    return object;
  }

  #markOf(node: unknown): Mark {
    const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : null;
    return this.#places.at(range?.[0] ?? 0);
  }

  #problem(node: unknown, path: Path, message: string, hint: string | null = null): void {
    this.#problems.push(problemAt(this.#markOf(node), path, message, hint));
  }
}
