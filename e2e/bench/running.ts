// Starts a proxy in its own folder, waits until it accepts connections, and stops it.
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from '../../lib/testing/ports.ts';
import { gone, signal } from '../harness/processes.ts';
import { until } from '../../lib/testing/until.ts';
import { home } from '../../lib/paths.ts';
import { askStatus } from '../harness/control.ts';
import { pidsBelow } from './process-tree.ts';
import type { Proxy } from './proxies/proxy.ts';

export interface Running {
  readonly name: string;
  /** Ports for the clients. */
  readonly ports: readonly number[];
  /** The root of the proxy's processes; null for the direct path. */
  readonly pid: number | null;
  /** Its folder. */
  readonly dir: string;
  stop(): Promise<void>;
}

export interface Surroundings {
  /** A scratch folder; the caller removes it. */
  readonly scratch: string;
  readonly node: string;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

export async function startProxy(proxy: Proxy, backends: readonly number[], around: Surroundings): Promise<Running> {
  const dir = mkdtempSync(join(around.scratch, `${proxy.name}-`));
  const port = await freePort();
  const command = proxy.prepare({ dir, port, backends, node: around.node });
  if (command === null) return { name: proxy.name, ports: backends, pid: null, dir, stop: async () => undefined };
  const logFile = join(dir, 'output.log');
  const log = openSync(logFile, 'w');
  const child = spawn(command.program, command.args, { cwd: dir, env: command.env, stdio: ['ignore', log, log] });
  closeSync(log);
  const end: { how: string | null } = { how: null };
  child.once('error', (error) => (end.how = error.message));
  child.once('exit', (code, name) => (end.how = `it ended with ${code ?? name}`));
  const stop = async (): Promise<void> => {
    const { pid } = child;
    if (pid === undefined) return;
    const all = pidsBelow(pid);
    child.kill('SIGTERM');
    await until(`${proxy.name} ends`, () => end.how, { withinMs: 5000 }).catch(() => undefined);
    for (const left of all) signal(left, 'SIGKILL'); // for those that ignored SIGTERM
    await Promise.all(all.map(gone));
  };
  try {
    await until(`${proxy.name} accepts connections`, async () => end.how !== null || (await accepts(port)));
    if (end.how !== null)
      throw new Error(`Cannot start ${proxy.name}: ${end.how}\n${readFileSync(logFile, 'utf8').trim()}`);
  } catch (error) {
    await stop();
    throw error;
  }
  return { name: proxy.name, ports: [port], pid: child.pid ?? null, dir, stop };
}

/** Waits until this bal knows that all its backends work. */
export async function hasSeenBackends({ dir }: Running): Promise<void> {
  const { socket } = home({ BAL_HOME: dir });
  await until('bal has seen its backends', async () => {
    const { backend_reachable, backend_total } = await askStatus(socket);
    return backend_reachable === backend_total;
  });
}
