// A storm of clients and backends that behave in every possible way, to find leaks and wrong bytes and to run under
// sanitizers. Every byte is checked on arrival. Only how a connection ends is left to chance.

import { once } from 'node:events';
import net from 'node:net';
import type { TestContext } from 'node:test';

export interface StormResult {
  readonly clients: number;
  /** Connections whose whole exchange was seen and correct. */
  readonly whole: number;
  /** Connections with a wrong byte, each with its position and value. There must be none. */
  readonly wrong: readonly string[];
}

const PATTERN = Buffer.alloc(
  300_000,
  Uint8Array.from({ length: 251 }, (_, i) => (i * 7 + 3) % 256),
);

/** Whether `chunk` is what the pattern has at `offset`. Bytes are echoed, so both ends check the same. */
function matches(chunk: Buffer, offset: number): boolean {
  return PATTERN.compare(chunk, 0, chunk.length, offset, offset + chunk.length) === 0;
}

/** Describes the first difference between `chunk` and the pattern at `offset`. */
function described(chunk: Buffer, offset: number, size: number): string {
  const at = chunk.findIndex((byte, i) => byte !== PATTERN[offset + i]);
  const from = chunk.subarray(at, at + 16);
  const instead = `${from.toString('hex')}, which is at ${PATTERN.indexOf(from)} of the pattern`;
  return `byte ${offset + at} of ${size}, the ${at + 1}. of a chunk of ${chunk.length}: ${instead}`;
}

const SIZES = [0, 1, 64, 1000, 16_384, 32_768, 40_000, 300_000];

function any<T>(list: readonly T[], fallback: T): T {
  return list[Math.floor(Math.random() * list.length)] ?? fallback;
}

/** Resets the connection; just destroys it while a FIN is pending, because libuv cannot reset then. */
function abandon(socket: net.Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy();
  else socket.resetAndDestroy();
}

/** Starts the backends: one echoes, one resets at random, one ends early, one refuses. */
export async function stormBackends(t: TestContext): Promise<readonly number[]> {
  const sockets = new Set<net.Socket>();
  const serve = async (behave: (socket: net.Socket) => void): Promise<number> => {
    const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => undefined);
      behave(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  };
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  const echo = await serve((socket) => socket.pipe(socket));
  const erratic = await serve((socket) => {
    const chance = Math.random();
    if (chance < 0.1) abandon(socket);
    else if (chance < 0.3) socket.once('data', (chunk) => socket.write(chunk, () => abandon(socket)));
    else if (chance < 0.4) socket.end();
    else socket.pipe(socket);
    if (chance >= 0.3 && chance < 0.4) socket.resume();
  });
  const refusing = net.createServer().listen(0, '127.0.0.1');
  await once(refusing, 'listening');
  const address = refusing.address();
  refusing.close();
  return [echo, erratic, typeof address === 'object' && address !== null ? address.port : 1];
}

/** Runs one client. Resolves when it is over to whether everything came back, or to what was wrong. */
async function client(port: number): Promise<'whole' | 'broken' | { readonly wrong: string }> {
  const size = any(SIZES, 64);
  const manner = Math.random();
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
    let received = 0;
    let wrong: string | null = null;
    socket.on('data', (chunk) => {
      if (wrong === null && !matches(chunk, received)) wrong = described(chunk, received, size);
      received += chunk.length;
      // An occasional slow reader causes back-pressure.
      if (manner < 0.05) {
        socket.pause();
        setTimeout(() => socket.resume(), 3);
      }
      if (manner > 0.9 && received > size / 2) abandon(socket);
      if (manner > 0.6 && received === size) socket.end();
    });
    socket.on('end', () => socket.end());
    socket.on('error', () => undefined);
    socket.setTimeout(20_000, () => socket.destroy());
    socket.on('close', () => resolve(wrong !== null ? { wrong } : received === size ? 'whole' : 'broken'));
    if (manner < 0.02) {
      socket.on('connect', () => abandon(socket));
      return;
    }
    if (size > 0) socket.write(PATTERN.subarray(0, size));
    if (manner <= 0.6 || size === 0) socket.end();
    if (manner > 0.85 && manner <= 0.9) setTimeout(() => abandon(socket), Math.random() * 5);
  });
}

/** Runs `clients` clients, `atOnce` at a time. */
export async function storm(port: number, clients: number, atOnce = 100): Promise<StormResult> {
  let started = 0;
  let whole = 0;
  const wrong: string[] = [];
  const one = async (): Promise<void> => {
    while (started++ < clients) {
      const end = await client(port);
      if (end === 'whole') whole++;
      else if (end !== 'broken') wrong.push(end.wrong);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return { clients, whole, wrong };
}
