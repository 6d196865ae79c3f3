// Completion for fish.
import { commands, GENERATED, HELP, type Option, quoted, VERSION } from './words.ts';

export function fishCompletion(): string {
  const lines = commands().flatMap(({ name, info, options, firstWords, takesFile }) => [
    `complete -c bal -n __fish_use_subcommand -a ${name} -d ${literal(info.about)}`,
    ...firstWords.map((word) => `complete -c bal -n '${within(name)}; and __fish_is_nth_token 2' -a ${word}`),
    ...(takesFile ? [`complete -c bal -n '${within(name)}' -F`] : []),
    ...options.map((option) => `complete -c bal -n '${within(name)}' ${described(option)}`),
  ]);
  const top = [HELP, VERSION].map((option) => `complete -c bal -n __fish_use_subcommand ${described(option)}`);
  return [`# Completion of bal for fish. ${GENERATED}`, 'complete -c bal -f', ...top, ...lines, ''].join('\n');
}

function within(command: string): string {
  return `__fish_seen_subcommand_from ${command}`;
}

function described({ name, short, value, about, takesFile }: Option): string {
  const argument = value === null ? '' : takesFile ? ' -r -F' : ' -x';
  return `${short === null ? '' : `-s ${short} `}-l ${name}${argument} -d ${literal(about)}`;
}

/**
 * A backslash escapes within fish's single quotes. A quote written as '\'' makes adjacent strings, in fish as in other shells.
 */
function literal(text: string): string {
  return quoted(text.replaceAll('\\', '\\\\'));
}
