// Completion for zsh.
import { commands, GENERATED, HELP, type Option, quoted, VERSION } from './words.ts';

export function zshCompletion(): string {
  const all = commands();
  const names = all.map(({ name, info }) => `    ${quoted(`${name}:${info.about}`)}`);
  const cases = all.map(({ name, options, firstWords, takesFile }) => {
    const words = firstWords.length === 0 ? [] : [quoted(`1:action:(${firstWords.join(' ')})`)];
    const rest = firstWords.length === 0 ? [] : [quoted('*:argument:')];
    if (takesFile) words.push(quoted('1:file:_files'));
    return `    ${name}) _arguments -s ${[...options.map(described), ...words, ...rest].join(' \\\n      ')} ;;`;
  });
  return `#compdef bal
# Completion of bal for zsh. ${GENERATED}
_bal() {
  local -a commands
  commands=(
${names.join('\n')}
  )
  if (( CURRENT == 2 )); then
    if [[ $PREFIX == -* ]]; then
      _arguments ${[HELP, VERSION].map(described).join(' ')}
    else
      _describe command commands
    fi
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
${cases.join('\n')}
  esac
}
_bal "$@"
`;
}

/** `'(-c --config)'{-c,--config}'[about]:file:_files'` */
function described({ spellings, value, about, takesFile }: Option): string {
  const explained = `[${about.replaceAll(/[[\]\\:]/g, String.raw`\$&`)}]`;
  const argument = value === null ? '' : `:${value}:${takesFile ? '_files' : ''}`;
  const [one = '', ...more] = spellings;
  if (more.length === 0) return quoted(`${one}${explained}${argument}`);
  return `${quoted(`(${spellings.join(' ')})`)}{${spellings.join(',')}}${quoted(`${explained}${argument}`)}`;
}
