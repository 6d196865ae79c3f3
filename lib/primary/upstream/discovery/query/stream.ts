// Asks one name server over TCP what does not fit into a datagram (RFC 7766). Queries that overlap share a connection, which is
// closed when the last of them is over.

import { connect } from 'node:net';

import type { QueryType } from './message.ts';
import { createPending, type Answer } from './pending.ts';

export interface Stream {
  /** Null if there is no answer in time, or the server closes before. Never rejects. */
  ask(name: string, type: QueryType): Promise<Answer | null>;
  /** Queries under way get no answer. */
  close(): void;
}

/** Before each message: its length. */
const PREFIX = 2;

export function openStream(host: string, port: number): Stream {
  const connections = new Set<Stream>();
  /** The one for the next query. */
  let current: Stream | null = null;
  let closed = false;

  function open(): Stream {
    const pending = createPending(() => {
      if (pending.size === 0) close();
    });
    const socket = connect({ host, port, noDelay: true });
    let rest: Buffer = Buffer.alloc(0);

    function retire(): void {
      if (current === connection) current = null;
    }

    function close(): void {
      if (!connections.delete(connection)) return;
      retire();
      socket.destroy();
      pending.endAll();
    }

    function ask(name: string, type: QueryType): Promise<Answer | null> {
      return pending.ask(name, type, (query) => {
        const prefix = Buffer.alloc(PREFIX);
        prefix.writeUInt16BE(query.length);
        socket.write(Buffer.concat([prefix, query]));
      });
    }

    const connection = { ask, close };
    connections.add(connection);
    socket.on('error', close);
    socket.on('close', close);
    // It closes: nothing new is sent to it.
    socket.on('end', retire);
    socket.on('data', (more) => {
      rest = rest.length === 0 ? more : Buffer.concat([rest, more]);
      while (rest.length >= PREFIX) {
        const end = PREFIX + rest.readUInt16BE(0);
        if (rest.length < end) break;
        pending.take(rest.subarray(PREFIX, end));
        rest = rest.subarray(end);
      }
    });
    return connection;
  }

  return {
    ask(name, type) {
      if (closed) return Promise.resolve(null);
      current ??= open();
      return current.ask(name, type);
    },
    close() {
      closed = true;
      for (const connection of connections) connection.close();
    },
  };
}
