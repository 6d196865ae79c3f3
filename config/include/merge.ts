// Merges the services of included files into the including file, as if they all stood there.
import { problemAt, type Mark, type Path, type Problem } from '../problem.ts';
import { MAX_BYTES, type ReadResult } from '../read.ts';
import { withOddCharacters } from '../odd-characters.ts';
import { MAX_SERVICES } from '../schema.ts';
import { keysAt } from '../shape.ts';
import { expandShorthand } from '../shorthand.ts';
import { closest } from '../suggest.ts';
import type { Environment } from '../variables.ts';
import { keyOf, MAX_TOKENS, readYaml, type Budget, type Source } from '../yaml.ts';
import { fingerprintOf, isMap, type Whole } from './whole.ts';

export interface Merging {
  has(file: string): boolean;
  isFull(): boolean;
  /** At the position of `path` in the including file. */
  problem(path: Path, message: string, hint?: string | null): void;
  add(file: string, result: ReadResult, from: From): void;
  whole(patterns: readonly string[]): Whole;
}

export interface From {
  /** Of the entry in `include`. */
  readonly path: Path;
  /** Named without a pattern, so it must exist. */
  readonly isNamed: boolean;
}

export function createMerging(alone: Whole, configPath: string, environment: Environment): Merging {
  const { source } = alone;
  const marks = new Map<string, Mark>(source.marks);
  const problems: Problem[] = [...source.problems];
  const texts = new Map<string, string>(alone.texts);
  const contents: [string, string][] = [...alone.texts];
  const included: string[] = [];
  const own = isMap(source.data) ? source.data : {};
  const services: Record<string, unknown> = Object.assign(
    Object.create(null),
    isMap(own['services']) ? own['services'] : {},
  );
  const budget: Budget = { tokens: MAX_TOKENS };
  let bytes = Buffer.byteLength(texts.get('') ?? '');
  let offset = texts.get('')?.length ?? 0;
  const here = marks.get(keyOf(['include']));
  // With `include`, services are named and top-level settings are the defaults of each.
  if (here !== undefined && !marks.has(keyOf(['services']))) marks.set(keyOf(['services']), here);

  function problem(path: Path, message: string, hint: string | null = null): void {
    problems.push(problemAt(marks.get(keyOf(path)) ?? here ?? null, path, message, hint));
  }

  function add(file: string, result: ReadResult, { path, isNamed }: From): void {
    included.push(file);
    const fail = (message: string, hint: string | null = null, line: number | null = null): void => {
      problems.push({ file, line, column: line === null ? null : 1, path: '', message, hint });
    };
    if (!result.ok) {
      contents.push([file, result.problem.message]);
      const { message } = result.problem;
      const isMissing = message === 'no such file';
      const isFolder = isNamed && message.includes('it is a directory');
      if (isMissing && isNamed)
        problem(path, `no such file: ${file}`, 'only a pattern, such as "conf.d/*.yaml", may match nothing');
      else if (isMissing) fail(message, 'the link leads nowhere, or it was removed just now');
      else
        problems.push({
          ...result.problem,
          file,
          ...(isFolder && { hint: `write "${file}/*.yaml" for the files in it` }),
        });
      return;
    }
    const text = result.text.replace(/^\ufeff/, '');
    contents.push([file, text]);
    bytes += Buffer.byteLength(text);
    if (bytes > MAX_BYTES) return fail(`too large: at most ${MAX_BYTES} bytes are read of all files together`);
    texts.set(file, text);
    const piece = expandShorthand(readYaml(text, environment, budget));
    const placed = (mark: Mark): Mark => ({ ...mark, file, offset: mark.offset + offset });
    problems.push(...piece.problems.map((it) => ({ ...it, file })));
    merge(piece, placed, fail);
    offset += text.length + 1;
  }

  function merge({ data, marks: its }: Source, placed: (mark: Mark) => Mark, fail: Fail): void {
    if (data === undefined) return; // the YAML is wrong, which is reported
    if (data === null) return fail('the file is empty', RENAME, 1);
    if (!isMap(data)) return fail('expected "services:" and a name below it', null, 1);
    const strays = Object.keys(data).filter((key) => key !== 'services');
    for (const key of strays) {
      const mark = its.get(keyOf([key]));
      problems.push(problemAt(mark === undefined ? null : placed(mark), [key], ...strayKey(key, configPath)));
    }
    const block = data['services'];
    if (block === undefined && strays.length === 0) return fail('the file holds no services', RENAME, 1);
    if (block === undefined) return;
    if (!isMap(block) || Object.keys(block).length === 0) {
      const mark = its.get(keyOf(['services']));
      const message = 'expected names of services, each with its keys below it';
      problems.push(problemAt(mark === undefined ? null : placed(mark), ['services'], message, RENAME));
      return;
    }
    const taken = new Set<string>();
    for (const [name, service] of Object.entries(block)) {
      const place = keyOf(['services', name]);
      const first = Object.hasOwn(services, name) ? marks.get(place) : undefined;
      const mark = its.get(place);
      if (first !== undefined && mark !== undefined) {
        const hint = `it is already on line ${first.line} of ${first.file ?? configPath}`;
        problems.push(problemAt(placed(mark), ['services', name], 'duplicate service', hint));
        continue;
      }
      services[name] = service;
      taken.add(place);
    }
    // One pass over all marks: one for each service would be quadratic, and a file may hold thousands.
    for (const [key, at] of its) if (taken.has(SERVICE.exec(key)?.[0] ?? '')) marks.set(key, placed(at));
  }

  return {
    has: (file: string) => included.includes(file),
    isFull: () => included.length >= MAX_SERVICES,
    problem,
    add,
    whole(patterns: readonly string[]): Whole {
      const isNone = Object.keys(services).length === 0;
      if (isNone && problems.length === 0 && patterns.length > 0) {
        const isFlat = Object.hasOwn(own, 'backends');
        const hint = isFlat
          ? 'with "include" they have names: put "port" and "backends" under "services:" and a name'
          : null;
        problem(['include'], 'there are no services, neither in this file nor in one that it includes', hint);
      }
      const data = isNone || (own['services'] !== undefined && !isMap(own['services'])) ? own : { ...own, services };
      return {
        source: { data: Object.assign(Object.create(null), data), marks, problems: withOddCharacters(problems, texts) },
        texts,
        included,
        patterns,
        fingerprint: fingerprintOf(contents),
      };
    },
  };
}

type Fail = (message: string, hint?: string | null, line?: number | null) => void;

/** The part of a mark's key that names a service. */
const SERVICE = /^\/services\/[^/]*/;

const RENAME = 'to leave it out, remove it, or rename it so that no pattern matches';

/** Says what is wrong with a key beside `services` in an included file. */
function strayKey(key: string, configPath: string): [message: string, hint: string] {
  if (key === 'include') return ['an included file cannot include others', `name them in ${configPath}`];
  const message = 'an included file holds "services" and nothing else';
  if (keysAt(['services', '']).includes(key)) {
    return [message, `put it under "services:" and a name, or for all services into ${configPath}`];
  }
  if (keysAt([]).includes(key)) return [message, `it belongs to the whole instance: put it into ${configPath}`];
  return ['unknown key', closest(key, ['services']) === null ? message : 'did you mean "services"?'];
}
