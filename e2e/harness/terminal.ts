// A terminal with a program in it, as an operator has one: tmux, with its own server. Tests can read the screen, press keys and
// resize it.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atEnd, atExit, type Owner } from '../../lib/testing/owner.ts';
import { find, lacking } from '../../lib/testing/program.ts';
import { until } from '../../lib/testing/until.ts';

export interface Terminal {
  /** The lines on the screen, without trailing spaces. */
  lines(): string[];
  /** The same with escape sequences for colours. */
  coloured(): string;
  /** Waits until the screen, as joined lines, matches; returns the lines. */
  shows(what: string, holds: RegExp | ((screen: string) => boolean)): Promise<string[]>;
  /** Presses keys by their tmux names: `q`, `C-c`, `Escape`. */
  press(...keys: readonly string[]): void;
  resize(columns: number, rows: number): void;
  /** Waits until the program exits and returns its exit code. */
  ended(): Promise<number>;
  /** Whether the terminal is restored: not on the alternate screen, with a cursor and line input. */
  isRestored(): boolean;
  /** Ends the program and the server; otherwise the end of the test does. */
  close(): void;
}

export const noTerminal = lacking('tmux');

export interface TerminalOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly columns: number;
  readonly rows: number;
}

const CONFIGURATION = `set -g status off
set -g default-terminal tmux-256color
`;

/** Runs the program as a shell would, then prints its exit code and the terminal mode, and keeps the screen. */
const SHELL = '"$@"; echo "ended $? $(stty -a | grep -o -- "-*icanon")"; exec sleep 1000000';

export function openTerminal(t: Owner, command: readonly string[], options: TerminalOptions): Terminal {
  const folder = mkdtempSync(join(tmpdir(), 'bal-e2e-tmux-'));
  const conf = join(folder, 'conf');
  writeFileSync(conf, CONFIGURATION);
  const tmux = (...args: readonly string[]): string => {
    const run = spawnSync(find('tmux') ?? 'tmux', ['-u', '-S', join(folder, 'socket'), '-f', conf, ...args], {
      env: { ...options.env, TERM: 'xterm-256color', LC_ALL: 'C.UTF-8' },
      encoding: 'utf8',
      timeout: 20_000,
    });
    if (run.status !== 0) throw new Error(`Cannot run tmux ${args[0]}: ${run.error?.message ?? run.stderr}`);
    return run.stdout;
  };
  const close = (): void => {
    try {
      tmux('kill-server');
    } catch {
      // already gone
    }
    rmSync(folder, { recursive: true, force: true });
  };
  const forget = atExit(close);
  atEnd(t, () => {
    forget();
    close();
  });
  tmux(
    'new-session',
    '-d',
    '-x',
    String(options.columns),
    '-y',
    String(options.rows),
    'sh',
    '-c',
    SHELL,
    'sh',
    ...command,
  );
  const reported = (what: string): string => tmux('display-message', '-p', `#{${what}}`).trim();
  const lines = (): string[] => tmux('capture-pane', '-p').replace(/\n$/, '').split('\n');
  const end = (): readonly [code: string, mode: string] | null => {
    const [, code, mode] = /^ended (\d+) (\S+)$/m.exec(lines().join('\n')) ?? [];
    return code === undefined || mode === undefined ? null : [code, mode];
  };
  return {
    close,
    lines,
    coloured: () => tmux('capture-pane', '-p', '-e'),
    async shows(what, holds) {
      let last: string[] = [];
      try {
        return await until(`the screen shows ${what}`, () => {
          last = lines();
          const text = last.join('\n');
          return (typeof holds === 'function' ? holds(text) : holds.test(text)) && last;
        });
      } catch (error) {
        throw new Error(`${String(error)}\n${last.join('\n')}`, { cause: error });
      }
    },
    press: (...keys) => void tmux('send-keys', ...keys),
    resize: (columns, rows) => void tmux('resize-window', '-x', String(columns), '-y', String(rows)),
    async ended() {
      return Number(await until('the program in the terminal has ended', () => end()?.[0] ?? null));
    },
    isRestored: () => reported('alternate_on') === '0' && reported('cursor_flag') === '1' && end()?.[1] === 'icanon',
  };
}
