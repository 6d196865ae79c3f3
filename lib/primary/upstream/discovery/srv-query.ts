// Queries a name server for SRV records and their TTL with one datagram. Returns null if no plain answer comes in time; the
// caller falls back to Node.js then, which retries, asks other servers, and uses TCP.

import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';

import { splitAddress } from '../../../../config/host.ts';
import type { ServiceAnswer } from './dns.ts';
import { srvAnswer, srvQuestion } from './srv-message.ts';

const PATIENCE_MS = 1000;
const PORT = 53;

/** `server` is an address with or without a port. While the query runs, `open` contains a function that ends it. Never rejects. */
export function askForServices(name: string, server: string, open: Set<() => void>): Promise<ServiceAnswer | null> {
  const question = srvQuestion(name, randomInt(65_536));
  if (question === null) return Promise.resolve(null);
  const { host, port } = splitAddress(server) ?? { host: server.replace(/^\[|\]$/g, ''), port: PORT };
  return new Promise((resolve) => {
    // Use a new socket per query, so that its port is random.
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    const end = (answer: ServiceAnswer | null): void => {
      if (!open.delete(giveUp)) return;
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const giveUp = (): void => end(null);
    const timer = setTimeout(giveUp, PATIENCE_MS);
    open.add(giveUp);
    socket.on('error', giveUp);
    socket.on('message', (message) => {
      const answer = srvAnswer(message, question);
      if (answer === 'foreign') return;
      end(answer === 'unclear' ? null : { records: answer.records, ttlMs: answer.ttlSeconds * 1000 });
    });
    // Connect, so that only this server's datagrams arrive, and a closed port is reported at once.
    // A connect that fails is reported to its callback only, which the types of Node.js do not show.
    socket.connect(port, host, (error?: Error) => {
      if (error !== undefined && error !== null) giveUp();
      else if (open.has(giveUp)) socket.send(question);
    });
  });
}
