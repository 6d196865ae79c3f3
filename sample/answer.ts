// The two protocols of a sample backend: HTTP/1.1 (a line that tells who answered) and echo (every byte comes back).
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Conduct } from './conduct.ts';

export type Protocol = 'http' | 'echo';

/** Takes a connection over; called once for each. */
export type Answer = (socket: Socket) => void;

/** One line per request: name, own address, which request this is, and who bal looks like from here. */
export function answerHttp(name: string, conduct: Conduct, counted: () => number): Answer {
  const web = createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, (request, response) => {
    const { socket } = request;
    request.resume();
    const reply = async (): Promise<void> => {
      const count = counted();
      await hesitate(conduct);
      const own = `${socket.localAddress}:${socket.localPort}`;
      const body = `${name} at ${own}, request ${count}, from ${socket.remoteAddress}:${socket.remotePort}\n`;
      response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': body.length, 'X-Backend': name });
      const last = conduct.now.kind === 'half-close';
      response.end(body, () => {
        if (last) socket.end();
      });
    };
    void reply();
  });
  return (socket) => void web.emit('connection', socket);
}

/** Sends back what comes, in order; ends when the client has ended and everything is back. */
export function answerEcho(conduct: Conduct, counted: () => number): Answer {
  const echo = async (socket: Socket): Promise<void> => {
    counted();
    let ended = false;
    // The iterator would destroy the socket at the client's end, and with it what is not yet sent back.
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      if (ended) continue;
      await hesitate(conduct);
      if (!socket.write(chunk)) await once(socket, 'drain');
      ended = conduct.now.kind === 'half-close';
      if (ended) socket.end();
    }
    if (!ended) socket.end();
  };
  // A reset from the client ends the loop with an error; there is nobody left to tell.
  return (socket) => void echo(socket).catch(() => socket.destroy());
}

async function hesitate(conduct: Conduct): Promise<void> {
  await conduct.released();
  if (conduct.now.kind === 'slow') await delay(conduct.now.ms);
}
