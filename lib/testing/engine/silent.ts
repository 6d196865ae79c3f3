// A backend that never answers a connect: a process that listens with the smallest backlog and then sleeps. The backlog
// is filled, so the kernel drops every further SYN.

import { spawn } from 'node:child_process';
import net from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from './wait.ts';

const LISTEN_AND_SLEEP = `
  const server = require('node:net').createServer();
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    require('node:fs').writeSync(1, server.address().port + '\\n');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });`;

/** A port on 127.0.0.1 where connecting neither succeeds nor fails until the test is over. */
export async function silentPort(t: TestContext): Promise<number> {
  const child = spawn(process.execPath, ['-e', LISTEN_AND_SLEEP], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  await until(() => printed.endsWith('\n'), 'the silent backend listens');
  const port = Number(printed);
  // The backlog takes one or two more than asked for. Fill it one at a time until a connect hangs.
  for (let filled = 0; filled < 20; filled++) {
    const socket = net.connect(port, '127.0.0.1');
    t.after(() => socket.destroy());
    socket.on('error', () => undefined);
    for (let waited = 0; waited < 10 && socket.connecting; waited++) await sleep(15);
    if (socket.connecting) return port;
  }
  throw new Error('Cannot fill the queue of a listener: every connect succeeded');
}
