// Prints `bal --help`, and `--help` of each command.
import { cac } from 'cac';
import { version } from '../version.ts';
import { COMMANDS, FLAGS, type CommandName, type Flag } from './commands.ts';

/** Prints to stdout. */
export function printHelp(command: CommandName | null): void {
  const cli = cac('bal');
  for (const [name, { about, flags, words, exit, examples }] of Object.entries(COMMANDS)) {
    const added = cli.command(name, about).usage(`${[name, ...words.map((word) => `[${word}]`)].join(' ')} [options]`);
    for (const flag of flags) added.option(spelling(flag, FLAGS[flag]), FLAGS[flag].about);
    for (const example of [...examples, '', `Exit code: ${exit}`]) added.example(example === '' ? '' : `  ${example}`);
  }
  cli.example('  bal check && bal doctor && bal start -d   # look before you start');
  cli.help((sections) =>
    sections
      .filter(({ title }) => title?.startsWith('For more info') !== true)
      .map(({ title, body }) => ({ ...(title !== undefined && { title }), body: said(body) })),
  );
  cli.version(version);
  cli.parse(['', '', ...(command === null ? [] : [command]), '--help'], { run: false });
}

/** Completes cac's text about --version. */
function said(body: string): string {
  return body
    .replaceAll(/ +$/gm, '')
    .replace('Display version number', 'Version; with --json also commit, engine, Node.js');
}

function spelling(name: string, { short, value }: Flag): string {
  return `${short === null ? '' : `-${short}, `}--${name}${value === null ? '' : ` <${value}>`}`;
}
