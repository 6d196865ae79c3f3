// The Io of a real process: stdout and stderr, which may be terminals, files, or pipes without a reader.
import type { Io } from './command.ts';

export interface Terminal extends Io {
  /** Whether a write failed, on a full disk for example. A reader that left is no failure. */
  readonly failed: boolean;
}

/** The part of process.stdout that is used; a pipe or a file has no isTTY. */
interface Output extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export function terminal(stdout: Output, stderr: Output, environment: NodeJS.ProcessEnv): Terminal {
  let drawn = false;
  let failed = false;
  let closed = false;
  const clear = () => {
    if (drawn) stdout.write('\r\x1b[2K');
    drawn = false;
  };
  // Without a listener, `bal status | head -1` would end in a stack trace.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (closed) return;
    closed = true;
    if (error.code === 'EPIPE') return;
    failed = true;
    stderr.write(`bal: cannot write to stdout: ${error.message}\n`);
  });
  stderr.on('error', () => {});
  const onTerminal = stdout.isTTY === true;
  const noColour = environment['NO_COLOR'] ?? '';
  return {
    get failed() {
      return failed;
    },
    out(line) {
      clear();
      if (!closed) stdout.write(`${line}\n`);
    },
    err(line) {
      clear();
      stderr.write(`${line}\n`);
    },
    colour: onTerminal && noColour === '' && environment['TERM'] !== 'dumb',
    ...(onTerminal && {
      redraw(line: string) {
        stdout.write(`\r\x1b[2K${line.slice(0, (stdout.columns ?? 80) - 1)}`);
        drawn = true;
      },
    }),
  };
}
