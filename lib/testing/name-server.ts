// A name server of this process, over UDP and TCP, that answers as a test wants.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { freePort } from './ports.ts';

export interface Question {
  readonly by: 'udp' | 'tcp';
  readonly id: number;
  readonly name: string;
  readonly type: number;
  /** The port of the client. */
  readonly from: number;
}

/** The rest of an answer: flags, and address records. */
export interface Said {
  readonly flags?: number;
  readonly ips?: readonly string[];
  /** Only the header. */
  readonly isBare?: boolean;
}

export interface NameServer {
  readonly address: string;
  readonly asked: readonly Question[];
  /** The TCP connections that are open. */
  readonly connections: ReadonlySet<Socket>;
  /** Null: no answer. */
  says: (question: Question) => Said | null;
  readonly socket: ReturnType<typeof createSocket>;
}

/** `forge` turns an answer into the messages that are sent. */
export async function nameServer(t: TestContext, forge = (it: Buffer): readonly Buffer[] => [it]): Promise<NameServer> {
  const asked: Question[] = [];
  const connections = new Set<Socket>();
  const port = await freePort();

  function answers(query: Buffer, by: Question['by'], from: number): readonly Buffer[] {
    let end = 12;
    const labels: string[] = [];
    for (let size = query[end] ?? 0; size > 0; size = query[end] ?? 0) {
      labels.push(query.toString('latin1', end + 1, end + 1 + size));
      end += 1 + size;
    }
    const question = {
      by,
      id: query.readUInt16BE(0),
      name: labels.join('.'),
      type: query.readUInt16BE(end + 1),
      from,
    };
    asked.push(question);
    const said = it.says(question);
    if (said === null) return [];
    const { flags = 0x8180, ips = [], isBare = false } = said;
    const header = Buffer.alloc(12);
    [question.id, flags, isBare ? 0 : 1, ips.length].forEach((number, i) => header.writeUInt16BE(number, 2 * i));
    if (isBare) return [header];
    const records = ips.map((ip) =>
      Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 7, 0, 4, ...ip.split('.').map(Number)]),
    );
    return forge(Buffer.concat([header, query.subarray(12, end + 5), ...records]));
  }

  const socket = createSocket('udp4', (query, from) => {
    for (const answer of answers(query, 'udp', from.port)) socket.send(answer, from.port, from.address);
  });
  const server = createServer((connection) => {
    connections.add(connection);
    connection.on('close', () => connections.delete(connection));
    connection.on('error', () => undefined);
    let rest: Buffer = Buffer.alloc(0);
    connection.on('data', (more) => {
      rest = Buffer.concat([rest, more]);
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const end = 2 + rest.readUInt16BE(0);
        const query = rest.subarray(2, end);
        rest = rest.subarray(end);
        for (const answer of answers(query, 'tcp', connection.remotePort ?? 0)) {
          connection.write(Buffer.from([answer.length >> 8, answer.length & 255]));
          connection.write(answer);
        }
      }
    });
  });
  const it: NameServer = {
    address: `127.0.0.1:${port}`,
    asked,
    connections,
    says: ({ type }) => ({ ips: type === 1 ? ['10.0.0.1'] : [] }),
    socket,
  };
  socket.bind(port, '127.0.0.1');
  server.listen(port, '127.0.0.1');
  await Promise.all([once(socket, 'listening'), once(server, 'listening')]);
  t.after(async () => {
    for (const connection of connections) connection.destroy();
    server.close();
    await new Promise<void>((resolve) => socket.close(() => resolve())).catch(() => undefined);
  });
  return it;
}
