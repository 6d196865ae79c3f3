// Asks one name server over UDP, and over TCP what does not fit. Many queries share a UDP socket, which is replaced often: an answer
// is taken only at the port and with the id and the question of a query, so whoever wants to forge one has to guess both numbers.

import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';

import { splitAddress } from '../../../../../config/host.ts';
import type { QueryType } from './message.ts';
import { createPending, type Answer } from './pending.ts';
import { openStream } from './stream.ts';

export interface Line {
  /** Null if the server does not answer in time, or cannot be reached. Never rejects. */
  ask(name: string, type: QueryType): Promise<Exclude<Answer, 'truncated'> | null>;
  /** Queries under way get no answer. */
  close(): void;
}

const PORT = 53;
/** A socket is used for so many queries, and for so long. */
export const MAX_QUERIES = 100;
const MAX_AGE_MS = 2000;

interface Channel {
  ask(name: string, type: QueryType): Promise<Answer | null>;
  close(): void;
}

/** `server` is an address with or without a port. */
export function openLine(server: string): Line {
  const { host, port } = splitAddress(server) ?? { host: server.replace(/^\[|\]$/g, ''), port: PORT };
  const channels = new Set<Channel>();
  const stream = openStream(host, port);
  /** The one for the next query. */
  let current: Channel | null = null;

  function open(): Channel {
    const pending = createPending(() => {
      if (pending.size === 0 && current !== channel) close();
    });
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
      pending.endAll();
    }

    /** No new queries. */
    function retire(): void {
      if (current === channel) current = null;
      if (pending.size === 0) close();
    }

    function sent(error: Error | null): void {
      if (error !== null) close();
    }

    function ask(name: string, type: QueryType): Promise<Answer | null> {
      if (++asked === MAX_QUERIES) current = null;
      return pending.ask(name, type, (query) => {
        if (unsent === null) socket.send(query, sent);
        else unsent.push(query);
      });
    }

    const channel = { ask, close };
    channels.add(channel);
    socket.on('error', close);
    socket.on('message', (message) => pending.take(message));
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
    async ask(name, type) {
      current ??= open();
      const answer = await current.ask(name, type);
      if (answer !== 'truncated') return answer;
      // It is not silent, whatever becomes of this.
      const whole = (await stream.ask(name, type)) ?? 'failed';
      return whole === 'truncated' ? 'unclear' : whole;
    },
    close() {
      for (const channel of channels) channel.close();
      stream.close();
    },
  };
}
