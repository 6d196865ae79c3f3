// Runs bal in a test: the real program in its own home, ready when `startBal` returns, and gone without a trace after the test,
// whatever happened in between.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReloadVerdict, Status } from '../lib/control/protocol.ts';
import { home as homeOf, type Home } from '../lib/paths.ts';
import { cli, type CliResult, environment } from './harness/cli.ts';
import { askStatus, askStop } from './harness/control.ts';
import type { EngineName } from './harness/engines.ts';
import { atEnd, atExit, type Owner } from '../lib/testing/owner.ts';
import { gone, isAlive, pidsOf, signal } from './harness/processes.ts';
import { type LogRecord, recordsBelow, recordsIn } from './harness/records.ts';
import { BAL } from '../lib/testing/root.ts';
import { until, within } from '../lib/testing/until.ts';

/** The contents of config.yaml: YAML text, or values (JSON is YAML). */
export type Config = string | Readonly<Record<string, unknown>>;

/** Three processes have to load; on a machine busy with other tests this has taken more than 20 s. */
const READY_MS = 60_000;

export interface BalOptions {
  readonly config: Config;
  /** `start -d`; otherwise in the foreground, as a child of the test. */
  readonly daemon?: boolean;
  /** Further options for `start`. */
  readonly words?: readonly string[];
  /** Added to a config given as values. */
  readonly engine?: EngineName;
  readonly env?: Readonly<Record<string, string>>;
  /** A bal.js other than the built one. */
  readonly program?: string;
  /** Its file descriptor limit, in the foreground only. */
  readonly descriptors?: number;
  /** A command that execs the program, in the foreground only. */
  readonly launcher?: readonly string[];
  /** An existing home; otherwise a new one. */
  readonly home?: string;
}

export interface Bal {
  readonly home: Home;
  readonly configFile: string;
  /** The primary's PID. */
  readonly pid: number;
  workerPids(): Promise<number[]>;
  status(): Promise<Status>;
  /** Waits for a status that matches and returns it. */
  statusWhen(what: string, holds: (status: Status) => boolean): Promise<Status>;
  /** Waits until every backend has been checked once, so that no rare check disturbs a test's counts. */
  checked(): Promise<void>;
  cli(...args: string[]): Promise<CliResult>;
  configure(config: Config): void;
  graceful(): Promise<{ code: number | null; verdict: ReloadVerdict }>;
  stop(...args: string[]): Promise<CliResult>;
  logs(): LogRecord[];
  /** Waits for a log record. */
  logged(event: string, holds?: (record: LogRecord) => boolean): Promise<LogRecord>;
  signal(name: NodeJS.Signals): void;
  /** Exit code of the foreground process; null after a signal. Never settles for a daemon. */
  readonly exited: Promise<number | null>;
  /** Its output other than log lines, in the foreground. */
  stderr(): string;
  /** Closes the reading end of its output, in the foreground. */
  closeStdout(): void;
  /** SIGKILLs the primary. Afterwards leftover files do not fail the test, but leftover processes do. */
  killPrimary(): Promise<void>;
}

/** Creates a home that is removed after the test; a process still alive in it then fails the test. */
export function newHome(t: Owner): string {
  const home = mkdtempSync(join(tmpdir(), 'bal-e2e-'));
  const kill = (): number[] => {
    const pids = pidsOf(home);
    for (const pid of pids) signal(pid, 'SIGKILL');
    return pids;
  };
  const forget = atExit(() => {
    kill();
    rmSync(home, { recursive: true, force: true });
  });
  atEnd(t, async () => {
    const left = kill();
    await Promise.all(left.map(gone));
    rmSync(home, { recursive: true, force: true });
    forget();
    assert.deepEqual(left, [], 'no process of this home is left after the test');
  });
  return home;
}

/** Writes config.yaml into a home and returns its path. */
export function writeConfig(home: string, config: Config, engine?: EngineName): string {
  const file = join(home, 'config.yaml');
  const values =
    typeof config === 'string' ? config : JSON.stringify({ ...(engine && { engine }), ...config }, null, 1);
  writeFileSync(file, values);
  return file;
}

