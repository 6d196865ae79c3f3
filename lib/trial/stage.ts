// A bal in a temporary home with sample backends, for a command that tries it. Owns its processes and files and leaves none,
// however the command ends: backends and clients end with their stdin, and a guard cleans up the rest.

import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';

import type { LoadOptions, LoadResult } from './load.ts';

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Backend {
  readonly port: number;
  /** Takes a word of sample/behaviour.ts; resolves when it is in effect. */
  behave(word: string): Promise<void>;
  kill(): Promise<void>;
}

export interface Clients {
  ready(): Promise<void>;
  stop(): Promise<LoadResult>;
}

export interface Stage {
  readonly home: string;
  readonly port: number;
  /** Runs a command of bal in that home. */
  bal(...args: readonly string[]): Promise<Ran>;
  configure(config: Readonly<Record<string, unknown>>): void;
  backend(port?: number): Promise<Backend>;
  clients(load: LoadOptions): Clients;
  close(): Promise<void>;
}

/** For operations that normally take milliseconds. */
const PATIENCE_MS = 30_000;

/** Rejects if the installation lacks a file. */
export async function openStage(): Promise<Stage> {
  const program = realpathSync(process.argv[1] ?? '');
  const [load, sample] = ['load.js', 'backend.js'].map((name) => join(dirname(program), name));
  if (load === undefined || sample === undefined || !existsSync(load) || !existsSync(sample))
    throw new Error(`Cannot try bal: load.js or backend.js is not beside ${program}`);
  const home = mkdtempSync(join(tmpdir(), 'bal-trial-'));
  const children = new Set<ChildProcess>();
  const env = { ...process.env, BAL_HOME: home };

  /** `detached`: outside this terminal's process group, so that only this process gets Ctrl-C. */
  function run(file: string, args: readonly string[]): ChildProcess {
    const child = spawn(process.execPath, [file, ...args], {
      env,
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    child.stdin?.on('error', () => undefined);
    child.on('error', () => undefined);
    children.add(child);
    child.once('close', () => children.delete(child));
    return child;
  }

  const guard = run(load, ['guard', home, program]);

  async function backend(port = 0): Promise<Backend> {
    const child = run(sample ?? '', ['--echo', '--tied', '--port', String(port)]);
    const next = linesOf(child);
    const ready = await next();
    if (!has(ready, 'port') || typeof ready.port !== 'number') throw new Error('Cannot start a sample backend');
    return {
      port: ready.port,
      async behave(word) {
        child.stdin?.write(`${word}\n`);
        await next();
      },
      async kill() {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = once(child, 'close');
        child.kill('SIGKILL');
        await gone;
      },
    };
  }

  function clients({ mode, port, clients: count, pauseMs }: LoadOptions): Clients {
    const child = run(load ?? '', [mode, String(port), String(count), String(pauseMs)]);
    const next = linesOf(child);
    const first = next();
    first.catch(() => undefined);
    return {
      ready: () => first.then(() => undefined),
      async stop() {
        child.stdin?.end();
        let result = await next();
        // Stopped before every client had its first answer.
        if (result === 'ready') result = await next();
        if (!isResult(result)) throw new Error('Cannot read what the clients have counted');
        return result;
      },
    };
  }

  return {
    home,
    port: await freePort(),
    bal: (...args) =>
      new Promise((resolve) => {
        const options = { env, cwd: '/', timeout: 2 * PATIENCE_MS, maxBuffer: 64 * 1024 * 1024 };
        const child = execFile(process.execPath, [program, ...args], options, (_error, stdout, stderr) => {
          resolve({ code: child.exitCode, stdout, stderr });
        });
      }),
    configure: (config) => writeFileSync(join(home, 'config.yaml'), JSON.stringify(config)),
    backend,
    clients,
    async close() {
      for (const child of children) if (child !== guard) child.kill('SIGKILL');
      const isGone = guard.exitCode !== null || guard.signalCode !== null;
      const cleaner = isGone ? run(load, ['guard', home, program]) : guard;
      const ended = once(cleaner, 'close');
      cleaner.stdin?.end();
      await ended;
    },
  };
}

/** Returns a reader of its output: one JSON value per line. Rejects on end of output or silence. */
function linesOf(child: ChildProcess): () => Promise<unknown> {
  const { stdout } = child;
  // Undefined at the descriptor limit, whatever its type says.
  if (!(stdout instanceof Readable)) throw new Error('Cannot hear a process without stdout');
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  return async () => {
    let late: NodeJS.Timeout | undefined;
    const silence = new Promise<never>((_resolve, reject) => {
      late = setTimeout(() => reject(new Error('Cannot go on: a client or backend says nothing')), PATIENCE_MS);
    });
    try {
      const { done, value } = await Promise.race([lines.next(), silence]);
      if (done === true) throw new Error('Cannot go on: a client or backend has ended');
      return JSON.parse(value) as unknown;
    } finally {
      clearTimeout(late);
    }
  };
}

function has<K extends string>(value: unknown, key: K): value is Record<K, unknown> {
  return typeof value === 'object' && value !== null && key in value;
}

function isResult(value: unknown): value is LoadResult {
  return has(value, 'done') && has(value, 'lost') && has(value, 'seconds');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('Cannot find a free port');
  return address.port;
}
