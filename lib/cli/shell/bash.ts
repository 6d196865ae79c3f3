// Completion for bash (uses compgen and compopt; the package bash-completion is not needed).
import { commands, GENERATED, HELP, type Option, VERSION } from './words.ts';

export function bashCompletion(): string {
  const all = commands();
  const options = new Map(all.flatMap((command) => command.options).map((option) => [option.name, option]));
  const valued = [...options.values()].filter(({ value }) => value !== null);
  const files = valued.filter(({ takesFile }) => takesFile);
  const others = valued.filter(({ takesFile }) => !takesFile);
  const top = [...all.map(({ name }) => name), ...spelled([HELP, VERSION])].join(' ');
  const cases = all.map(
    ({ name, options: own, firstWords, takesFile }) =>
      `    ${name}) words='${spelled(own).join(' ')}' first='${firstWords.join(' ')}'${takesFile ? ' file=yes' : ''} ;;`,
  );
  return `# Completion of bal for bash. ${GENERATED}
_bal() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} words first= file=
  COMPREPLY=()
  # --config=FILE arrives as three words.
  if [[ $cur == = ]]; then
    cur=
  elif [[ $prev == = ]]; then
    prev=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  case $prev in
    ${spelled(files).join(' | ')})
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
      ;;
    ${spelled(others).join(' | ')}) return ;;
  esac
  if ((COMP_CWORD == 1)); then
    words='${top}'
  else
    case \${COMP_WORDS[1]} in
${cases.map((line) => `  ${line}`).join('\n')}
      *) return ;;
    esac
    if ((COMP_CWORD == 2)); then words="$first $words"; fi
    if [[ -n $file && $cur != -* ]]; then
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
    fi
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _bal bal
`;
}

function spelled(options: readonly Option[]): string[] {
  return options.flatMap(({ spellings }) => spellings);
}
