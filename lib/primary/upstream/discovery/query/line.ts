// Asks one name server over UDP. Many queries share a socket, which is replaced often: an answer is taken only at the port and with
// the id and the question of a query, so whoever wants to forge one has to guess both numbers.

import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';

import { splitAddress } from '../../../../../config/host.ts';
import { idOf, queryFor, read, type QueryType, type Reading } from './message.ts';

export type Answer = Exclude<Reading, 'foreign'>;

export interface Line {
  /** Null if the server does not answer in time, or cannot be reached. Never rejects. */
  ask(name: string, type: QueryType): Promise<Answer | null>;
  /** Queries under way get no answer. */
  close(): void;
}

export const PATIENCE_MS = 1000;
const PORT = 53;
const IDS = 65_536;
/** A socket is used for so many queries, and for so long. */
export const MAX_QUERIES = 100;
const MAX_AGE_MS = 2000;

interface Waiting {
  readonly query: Buffer;
  readonly end: (answer: Answer | null) => void;
}

interface Channel {
  /** Null if the name cannot be queried this way. */
  ask(name: string, type: QueryType): Promise<Answer | null>;
  close(): void;
}

/** `server` is an address with or without a port. */
export function openLine(server: string): Line {
  const { host, port } = splitAddress(server) ?? { host: server.replace(/^\[|\]$/g, ''), port: PORT };
  const channels = new Set<Channel>();
  /** The one for the next query. */
  let current: Channel | null = null;

  function open(): Channel {
    const waiting = new Map<number, Waiting>();
    let asked = 0;
    /** Queries that wait for the socket; null: it is connected. */
    let unsent: Buffer[] | null = [];
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    // What waits has a timer.
    socket.unref();
    const age = setTimeout(retire, MAX_AGE_MS).unref();

    function close(): void {
      if (!channels.delete(channel)) return;
      retire();
      clearTimeout(age);
      socket.close();
      for (const { end } of waiting.values()) end(null);
    }

    /** No new queries. */
    function retire(): void {
      if (current === channel) current = null;
      if (waiting.size === 0) close();
    }

    function sent(error: Error | null): void {
      if (error !== null) close();
    }

    function ask(name: string, type: QueryType): Promise<Answer | null> {
      let id = randomInt(IDS);
      while (waiting.has(id)) id = randomInt(IDS);
      const query = queryFor(name, type, id);
      if (query === null) return Promise.resolve('unclear');
      if (++asked === MAX_QUERIES) current = null;
      return new Promise((resolve) => {
        const end = (answer: Answer | null): void => {
          clearTimeout(timer);
          waiting.delete(id);
          resolve(answer);
          if (waiting.size === 0 && current !== channel) close();
        };
        const timer = setTimeout(end, PATIENCE_MS, null);
        waiting.set(id, { query, end });
        if (unsent === null) socket.send(query, sent);
        else unsent.push(query);
      });
    }

    const channel = { ask, close };
    channels.add(channel);
    socket.on('error', close);
    socket.on('message', (message) => {
      const it = waiting.get(idOf(message) ?? -1);
      if (it === undefined) return;
      const answer = read(message, it.query);
      if (answer !== 'foreign') it.end(answer);
    });
    // Connect, so that only this server's datagrams arrive, and a closed port is reported at once.
    // A connect that fails is reported to its callback only, which the types of Node.js do not show.
    socket.connect(port, host, (error?: Error) => {
      if (error !== undefined && error !== null) return close();
      if (!channels.has(channel)) return;
      for (const query of unsent ?? []) socket.send(query, sent);
      unsent = null;
    });
    return channel;
  }

  return {
    ask(name, type) {
      current ??= open();
      return current.ask(name, type);
    },
    close() {
      for (const channel of channels) channel.close();
    },
  };
}
