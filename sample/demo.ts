// Shows bal at work: two sample backends behind bal, with live status. Run by `npm run demo`. Ctrl-C stops everything and leaves
// nothing behind.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Status } from '../lib/control/protocol.ts';
import { controlByHttp } from './control.ts';
import { lineOf, messageOf, viewOf } from './demo-view.ts';
import { startBackend } from './listener.ts';

const bal = fileURLToPath(new URL('bal.js', import.meta.url));

/** Returns bal's default port if it is free, else another. */
async function freePort(): Promise<number> {
  for (const port of [9295, 0]) {
    const probe = createServer().listen(port, '127.0.0.1');
    const bound = await once(probe, 'listening').then(
      () => probe.address(),
      () => null,
    );
    if (bound === null || typeof bound === 'string') continue;
    probe.close();
    await once(probe, 'close');
    return bound.port;
  }
  throw new Error('Cannot listen on 127.0.0.1: no port is free');
}

/** Starts two backends in this process. Each has a control port, so that a person can take it out and back in. */
async function startBackends(signal: AbortSignal) {
  return Promise.all(
    ['one', 'two'].map(async (name) => {
      const how = { name, host: '127.0.0.1', port: 0, protocol: 'http', behaviour: { kind: 'serve' } } as const;
      const backend = await startBackend(how);
      const control = await controlByHttp(backend, 0);
      signal.addEventListener('abort', () => {
        backend.close();
        control.close();
        control.closeAllConnections();
      });
      const bound = control.address();
      return { name, port: backend.port, control: typeof bound === 'object' && bound !== null ? bound.port : 0 };
    }),
  );
}

/** Returns the output of `bal status --json`, or null while nothing answers. */
async function statusOf(home: string): Promise<Status | null> {
  const env = { ...process.env, BAL_HOME: home };
  const text = await new Promise<string>((resolve) => {
    // Ignore the exit code, which is about the backends.
    execFile(process.execPath, [bal, 'status', '--json'], { env, timeout: 10_000 }, (_error, stdout) =>
      resolve(stdout),
    );
  });
  const status: unknown = text === '' ? null : JSON.parse(text);
  return isRunning(status) ? status : null;
}

function isRunning(value: unknown): value is Status {
  return typeof value === 'object' && value !== null && 'running' in value && value.running === true;
}

/** Asks bal to stop, and kills it when it does not: by then every connection has had its time to finish. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const patience = new AbortController();
  const late = delay(10_000, 'late', { signal: patience.signal }).catch(() => 'stopped');
  if ((await Promise.race([exited, late])) === 'late') child.kill('SIGKILL');
  await exited;
  patience.abort();
}

/** Runs until `signal` aborts, or until bal exits by itself, which is an error. */
async function show(home: string, signal: AbortSignal): Promise<void> {
  const backends = await startBackends(signal);
  const port = await freePort();
  const config = join(home, 'config.yaml');
  const addresses = backends.map((backend) => `  - host: "127.0.0.1"\n    port: ${backend.port}\n`);
  writeFileSync(
    config,
    `bind_address: "127.0.0.1"\nport: ${port}\nruntime:\n  drain_timeout_ms: 2000\nbackends:\n${addresses.join('')}`,
  );
  // In a process group of its own: Ctrl-C reaches only this process, which then stops the others in order.
  const child = spawn(process.execPath, [bal, 'start', '--config', config], {
    env: { ...process.env, BAL_HOME: home },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const ended = once(child, 'exit');
  try {
    const messages: string[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => {
      messages.push(messageOf(line));
      messages.splice(0, messages.length - 20);
    });
    const gone = ended.then(([code]) => Promise.reject(new Error(`Cannot go on: bal ended with code ${String(code)}`)));
    const stopped = new Promise((resolve) => signal.addEventListener('abort', resolve));
    await Promise.race([watch(home, port, backends, messages, signal), gone, stopped]);
  } finally {
    await stop(child);
  }
}

type Shown = Awaited<ReturnType<typeof startBackends>>;

async function watch(
  home: string,
  port: number,
  backends: Shown,
  messages: string[],
  signal: AbortSignal,
): Promise<void> {
  let status = await statusOf(home);
  for (; status?.state !== 'running' && !signal.aborted; status = await statusOf(home)) await delay(50);
  const [first] = backends;
  console.log(`bal ${status?.version ?? ''} shares connections between two sample backends.`);
  console.log(`Try it:            curl http://127.0.0.1:${port}/`);
  console.log(`Take one out:      curl -X POST http://127.0.0.1:${first?.control ?? 0}/refuse`);
  console.log(`… and back in:     curl -X POST http://127.0.0.1:${first?.control ?? 0}/serve`);
  console.log('Stop everything:   Ctrl-C\n');
  const names = new Map(backends.map((backend) => [`127.0.0.1:${backend.port}`, backend.name]));
  let height = 0;
  for (; !signal.aborted; status = await statusOf(home)) {
    if (status !== null && process.stdout.isTTY) {
      const { columns, rows } = process.stdout;
      const lines = viewOf(status, names, messages.slice(-4))
        .slice(0, rows - 1)
        .map((line) => line.slice(0, columns - 1));
      // Go up to where the last view began and overwrite it.
      process.stdout.write(`${height > 0 ? `\x1b[${height}A\x1b[J` : ''}${lines.join('\n')}\n`);
      height = lines.length;
    } else if (status !== null) {
      for (const message of messages.splice(0)) console.log(message);
      console.log(lineOf(status, names));
    }
    await delay(process.stdout.isTTY ? 1000 : 3000, undefined, { signal }).catch(() => {});
  }
}

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort());
// Nobody reads the output any more.
process.stdout.on('error', () => stopping.abort());
// npm and its shell may be killed without a signal to this process. It has another parent then.
const parent = process.ppid;
if (process.env['npm_lifecycle_event'] !== undefined) {
  setInterval(() => (process.ppid === parent ? undefined : stopping.abort()), 500).unref();
}

const home = mkdtempSync(join(tmpdir(), 'bal-demo-'));
try {
  await show(home, stopping.signal);
  console.log('Everything is stopped.');
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
} finally {
  stopping.abort();
  rmSync(home, { recursive: true, force: true });
}
