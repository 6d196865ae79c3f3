// Asks a name server for SRV records and how long they live, by one datagram. Null where nothing plain comes back in time: then
// somebody else is to ask, who tries again, other servers, and TCP.

import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';

import { splitAddress } from '../../../../config/host.ts';
import type { ServiceAnswer } from './dns.ts';
import { srvAnswer, srvQuestion } from './srv-message.ts';

const PATIENCE_MS = 1000;
const PORT = 53;

/** `server`: an address, with or without a port. `open` has, as long as it is asked, what ends that. Never rejects. */
export function askForServices(name: string, server: string, open: Set<() => void>): Promise<ServiceAnswer | null> {
  const question = srvQuestion(name, randomInt(65_536));
  if (question === null) return Promise.resolve(null);
  const { host, port } = splitAddress(server) ?? { host: server.replace(/^\[|\]$/g, ''), port: PORT };
  return new Promise((resolve) => {
    // One of its own: the kernel draws a port that nobody can guess.
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
    // Connected, so that nobody else is heard, and a port where nobody listens is told at once.
    socket.connect(port, host, () => {
      if (open.has(giveUp)) socket.send(question);
    });
  });
}
