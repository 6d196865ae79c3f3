// Parses `tmux capture-pane -e` into runs of text with one look. Knows the escape sequences that bal and tmux use (ECMA-48,
// SGR) and drops the rest.

export type Colour = 'default' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan' | 'grey';

export interface Run {
  readonly text: string;
  readonly colour: Colour;
  readonly bold: boolean;
}

const COLOURS: Readonly<Record<number, Colour>> = {
  31: 'red',
  32: 'green',
  33: 'yellow',
  34: 'blue',
  35: 'magenta',
  36: 'cyan',
  39: 'default',
  90: 'grey',
};

const ESCAPE = '\u001b';

/** Returns the runs of each line. Colours carry over to the next line, as in a terminal. */
export function runsOf(captured: string): Run[][] {
  let look: Omit<Run, 'text'> = { colour: 'default', bold: false };
  return captured
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => {
      const [first = '', ...rest] = line.split(`${ESCAPE}[`);
      const runs: Run[] = [{ text: first, ...look }];
      for (const part of rest) {
        const [, codes = '', letter = '', text = ''] = /^([\d;]*)([A-Za-z])(.*)$/s.exec(part) ?? [];
        if (letter === 'm') look = after(look, codes);
        runs.push({ text, ...look });
      }
      return runs.filter((run) => run.text !== '');
    });
}

function after(look: Omit<Run, 'text'>, codes: string): Omit<Run, 'text'> {
  let { colour, bold } = look;
  for (const code of codes.split(';').map(Number)) {
    if (code === 0) [colour, bold] = ['default', false];
    else if (code === 1 || code === 22) bold = code === 1;
    else colour = COLOURS[code] ?? colour;
  }
  return { colour, bold };
}
