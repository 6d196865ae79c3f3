// Runs `bal` as a user or a script does, and captures its output.
import { spawn } from 'node:child_process';
import { BAL } from '../../lib/testing/root.ts';

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

export interface CliOptions {
  readonly home: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A bal.js other than the built one. */
  readonly program?: string;
  /** The user to run it as. */
  readonly as?: { readonly uid: number; readonly gid: number };
  /** Kills the command after this time; `code` is null then. */
  readonly deadlineMs?: number;
}

/** The test's environment with this home, without variables that affect Node or bal. */
export function environment(home: string, more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('NODE_') && !name.startsWith('BAL_'));
  return { ...Object.fromEntries(kept), BAL_HOME: home, ...more };
}

export function cli(args: readonly string[], options: CliOptions): Promise<CliResult> {
  const { home, env = {}, cwd = home, program = BAL, as, deadlineMs = 60_000 } = options;
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], {
      cwd,
      env: environment(home, env),
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: deadlineMs,
      killSignal: 'SIGKILL',
      ...as,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr, ms: performance.now() - began }));
    // A daemon that keeps the command's output open would block every script that reads it.
    child.once('exit', () => {
      setTimeout(() => reject(new Error(`Cannot see the end of the output of bal ${args.join(' ')}`)), 5000).unref();
    });
  });
}
