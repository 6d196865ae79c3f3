// The commands and options that completions and the man page are made of.
import { BACKEND_ACTIONS } from '../../control/backends.ts';
import { COMMANDS, FLAGS, type CommandInfo, type Flag, type FlagName } from '../commands.ts';

export interface Option extends Flag {
  readonly name: string;
  /** As typed: `-c` and `--config`, or only the long one. */
  readonly spellings: readonly string[];
  /** Whether its value is the path of a file. */
  readonly takesFile: boolean;
}

export interface Command {
  readonly name: string;
  readonly info: CommandInfo;
  readonly options: readonly Option[];
  /** The possible first arguments, if they are a fixed list. */
  readonly firstWords: readonly string[];
  /** Whether its first argument is the path of a file. */
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

/** Quotes any text as one word of a shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
