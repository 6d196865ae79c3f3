// Bytes that reveal their position: byte i of stream s is the same at both ends, so a shift, a loss or swapped pieces
// show at once.

import type net from 'node:net';
import { within } from './wait.ts';

// A prime period, so that no power-of-two buffer boundary repeats it.
const PERIOD = 65_521;
const PIECE = 256 * 1024;

const patterns = new Map<number, Buffer>();

function patternOf(stream: number): Buffer {
  const known = patterns.get(stream);
  if (known !== undefined) return known;
  const block = Buffer.alloc(PERIOD + PIECE);
  let state = (stream + 1) * 2_654_435_761;
  for (let i = 0; i < PERIOD; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    block[i] = state >>> 24;
  }
  for (let i = PERIOD; i < block.length; i += PERIOD) block.copyWithin(i, 0, Math.min(PERIOD, block.length - i));
  patterns.set(stream, block);
  return block;
}

/**
 * Sends bytes `from` … `from + size` of a stream as fast as the socket takes them, then ends it unless `end` is false.
 */
export function sendPattern(socket: net.Socket, stream: number, size: number, from = 0, end = true): void {
  const pattern = patternOf(stream);
  let sent = 0;
  const more = (): void => {
    while (sent < size) {
      const at = (from + sent) % PERIOD;
      const piece = Math.min(PIECE, size - sent);
      sent += piece;
      if (!socket.write(pattern.subarray(at, at + piece))) {
        if (sent < size) socket.once('drain', more);
        else if (end) socket.end();
        return;
      }
    }
    if (end) socket.end();
  };
  more();
}

/** Resolves to the number of bytes once the stream has ended. Rejects at the first wrong byte or when it breaks off. */
export async function receivePattern(socket: net.Socket, stream: number, deadlineMs = 60_000): Promise<number> {
  const pattern = patternOf(stream);
  let received = 0;
  const whole = new Promise<number>((resolve, reject) => {
    socket.on('data', (chunk) => {
      for (let done = 0; done < chunk.length;) {
        const at = (received + done) % PERIOD;
        const piece = Math.min(PIECE, chunk.length - done);
        if (pattern.compare(chunk, done, done + piece, at, at + piece) !== 0) {
          reject(new Error(`Wrong bytes between ${received + done} and ${received + done + piece}`));
        }
        done += piece;
      }
      received += chunk.length;
    });
    socket.on('end', () => resolve(received));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`Closed after ${received} bytes`)));
  });
  return within(whole, `a stream ends (have ${received} bytes)`, deadlineMs);
}
