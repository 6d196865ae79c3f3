// Parses argv into a request, or into one line about what is wrong. Uses node:util, strictly: cac, which prints the help, turns
// values into numbers (`-c 0123` → 123), accepts --no-json and --dashedNames, and silently succeeds for an unknown command.
import { parseArgs } from 'node:util';
import { printable, quote } from '../../config/problem.ts';
import { closest } from '../../config/suggest.ts';
import { LEVELS, momentOf, type Level } from './logs/filter.ts';
import { COMMANDS, FLAGS, isCommand, isFlag, type CommandName, type FlagName } from './commands.ts';

export interface Options {
  config?: string;
  json: boolean;
  verbose: boolean;
  brief: boolean;
  strict: boolean;
  daemon: boolean;
  watch: boolean;
  now: boolean;
  follow: boolean;
  wait: boolean;
  save: boolean;
  service: string | null;
  /** Null: this command's own program. */
  to: string | null;
  /** Null: the command's default. */
  lines: number | null;
  level: Level | null;
  /** Null: the command's default. */
  seconds: number | null;
  /** As Date.now() returns it. */
  sinceMs: number | null;
  /** The words after the command, at most as many as it takes. */
  words: readonly string[];
  /** Null: as configured. */
  timeoutMs: number | null;
}

type LogOptions = Pick<Options, 'lines' | 'level' | 'sinceMs' | 'seconds'>;

export type Request =
  | { readonly kind: 'run'; readonly command: CommandName; readonly options: Options }
  | { readonly kind: 'help'; readonly command: CommandName | null }
  | { readonly kind: 'version'; readonly json: boolean }
  | { readonly kind: 'wrong'; readonly message: string };

/** `argv` without the program and the script. */
export function readArguments(argv: readonly string[]): Request {
  const { tokens } = parseArgs({ args: plainly(argv), options: PARSE_OPTIONS, strict: false, tokens: true });
  const words = tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : []));
  const given = tokens.flatMap((token) => (token.kind === 'option' ? [token] : []));
  const [word, ...rest] = words;
  if (word !== undefined && !isCommand(word))
    return wrong(foreign(word) ?? unknown('command', word, Object.keys(COMMANDS), null));
  const command = word ?? null;
  const seen = new Map<string, string | undefined>();
  for (const { name, rawName, value: raw, inlineValue } of given) {
    const isShort = isFlag(name) && rawName === `-${FLAGS[name].short}`;
    const value = isShort && inlineValue === true ? raw?.replace(/^=/, '') : raw;
    const fault = faultOf(command, name, printable(rawName), value, inlineValue ?? false, seen.has(name));
    if (fault !== null) return wrong(fault);
    seen.set(name, value);
  }
  const most = command === null ? 0 : COMMANDS[command].words.length;
  const extra = rest[most];
  if (extra !== undefined)
    return wrong(`unexpected argument ${quote(extra)}; 'bal ${word} --help' tells what it takes`);
  if (seen.has('help')) return { kind: 'help', command };
  if (seen.has('version')) return { kind: 'version', json: seen.has('json') };
  if (command === null) {
    if (seen.has('json')) return wrong(unknown('option', '--json', [], null));
    return wrong(`no command; one of ${Object.keys(COMMANDS).join(', ')} (see 'bal --help')`);
  }
  return withOptions(command, seen, rest);
}

/** Treats `bal help check` as `bal check --help`, and `bal version` as `bal --version`. */
function plainly([first, ...rest]: readonly string[]): string[] {
  if (first === 'help' || first === 'version') return [...rest, `--${first}`];
  return first === undefined ? [] : [first, ...rest];
}

