// What the completions and the man page are made of: commands with their options, from the table of commands.
import { BACKEND_ACTIONS } from '../../control/backends.ts';
import { COMMANDS, FLAGS, type CommandInfo, type Flag, type FlagName } from '../commands.ts';

export interface Option extends Flag {
  readonly name: string;
  /** As they are typed: `-c` and `--config`, or the long one alone. */
  readonly spellings: readonly string[];
  /** Its value is the path of a file. */
  readonly takesFile: boolean;
}

export interface Command {
  readonly name: string;
  readonly info: CommandInfo;
  readonly options: readonly Option[];
  /** What its first argument may be, where there is a list of that. */
  readonly firstWords: readonly string[];
  /** Its first argument is the path of a file. */
  readonly takesFile: boolean;
}

export const GENERATED = 'Generated from lib/cli/commands.ts by npm run docs; changes belong there.';

export const HELP: Option = optionOf('help', { short: 'h', value: null, about: 'Help' });
export const VERSION: Option = optionOf('version', {
  short: 'v',
  value: null,
  about: 'Version; with --json also commit, engine, Node.js',
});

export function commands(): Command[] {
  return Object.entries(COMMANDS).map(([name, info]) => ({
    name,
    info,
    options: [...info.flags.map((flag: FlagName) => optionOf(flag, FLAGS[flag])), HELP],
    firstWords: name === 'backend' ? ['list', ...BACKEND_ACTIONS] : [],
    takesFile: (info.words as readonly string[])[0] === 'file',
  }));
}

function optionOf(name: string, { short, value, about }: Flag): Option {
  const takesFile = value === 'file' || value === 'path';
  return { name, short, value, about, takesFile, spellings: [...(short === null ? [] : [`-${short}`]), `--${name}`] };
}

/** As one word of a shell, whatever is in it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
