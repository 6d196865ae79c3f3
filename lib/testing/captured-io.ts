// An Io for calling a command in the test's own process.
import type { Io } from '../cli/command.ts';

export interface CapturedIo extends Io {
  readonly stdout: string[];
  readonly stderr: string[];
  /** Lines redrawn in place, when it plays a terminal. */
  readonly drawn: string[];
}

export function capturedIo(terminal = false): CapturedIo {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const drawn: string[] = [];
  return {
    stdout,
    stderr,
    drawn,
    out: (line) => stdout.push(line),
    err: (line) => stderr.push(line),
    colour: false,
    ...(terminal && { redraw: (line: string) => drawn.push(line) }),
  };
}