/** Commands of other programs, and bal's equivalents. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  reload: "'bal graceful' reloads the configuration",
  restart:
    "'bal graceful' reloads the configuration, 'bal upgrade' replaces the program, both without cutting anybody; else 'bal stop', then 'bal start -d'",
  run: "'bal start' runs it in the foreground",
  up: "'bal start -d' starts it",
  down: "'bal stop' stops it",
  quit: "'bal stop' stops it",
  shutdown: "'bal stop' stops it",
  kill: "'bal stop --now' cuts all connections and stops it",
  test: "'bal check' checks the configuration",
  configtest: "'bal check' checks the configuration",
  validate: "'bal check' checks the configuration",
  log: "'bal logs' shows the log",
  tail: "'bal logs -f' shows the log, and what comes",
  list: "'bal backend' lists the backends",
  info: "'bal status' shows the running instance",
  migrate: "'bal import FILE' makes a configuration of HAProxy's or nginx's",
  convert: "'bal import FILE' makes a configuration of HAProxy's or nginx's",
  update: "'bal upgrade' replaces the running program by the installed one",
};

function foreign(word: string): string | null {
  return Object.hasOwn(ELSEWHERE, word) ? `there is no 'bal ${word}'; ${ELSEWHERE[word] ?? ''}` : null;
}

function withOptions(
  command: CommandName,
  seen: ReadonlyMap<string, string | undefined>,
  rest: readonly string[],
): Request {
  const timeout = seen.get('timeout');
  const timeoutMs = timeout === undefined ? null : milliseconds(timeout);
  if (timeout !== undefined && timeoutMs === null) {
    return wrong(`--timeout takes a duration such as 10, 10s, 500ms or 2m, at most 7 days, not ${quote(timeout)}`);
  }
  if (seen.has('now') && timeout !== undefined) return wrong('--now and --timeout exclude each other');
  if (seen.has('brief') && seen.has('verbose')) return wrong('--brief and --verbose exclude each other');
  const found = logOptions(seen);
  if (typeof found === 'string') return wrong(found);
  const config = seen.get('config');
  const options: Options = {
    json: seen.has('json'),
    verbose: seen.has('verbose'),
    brief: seen.has('brief'),
    strict: seen.has('strict'),
    daemon: seen.has('daemon'),
    watch: seen.has('watch'),
    now: seen.has('now'),
    follow: seen.has('follow'),
    wait: seen.has('wait'),
    save: seen.has('save'),
    service: seen.get('service') ?? null,
    to: seen.get('to') ?? null,
    ...found,
    words: rest,
    timeoutMs,
    ...(config !== undefined && { config }),
  };
  return { kind: 'run', command, options };
}

/** Parses the options that select a part of the log, or says what is wrong. */
function logOptions(seen: ReadonlyMap<string, string | undefined>): LogOptions | string {
  const { lines, level, since, seconds } = Object.fromEntries(seen);
  if (seconds !== undefined && !/^[1-9]\d{0,3}$/.test(seconds))
    return `--seconds takes a number from 1 to 9999, not ${quote(seconds)}`;
  if (lines !== undefined && !/^\d{1,9}$/.test(lines)) return `--lines takes a number of lines, not ${quote(lines)}`;
  const found = LEVELS.find((it) => it === level?.toLowerCase()) ?? null;
  if (level !== undefined && found === null) return `--level takes ${LEVELS.join(', ')}, not ${quote(level)}`;
  const sinceMs = since === undefined ? null : momentOf(since);
  if (since !== undefined && sinceMs === null)
    return `--since takes a time such as 10m, 2h, 3d, 09:30, 2026-03-01 or '2026-03-01 09:30', not ${quote(since)}`;
  return {
    lines: lines === undefined ? null : Number(lines),
    level: found,
    sinceMs,
    seconds: seconds === undefined ? null : Number(seconds),
  };
}

/** Returns what is wrong with one option, or null. */
function faultOf(
  command: CommandName | null,
  name: string,
  shown: string,
  value: string | undefined,
  inline: boolean,
  repeated: boolean,
): string | null {
  if (!isAllowed(command, name)) {
    if (command !== null && isFlag(name)) return `'bal ${command}' has no option ${shown}; see 'bal ${command} --help'`;
    const candidates = command === null ? ['help', 'version'] : [...COMMANDS[command].flags, 'help'];
    return unknown('option', shown, candidates, command);
  }
  if (repeated) return `option ${shown} is given more than once`;
  const takesValue = isFlag(name) && FLAGS[name].value !== null;
  if (!takesValue) return value === undefined ? null : `option ${shown} takes no value`;
  if (value === undefined || value === '') return `option ${shown} needs a value`;
  if (!inline && value.startsWith('-') && value !== '-') {
    return `option ${shown} needs a value; one that begins with a dash is written --${name}=${printable(value)}`;
  }
  return null;
}

function isAllowed(command: CommandName | null, name: string): boolean {
  if (name === 'help') return true;
  if (command === null) return name === 'version' || name === 'json';
  const flags: readonly FlagName[] = COMMANDS[command].flags;
  return isFlag(name) && flags.includes(name);
}

function unknown(what: 'command' | 'option', given: string, candidates: readonly string[], command: string | null) {
  const word = given.replace(/^-+/, '');
  const begun = candidates.filter((candidate) => word.length > 1 && candidate.startsWith(word));
  const near = begun.length === 1 ? (begun[0] ?? null) : closest(word, candidates);
  const prefix = what === 'option' ? '--' : '';
  const help = command === null ? 'bal --help' : `bal ${command} --help`;
  return `unknown ${what} ${quote(given)}; ${near === null ? `see '${help}'` : `did you mean "${prefix}${near}"?`}`;
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const MAX_MS = 7 * 24 * 3_600_000;

/** `10` and `10s` → 10000, `500ms` → 500, `1.5m` → 90000; null if it is no duration, or over a week. */
export function milliseconds(text: string): number | null {
  const found = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)?$/.exec(text);
  if (found === null) return null;
  const value = Math.round(Number(found[1]) * (UNITS[found[2] ?? 's'] ?? 1000));
  return value <= MAX_MS ? value : null;
}

function wrong(message: string): Request {
  return { kind: 'wrong', message };
}

const PARSE_OPTIONS = {
  ...Object.fromEntries(
    Object.entries(FLAGS).map(([name, { short, value }]) => [
      name,
      { type: value === null ? ('boolean' as const) : ('string' as const), ...(short !== null && { short }) },
    ]),
  ),
  help: { type: 'boolean' as const, short: 'h' },
  version: { type: 'boolean' as const, short: 'v' },
};
