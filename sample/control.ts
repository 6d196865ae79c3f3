// Controls a sample backend while it runs: lines on stdin for programs, HTTP for people.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createInterface } from 'node:readline';
import { behaviourWords, describe } from './behaviour.ts';
import type { Backend } from './listener.ts';

/** POST /stall, /slow/200, … changes the behaviour; GET returns it. On loopback only: anybody on the machine may use it. */
export async function controlByHttp(backend: Backend, port: number): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume();
    const reply = async (): Promise<void> => {
      const understood = request.method !== 'POST' || (await backend.conduct.say(request.url ?? ''));
      response.writeHead(understood ? 200 : 400, { 'Content-Type': 'application/json' });
      response.end(`${JSON.stringify(understood ? report(backend) : refusal(request.url ?? ''))}\n`);
    };
    reply().catch((error: unknown) => response.writeHead(500).end(`${String(error)}\n`));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** Answers each line `stall`, `slow 200`, … with one JSON line once the behaviour is in effect. */
export function controlByLines(backend: Backend, input: NodeJS.ReadableStream, print: (value: object) => void): void {
  const obey = async (line: string): Promise<void> => {
    print((await backend.conduct.say(line)) ? report(backend) : refusal(line));
  };
  let queue = Promise.resolve();
  createInterface({ input }).on('line', (line) => {
    // One after the other, so that `refuse` and `serve` in one write do not overtake each other.
    queue = queue.then(() => obey(line)).catch((error: unknown) => print({ error: String(error) }));
  });
}

function report(backend: Backend): object {
  return { behaviour: describe(backend.conduct.now), count: backend.count, open: backend.open };
}

function refusal(words: string): object {
  return { error: `unknown behaviour ${JSON.stringify(words)}; one of: ${behaviourWords}` };
}
