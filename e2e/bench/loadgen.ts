// Builds the load generator from its C sources, and runs it as backends and as clients.
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { ROOT } from '../../lib/testing/root.ts';
import { within } from '../../lib/testing/until.ts';

/** The last line of a client's output. */
export interface LoadResult {
  readonly event: 'result';
  /** From the first connect to the last answer. */
  readonly seconds: number;
  /** Completed exchanges or streams. */
  readonly done: number;
  readonly bytes: number;
  readonly wrong_bytes: number;
  readonly p50_us: number;
  readonly p99_us: number;
  /** CPU time of the client itself. */
  readonly cpu_s: number;
  readonly failures: Readonly<Record<'connect' | 'reset' | 'end' | 'timeout', number>>;
}

export interface Backends {
  readonly pid: number;
  stop(): Promise<void>;
}

const PATIENCE_MS = 30_000;
const SOURCES = join(ROOT, 'e2e', 'bench', 'loadgen');

/** Returns why it cannot be built here, or null. */
export function missingCompiler(): string | null {
  return spawnSync('cc', ['--version']).status === 0
    ? null
    : 'no C compiler: install one that is called as `cc` (Debian: apt-get install build-essential)';
}

/** Builds into `folder`, and returns the program's path. */
export function buildLoadgen(folder: string): string {
  const program = join(folder, 'loadgen');
  const sources = readdirSync(SOURCES).filter((file) => file.endsWith('.c'));
  const flags = ['-O2', '-std=gnu11', '-Wall', '-Wextra', '-Werror'];
  const cc = spawnSync('cc', [...flags, '-o', program, ...sources], { cwd: SOURCES, encoding: 'utf8' });
  if (cc.status !== 0) throw new Error(`Cannot build the load generator: ${cc.error?.message ?? cc.stderr}`);
  return program;
}

class Loadgen {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<number | null>;

  constructor(program: string, args: readonly string[]) {
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    this.#ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', resolve);
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Returns the next line of its output. */
  async line(withinMs: number): Promise<string> {
    const { value, done } = await within('the load generator speaks', this.#lines.next(), withinMs);
    if (done === true) throw new Error(`Cannot run the load generator: it ended with ${await this.#ended}`);
    return value;
  }

  /** Asks it to finish. */
  endInput(): void {
    this.#child.stdin.end();
  }

  async ended(): Promise<void> {
    await within('the load generator ends', this.#ended);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** Starts backends on 127.0.0.1 at all these ports, in one process. */
export async function startBackends(program: string, ports: readonly number[]): Promise<Backends> {
  const server = new Loadgen(program, ['server', ports.join(',')]);
  await server.line(10_000);
  return {
    pid: server.pid,
    stop() {
      server.endInput();
      return server.ended();
    },
  };
}

/** Runs a client to its end. `load`: a mode and its options. */
export async function runClient(
  program: string,
  load: readonly string[],
  ports: readonly number[],
  seconds: number,
): Promise<LoadResult> {
  const [mode = '', ...options] = load;
  const client = new Loadgen(program, [mode, ports.join(','), ...options, '-t', String(seconds)]);
  return resultOf(client, seconds * 1000 + PATIENCE_MS);
}

/** Connections that are silent after one exchange. */
export interface Held {
  /** Makes one more exchange on each, then closes all. */
  release(): Promise<LoadResult>;
}

export async function holdOpen(program: string, ports: readonly number[], connections: number): Promise<Held> {
  const client = new Loadgen(program, ['hold', ports.join(','), '-c', String(connections)]);
  await client.line(PATIENCE_MS);
  return {
    release() {
      client.endInput();
      return resultOf(client, PATIENCE_MS);
    },
  };
}

async function resultOf(client: Loadgen, withinMs: number): Promise<LoadResult> {
  try {
    const result: LoadResult = JSON.parse(await client.line(withinMs));
    await client.ended();
    return result;
  } finally {
    client.kill();
  }
}
