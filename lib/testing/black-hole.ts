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
  const server = require('node:net').createServer((socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  server.listen({ port: workerData.port, host: workerData.host, backlog: 1, exclusive: true }, () => {
    parentPort.postMessage('listening');
    Atomics.wait(new Int32Array(workerData.gate), 0, 0);
  });
`;

/** Connections waiting in the queue of the IPv4 listener on this port. */
function queued(port: number): number {
  const at = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const LISTEN = '0A';
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n')) {
    const [, local, , state, queues] = line.trim().split(/\s+/);
    if (local?.endsWith(at) === true && state === LISTEN) return Number.parseInt(queues?.split(':')[1] ?? '0', 16);
  }
  return 0;
}

/** Returns the port of a listener where every connect hangs. With host 0.0.0.0, all addresses of this machine do that. */
export async function blackHole(t: Owner, host = '127.0.0.1'): Promise<number> {
  const port = await freePort();
  await openLateEcho(t, port, host);
  return port;
}

/** Turns a port without a listener into a black hole until the test ends or the returned function is called. */
export async function openBlackHole(t: Owner, port: number): Promise<() => Promise<void>> {
  return (await openLateEcho(t, port)).close;
}

/** The same, but `accept` makes it an echo server: a pending connect succeeds when the kernel sends its next SYN. */
export async function openLateEcho(
  t: Owner,
  port: number,
  host = '127.0.0.1',
): Promise<{ readonly accept: () => void; readonly close: () => Promise<void> }> {
  const gate = new SharedArrayBuffer(4);
  const worker = new Worker(THREAD, { eval: true, workerData: { port, host, gate } });
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
  for (let i = 0; i < 2; i++) {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => undefined);
    fillers.push(socket);
  }
  await until('the queue of the black hole is full', () => queued(port) >= 2);
  const accept = (): void => {
    Atomics.store(new Int32Array(gate), 0, 1);
    Atomics.notify(new Int32Array(gate), 0);
  };
  return { accept, close };
}