/** Reads the primary's PID from the PID file, or null. */
export function pidIn(file: string): number | null {
  if (!existsSync(file)) return null;
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  return Number.isInteger(pid) && pid > 0 ? pid : null;
}

export async function startBal(t: Owner, options: BalOptions): Promise<Bal> {
  const dir = options.home ?? newHome(t);
  const home = homeOf({ BAL_HOME: dir });
  const configFile = writeConfig(dir, options.config, options.engine);
  const output = { out: '', err: '' };
  let child: ChildProcess | null = null;
  let exited = new Promise<number | null>(() => undefined);
  let crashed = false;

  atEnd(t, async () => {
    const pid = pidIn(home.pidFile);
    if (pid !== null && isAlive(pid) && pidsOf(dir).includes(pid) && !(await askStop(home.socket)))
      await cli(['stop', '--now'], { home: dir });
    await until('every process of the instance is gone', () => pidsOf(dir).length === 0, { withinMs: 10_000 });
    if (crashed) return;
    assert.equal(existsSync(home.pidFile), false, 'no PID file is left');
    assert.equal(existsSync(home.socket), false, 'no control socket is left');
  });

  if (options.daemon === true) {
    const started = await cli(['start', '-d', ...(options.words ?? [])], {
      home: dir,
      ...(options.env && { env: options.env }),
      ...(options.program !== undefined && { program: options.program }),
    });
    assert.equal(started.code, 0, `bal start -d: ${started.stderr}${started.stdout}`);
  } else {
    const command = [process.execPath, options.program ?? BAL, 'start', ...(options.words ?? [])];
    const { descriptors } = options;
    // The shell execs the program, so the child's PID is the primary's.
    const limit = descriptors === undefined ? [] : ['sh', '-c', `ulimit -n ${descriptors} && exec "$@"`, 'sh'];
    const [file = '', ...args] = [...limit, ...(options.launcher ?? []), ...command];
    const bal = spawn(file, args, {
      cwd: dir,
      env: environment(dir, options.env),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = bal;
    bal.stdout.setEncoding('utf8').on('data', (text: string) => (output.out += text));
    bal.stderr.setEncoding('utf8').on('data', (text: string) => (output.err += text));
    exited = new Promise((resolve) => bal.once('close', resolve));
    await until(
      'bal is ready',
      async () => {
        if (bal.exitCode !== null || bal.signalCode !== null) return true;
        return (await askStatus(home.socket)).state === 'running';
      },
      { withinMs: READY_MS },
    );
    assert.equal(bal.exitCode ?? bal.signalCode, null, `bal start: ${output.err}${output.out}`);
  }
  const pid = pidIn(home.pidFile);
  assert.ok(pid !== null && isAlive(pid), 'the PID file names a living process once bal is ready');

  const status = (): Promise<Status> => askStatus(home.socket);
  const run = (...args: string[]): Promise<CliResult> => cli(args, { home: dir });
  const logs = (): LogRecord[] => (child === null ? recordsBelow(home.logDir) : recordsIn(output.out));
  const statusWhen = (what: string, holds: (status: Status) => boolean): Promise<Status> =>
    until(what, async () => {
      const now = await status();
      return holds(now) ? now : null;
    });
  return {
    home,
    configFile,
    pid,
    status,
    logs,
    exited,
    cli: run,
    stderr: () => output.err,
    closeStdout: () => void child?.stdout?.destroy(),
    workerPids: async () => (await status()).workers.map((worker) => worker.pid),
    statusWhen,
    async checked() {
      await statusWhen('every backend has been checked', ({ services }) =>
        services.every(({ backends }) => backends.every(({ state }) => state !== 'unknown')),
      );
    },
    configure: (config) => void writeConfig(dir, config, options.engine),
    async graceful() {
      const { code, stdout } = await run('graceful', '--json');
      const verdict: ReloadVerdict = JSON.parse(stdout);
      return { code, verdict };
    },
    stop: (...args) => run('stop', ...args),
    logged: (event, holds = () => true) =>
      until(`the log says ${event}`, () => logs().find((record) => record.event === event && holds(record))),
    signal: (name) => void process.kill(pid, name),
    async killPrimary() {
      crashed = true;
      process.kill(pid, 'SIGKILL');
      await within('the primary is gone', gone(pid));
    },
  };
}
