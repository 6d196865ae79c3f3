// A port that neither accepts nor refuses: its listener's queue is full and the kernel drops every further SYN. A
// thread listens and then blocks, so nothing leaves the queue until it is told to accept.
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { atEnd, type Owner } from './owner.ts';
import { freePort } from './ports.ts';
import { until } from './until.ts';

const THREAD = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { once } = require('node:events');
  const { createServer } = require('node:net');
  const listening = workerData.ports.map((port) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.pipe(socket);
    });
    return once(server.listen({ port, host: '127.0.0.1', backlog: 1, exclusive: true }), 'listening');
  });
  Promise.all(listening).then(() => {
    parentPort.postMessage('listening');
    Atomics.wait(new Int32Array(workerData.gate), 0, 0);
  });
`;

/** How many of these ports of 127.0.0.1 have a listener with so many connections waiting in its queue. */
function queued(ports: ReadonlySet<number>, waiting: number): number {
  const LISTEN = '0A';
  let full = 0;
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n')) {
    const [, local = '', , state, queues] = line.trim().split(/\s+/);
    const [ip, port = ''] = local.split(':');
    if (ip !== '0100007F' || state !== LISTEN || !ports.has(Number.parseInt(port, 16))) continue;
    if (Number.parseInt(queues?.split(':')[1] ?? '0', 16) >= waiting) full++;
  }
  return full;
}

/** Returns the port of a listener where every connect hangs. */
export async function blackHole(t: Owner): Promise<number> {
  const [port = 0] = await blackHoles(t, 1);
  return port;
}

export async function blackHoles(t: Owner, count: number): Promise<readonly number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  await open(t, ports);
  return ports;
}

/** Turns a port without a listener into a black hole until the test ends or the returned function is called. */
export async function openBlackHole(t: Owner, port: number): Promise<() => Promise<void>> {
  return (await open(t, [port])).close;
}

/** The same, but `accept` makes it an echo server: a pending connect succeeds when the kernel sends its next SYN. */
export function openLateEcho(t: Owner, port: number): Promise<Hole> {
  return open(t, [port]);
}

interface Hole {
  readonly accept: () => void;
  readonly close: () => Promise<void>;
}

async function open(t: Owner, ports: readonly number[]): Promise<Hole> {
  const gate = new SharedArrayBuffer(4);
  const worker = new Worker(THREAD, { eval: true, workerData: { ports, gate } });
  const fillers: Socket[] = [];
  const close = async (): Promise<void> => {
    for (const socket of fillers) socket.destroy();
    await worker.terminate();
  };
  atEnd(t, close);
  await new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  // A queue of length 1 holds 2 (the kernel compares with "more than"). SYNs beyond that are dropped.
  for (const port of [...ports, ...ports]) {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => undefined);
    fillers.push(socket);
  }
  const all = new Set(ports);
  await until('the queue of the black hole is full', () => queued(all, 2) === all.size);
  const accept = (): void => {
    Atomics.store(new Int32Array(gate), 0, 1);
    Atomics.notify(new Int32Array(gate), 0);
  };
  return { accept, close };
}
