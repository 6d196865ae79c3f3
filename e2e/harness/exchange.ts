// One client's visit: connect, send a request, read the answer, close. Distinguishes all the ways it can fail.
import { connect } from 'node:net';
import { ending } from './ending.ts';
import { pattern } from './pattern.ts';

/** A client's request, and its check of the answer. */
export interface Exchange {
  readonly request: Buffer | null;
  /** Length of the answer; null: everything until the backend ends. */
  readonly length: number | null;
  readonly right: (answer: Buffer) => boolean;
}

/** For echo backends: `length` patterned bytes there and back. */
export function echoes(length = 64): Exchange {
  const request = pattern(length, length);
  return { request, length, right: (answer) => answer.equals(request) };
}

/** For backends that send their name and end: any of these names. */
export function names(...expected: readonly string[]): Exchange {
  return { request: null, length: null, right: (answer) => expected.includes(answer.toString()) };
}

/** `refused`: nothing listened. `short`: a clean end before the whole answer. `late`: no answer within the client's timeout. */
export type Outcome = 'ok' | 'refused' | 'reset' | 'short' | 'wrong' | 'late';

export interface Visit {
  readonly outcome: Outcome;
  readonly answer: Buffer;
}

export function visit(port: number, host: string, exchange: Exchange, patienceMs: number): Promise<Visit> {
  return new Promise((resolve) => {
    const socket = connect({ port, host, noDelay: true, allowHalfOpen: true });
    const chunks: Buffer[] = [];
    let length = 0;
    const finish = (outcome: Outcome): void => resolve({ outcome, answer: Buffer.concat(chunks) });
    socket.setTimeout(patienceMs, () => {
      finish('late');
      socket.destroy();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => finish(error.code === 'ECONNREFUSED' ? 'refused' : 'reset'));
    socket.on('connect', () => {
      if (exchange.request !== null) socket.write(exchange.request);
    });
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (exchange.length !== null && length >= exchange.length) socket.end();
    });
    void ending(socket).then((how) => {
      if (how !== 'fin') return finish('reset');
      socket.end();
      if (length < (exchange.length ?? 1)) return finish('short');
      return finish(exchange.right(Buffer.concat(chunks)) ? 'ok' : 'wrong');
    });
  });
}
