// The two protocols of a sample backend: HTTP/1.1 (a line that says who answered) and echo (every byte comes back).
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Conduct } from './conduct.ts';

export type Protocol = 'http' | 'echo';

/** Takes over a connection. Called once per connection. */
export type Answer = (socket: Socket) => void;

/** Answers each request with one line: name, own address, request number, and bal's address as seen from here. */
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

/** Sends everything back in order. Ends when the client has ended and everything is sent. */
export function answerEcho(conduct: Conduct, counted: () => number): Answer {
  const echo = async (socket: Socket): Promise<void> => {
    counted();
    let ended = false;
    // The iterator would destroy the socket when the client ends, and lose what has not been sent back yet.
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      if (ended) continue;
      await hesitate(conduct);
      if (!socket.write(chunk)) await once(socket, 'drain');
      ended = conduct.now.kind === 'half-close';
      if (ended) socket.end();
    }
    if (!ended) socket.end();
  };
  // A reset by the client ends the loop with an error. Nobody is left to answer.
  return (socket) => void echo(socket).catch(() => socket.destroy());
}

async function hesitate(conduct: Conduct): Promise<void> {
  await conduct.released();
  if (conduct.now.kind === 'slow') await delay(conduct.now.ms);
}
