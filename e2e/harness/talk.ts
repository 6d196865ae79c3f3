// Drives a third-party program as in a long interactive session: sends it lines and waits for its output.
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { atEnd, atExit, type Owner } from '../../lib/testing/owner.ts';
import { find } from '../../lib/testing/program.ts';
import { asProgramUser } from '../../lib/testing/program-user.ts';

/** Long, because many of them start at the same time. */
const PATIENCE_MS = 60_000;

export interface Talk {
  /** Writes a line to it. */
  type(line: string): void;
  /** Skips its output so far. */
  skip(): void;
  /** Waits until its new output matches. Fails if the program ends first, and says how it ended. */
  says(what: RegExp, withinMs?: number): Promise<RegExpExecArray>;
  /** Waits until it exits. `code` is null after a signal. */
  ends(withinMs?: number): Promise<{ readonly code: number | null; readonly said: string }>;
  /** Its whole output so far, stdout and stderr. */
  said(): string;
  /** Sends SIGINT, as Ctrl-C does. */
  interrupt(): void;
}

export function talkTo(
  owner: Owner,
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Talk {
  const child = spawn(find(name) ?? name, args, {
    cwd: tmpdir(),
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...asProgramUser,
  });
  const state: { said: string; received: number; end: { code: number | null } | null } = {
    said: '',
    received: 0,
    end: null,
  };
  const waiting = new Set<() => void>();
  const reportAll = (): void => {
    const all = [...waiting];
    waiting.clear();
    for (const wake of all) wake();
  };
  for (const output of [child.stdout, child.stderr])
    output.setEncoding('utf8').on('data', (text: string) => {
      state.said += text;
      reportAll();
    });
  child.stdin.on('error', () => undefined); // `says` reports its end
  const closed = new Promise<void>((resolve) => {
    const over = (code: number | null): void => {
      state.end = { code };
      reportAll();
      resolve();
    };
    child.once('error', (error) => {
      state.said += String(error);
      over(null);
    });
    child.once('close', over);
  });
  const forget = atExit(() => child.kill('SIGKILL'));
  atEnd(owner, async () => {
    child.kill('SIGKILL');
    await closed;
    forget();
  });

  /** Waits for `look` to return a value; calls it whenever there is news. */
  const when = async <T>(what: string, withinMs: number, look: () => T | null): Promise<T> => {
    const time = { isUp: false };
    const timer = setTimeout(() => {
      time.isUp = true;
      reportAll();
    }, withinMs);
    try {
      for (;;) {
        const seen = look();
        if (seen !== null) return seen;
        const how = state.end === null ? null : `it ended with ${state.end.code}`;
        if (how !== null || time.isUp)
          throw new Error(
            `${name} does not say ${what}: ${how ?? `not within ${withinMs} ms`}: ${state.said.slice(-300)}`,
          );
        await new Promise<void>((resolve) => waiting.add(resolve));
      }
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    type: (line) => void child.stdin.write(`${line}\n`),
    said: () => state.said,
    interrupt: () => void child.kill('SIGINT'),
    skip: () => void (state.received = state.said.length),
    says: (what, withinMs = PATIENCE_MS) =>
      when(String(what), withinMs, () => {
        const match = what.exec(state.said.slice(state.received));
        if (match !== null) state.received += match.index + match[0].length;
        return match;
      }),
    ends: (withinMs = PATIENCE_MS) =>
      when('its end', withinMs, () => (state.end === null ? null : { code: state.end.code, said: state.said })),
  };
}
