// What every command gets and returns. A command prints through `Io` and returns its exit code; only bin/bal.ts exits.

export interface Io {
  /** One line to stdout. */
  out(line: string): void;
  /** One line to stderr. */
  err(line: string): void;
  /** Whether stdout may be coloured: a terminal, and NO_COLOR not set. */
  readonly colour: boolean;
  /** On a terminal only: a line that replaces the previous one; the next out() or err() clears it. */
  redraw?(line: string): void;
}

/** Exit codes: see the table of commands in README.md. */
export type ExitCode = 0 | 1 | 2 | 3;
