// What every command gets and returns. A command prints through `Io` and returns its exit code; only bin/bal.ts exits.

export interface Io {
  /** One line to stdout. */
  out(line: string): void;
  /** One line to stderr. */
  err(line: string): void;
  /** Whether stdout may be coloured: a terminal, and NO_COLOR not set. */
  readonly colour: boolean;
}

/** Exit codes: see the table of commands in the README. */
export type ExitCode = 0 | 1 | 2 | 3;
