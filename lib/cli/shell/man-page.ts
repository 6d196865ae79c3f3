// Renders bal(1) in the macros of man(7).
import { type Command, commands, GENERATED, HELP, type Option, VERSION } from './words.ts';

export function manPage(): string {
  return [
    `.\\" ${GENERATED}`,
    '.TH BAL 1 "" bal "User Commands"',
    '.SH NAME',
    'bal \\- TCP load balancer',
    '.SH SYNOPSIS',
    ...commands().flatMap((command) => [`.B bal ${command.name}`, ...plain(takes(command)), '.br']),
    '.B bal \\-\\-help',
    '.br',
    '.B bal \\-\\-version',
    ...plain('[--json]'),
    '.SH DESCRIPTION',
    ...plain('bal accepts TCP connections, passes each on to one of its backends, and leaves out those that are down.'),
    ...plain('It is configured by one YAML file. The port to listen on and one backend are all that the file needs.'),
    '.SH COMMANDS',
    ...commands().flatMap(section),
    '.SH OPTIONS OF ALL',
    ...[HELP, VERSION].flatMap(option),
    '.SH EXIT STATUS',
    ...plain('Each command has its own above. Wrong arguments: 2.'),
    '.SH ENVIRONMENT',
    '.TP',
    '.B BAL_HOME',
    ...plain('The directory with configuration, logs and control socket (default: ~/.bal).'),
    '.SH FILES',
    '.TP',
    '.I ~/.bal/config.yaml',
    ...plain("The configuration. 'bal schema' describes it for editors."),
    '',
  ].join('\n');
}

function takes({ info, options }: Command): string {
  const words = info.words.map((word) => `[${word}]`);
  return [
    ...words,
    ...options.filter((one) => one !== HELP).map(({ spellings, value }) => `[${spellings[0]}${valueOf(value)}]`),
  ].join(' ');
}

function section(command: Command): string[] {
  const { name, info, options } = command;
  return [
    `.SS bal ${name}`,
    ...plain(`${info.about}.`),
    ...options.filter((one) => one !== HELP).flatMap(option),
    '.PP',
    ...plain(`Exit status: ${info.exit}.`),
    '.PP',
    'Examples:',
    '.PP',
    '.nf',
    ...info.examples.flatMap(plain),
    '.fi',
  ];
}

function option({ spellings, value, about }: Option): string[] {
  return ['.TP', `.B ${escaped(`${spellings.join(', ')}${valueOf(value)}`)}`, ...plain(about)];
}

function valueOf(value: string | null): string {
  return value === null ? '' : ` ${value.toUpperCase()}`;
}

/** Returns lines that man shows as they are; a leading dot or quote would start a command. */
function plain(text: string): string[] {
  if (text === '') return [];
  return [escaped(text).replace(/^(?=[.'])/, '\\&')];
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll("'", '\\(aq').replaceAll('~', '\\(ti');
}
