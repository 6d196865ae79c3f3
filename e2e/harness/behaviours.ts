// Behaviours of backends: correct, and wrong in every way that bal makes a promise about.
import { createServer as createHttpServer } from 'node:http';
import type { Socket } from 'node:net';
import type { Behaviour } from './backend.ts';
import { LONGEST_SLICE, type PatternCheck, pattern, patternAt } from './pattern.ts';

/** Echoes, and ends after the client. */
export const echo: Behaviour = (socket) => void socket.pipe(socket);

/** Sends its name, then ends. */
export const named =
  (name: string): Behaviour =>
  (socket) => {
    socket.resume();
    socket.end(name);
  };

/** Sends its name, and stays until the client ends. */
export const namedAndStays =
  (name: string): Behaviour =>
  (socket) => {
    socket.write(name);
    socket.on('end', () => socket.end());
    socket.resume();
  };

/** An HTTP/1.1 server with keep-alive that answers every request with its name. */
export function http(name: string): Behaviour {
  const server = createHttpServer((request, response) => {
    request.resume();
    response.end(name);
  });
  return (socket) => void server.emit('connection', socket);
}

/** Accepts, then resets. */
export const resets: Behaviour = (socket) => void socket.resetAndDestroy();

/** Accepts and reads, but sends nothing. */
export const silent: Behaviour = (socket) => void socket.resume();

/** Accepts, but does not even read. */
export const deaf: Behaviour = () => undefined;

/** Sends `length` bytes of the pattern, then resets. */
export const sendsThenResets =
  (seed: number, length: number): Behaviour =>
  (socket) => {
    socket.resume();
    socket.write(pattern(seed, length), () => void socket.resetAndDestroy());
  };

/** Sends a greeting and ends its direction first; keeps reading until the client ends. */
export const endsFirst =
  (greeting: string): Behaviour =>
  (socket) => {
    socket.end(greeting);
    socket.resume();
  };

/** Reads until the client ends, then sends everything back. */
export const answersAtTheEnd: Behaviour = (socket) => {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('end', () => socket.end(Buffer.concat(chunks)));
  socket.resume();
};

/** Checks the received bytes against a pattern, and ends after the client. */
export const sink =
  (check: PatternCheck): Behaviour =>
  (socket) => {
    socket.on('data', (chunk: Buffer) => check.take(chunk));
    socket.on('end', () => socket.end());
    socket.resume();
  };

/** Sends `length` bytes of the pattern as fast as they are read, then ends. */
export const source =
  (seed: number, length: number): Behaviour =>
  (socket) => {
    socket.resume();
    pour(socket, seed, length);
  };

/** Writes a stream of the pattern to a socket and ends it. At most one slice waits in memory. */
export function pour(socket: Socket, seed: number, length: number): void {
  let offset = 0;
  const next = (): void => {
    while (offset < length && !socket.destroyed) {
      const slice = patternAt(seed, offset, Math.min(LONGEST_SLICE, length - offset));
      offset += slice.length;
      if (!socket.write(slice)) return;
    }
    if (offset >= length) {
      socket.off('drain', next);
      socket.end();
    }
  };
  socket.on('drain', next);
  next();
}
