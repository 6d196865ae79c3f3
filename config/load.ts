// Loads a configuration file into a Plan, or returns all its problems at once. Importing this file imports typebox and yaml,
// which is slow: import it lazily.
import { resolve } from 'node:path';
import { Errors } from 'typebox/schema';
import { Settings } from 'typebox/system';
import { notesFor, warningsFor } from './advice.ts';
import { conflictsIn } from './conflicts.ts';
import { readWhole, type Read } from './include/pieces.ts';
import { fingerprintOf, readAlone, type Whole } from './include/whole.ts';
import { draftOf, type Draft, type Pruned } from './draft.ts';
import { foldErrors } from './fold.ts';
import { ANY_MACHINE, thisMachine, type Machine } from './machine.ts';
import { withOddCharacters } from './odd-characters.ts';
import { effectiveOf, planOf, type Effective } from './outcome.ts';
import type { Plan } from './plan.ts';
import { inOrder, problemAt, type Problem } from './problem.ts';
import { MAX_BYTES, readConfig } from './read.ts';
import { ConfigSchema, type ConfigFile } from './schema.ts';
import { keyOf, type Source } from './yaml.ts';

export interface Loaded {
  /** Absolute. */
  readonly configPath: string;
  /** In the order of the file. Empty if there is a plan. */
  readonly errors: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** Worth knowing, but never a failure, even in strict mode. */
  readonly notes: readonly Problem[];
  readonly plan: Plan | null;
  /** Every value with its origin; with errors, the values that are known. */
  readonly effective: readonly Effective[];
  /** The included files, absolute, in order. */
  readonly included: readonly string[];
  /** The values of `include`, absolute. */
  readonly patterns: readonly string[];
  /** Maps a service to the file that holds its list of backends. */
  readonly homes: ReadonlyMap<string, string>;
  /** Equal for configurations with the same text in the same files. */
  readonly fingerprint: string;
}

/** typebox stops here; nobody reads more. One mistake causes up to three errors before folding. */
const MAX_SCHEMA_ERRORS = 400;
const MAX_SHOWN = 100;
Settings.Set({ maxErrors: MAX_SCHEMA_ERRORS });

/** Loads a file with `read`. Never throws for contents or unreadable files: those end up in `errors`. */
export async function loadConfig(path: string, read: Read = readConfig): Promise<Loaded> {
  const configPath = resolve(path);
  const main = await read(configPath);
  if (!main.ok) return failed(configPath, [main.problem]);
  const machine = thisMachine();
  return judgeWhole(await readWhole(main.text, configPath, machine.environment, read), configPath, machine);
}

/** Like loadConfig(), for a text without its includes. Pure: all facts about the machine come from `machine`. */
export function parseConfig(text: string, path: string, machine: Machine = ANY_MACHINE): Loaded {
  const configPath = resolve(path);
  if (text.length > MAX_BYTES) return failed(configPath, [problemAt(null, [], 'too large')]);
  return judgeWhole(readAlone(text, machine.environment), configPath, machine);
}

function judgeWhole(whole: Whole, configPath: string, machine: Machine): Loaded {
  const { source, texts } = whole;
  if (source.data === undefined) return failed(configPath, withOddCharacters(source.problems, texts), whole);
  if (source.data === null) return failed(configPath, [...source.problems, emptyFile()], whole);
  const [, schemaErrors] = Errors(ConfigSchema, source.data);
  const { problems, bad } = foldErrors(schemaErrors, source);
  // Report nothing else about a value whose variable is not set.
  const placeOf = ({ file, line, path: where }: Problem) => `${line} ${where} ${file ?? ''}`;
  const reported = new Set(source.problems.map(placeOf));
  const others = problems.filter((problem) => !reported.has(placeOf(problem)));
  const found = withOddCharacters([...source.problems, ...others], texts);
  // A truncated list does not name everything that is wrong, so nothing below could rely on the rest.
  if (schemaErrors.length >= MAX_SCHEMA_ERRORS) return failed(configPath, found, whole);
  const draft = draftOf({ file: prune(source, bad), marks: source.marks, bad }, machine);
  return judge(draft, found, configPath, machine, whole);
}

function judge(
  draft: Draft,
  found: readonly Problem[],
  configPath: string,
  machine: Machine,
  { included, patterns, fingerprint }: Whole,
): Loaded {
  const errors = atMostShown([...found, ...conflictsIn(draft, machine)]);
  return {
    configPath,
    errors,
    warnings: inOrder(warningsFor(draft, machine)),
    notes: inOrder(notesFor(draft)),
    plan: errors.length === 0 ? planOf(draft, { configPath, included, fingerprint }) : null,
    effective: effectiveOf(draft),
    included,
    patterns,
    homes: new Map(draft.services.map(({ name, backends }) => [name, backends[0]?.mark?.file ?? configPath])),
    fingerprint,
  };
}

function failed(configPath: string, problems: readonly Problem[], whole?: Whole): Loaded {
  const { included = [], patterns = [] } = whole ?? {};
  const errors = atMostShown(problems);
  const fingerprint = whole?.fingerprint ?? fingerprintOf(errors.map(({ message }) => [configPath, message]));
  const nothing = { warnings: [], notes: [], plan: null, effective: [], homes: new Map<string, string>() };
  return { configPath, errors, ...nothing, included, patterns, fingerprint };
}

function atMostShown(problems: readonly Problem[]): Problem[] {
  const all = inOrder(problems);
  if (all.length <= MAX_SHOWN) return all;
  return [...all.slice(0, MAX_SHOWN), problemAt(null, [], 'and more', 'these come first')];
}

function emptyFile(): Problem {
  const hint = 'the least there can be is "backends:" with one "host" and "port"';
  return problemAt({ line: 1, column: 1, offset: 0 }, [], 'the file is empty', hint);
}

/** Removes bad values: keys are dropped, list entries become empty maps so that the others keep their index. */
function prune(source: Source, bad: ReadonlySet<string>): Pruned<ConfigFile> {
  const keep = (value: unknown, path: readonly (string | number)[]): unknown => {
    if (Array.isArray(value)) return value.map((item, i) => (isBad(path, i) ? {} : keep(item, [...path, i])));
    if (value === null || typeof value !== 'object') return value;
    const entries = Object.entries(value).filter(([key]) => !isBad(path, key));
    return Object.assign(
      Object.create(null),
      Object.fromEntries(entries.map(([key, inner]) => [key, keep(inner, [...path, key])])),
    );
  };
  const isBad = (path: readonly (string | number)[], part: string | number) => bad.has(keyOf([...path, part]));
  const file = bad.has('') ? {} : keep(source.data, []);
  return isPruned(file) ? file : {};
}

/** typebox found nothing wrong with the rest, except what is missing. */
function isPruned(file: unknown): file is Pruned<ConfigFile> {
  return typeof file === 'object' && file !== null;
}
