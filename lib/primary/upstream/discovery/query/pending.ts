// The queries that wait for their answers on one socket. An answer is taken with the id and the question of a query only.

import { randomInt } from 'node:crypto';

import { idOf, queryFor, read, type QueryType, type Reading } from './message.ts';

export type Answer = Exclude<Reading, 'foreign'>;

export interface Pending {
  readonly size: number;
  /** Calls `send` with the query. The promise is null if there is no answer in time, and never rejects. */
  ask(name: string, type: QueryType, send: (query: Buffer) => void): Promise<Answer | null>;
  /** Ignores what answers no query. */
  take(message: Buffer): void;
  /** There will be no answer to any of them. */
  endAll(): void;
}

interface Waiting {
  readonly query: Buffer;
  readonly end: (answer: Answer | null) => void;
}

export const PATIENCE_MS = 1000;
const IDS = 65_536;

/** `fewer` is called when one is over. */
export function createPending(fewer: () => void): Pending {
  const waiting = new Map<number, Waiting>();
  return {
    get size() {
      return waiting.size;
    },
    ask(name, type, send) {
      let id = randomInt(IDS);
      while (waiting.has(id)) id = randomInt(IDS);
      const query = queryFor(name, type, id);
      if (query === null) return Promise.resolve('unclear');
      return new Promise((resolve) => {
        const end = (answer: Answer | null): void => {
          clearTimeout(timer);
          waiting.delete(id);
          resolve(answer);
          fewer();
        };
        const timer = setTimeout(end, PATIENCE_MS, null);
        waiting.set(id, { query, end });
        send(query);
      });
    },
    take(message) {
      const it = waiting.get(idOf(message) ?? -1);
      if (it === undefined) return;
      const answer = read(message, it.query);
      if (answer !== 'foreign') it.end(answer);
    },
    endAll() {
      for (const { end } of waiting.values()) end(null);
    },
  };
}
