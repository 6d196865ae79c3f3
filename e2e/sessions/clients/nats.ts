// NATS. Debian has no client; the protocol is lines of text, which this file implements.
import { connectTo } from '../../harness/client.ts';
import { freePort } from '../../../lib/testing/ports.ts';
import { lacking, serve, workFolder } from '../../../lib/testing/program.ts';
import { words } from '../../../lib/testing/shape.ts';
import { until } from '../../../lib/testing/until.ts';
import type { Kind, Server } from '../kind.ts';

const nats: Server = {
  name: 'nats',
  lacks: lacking('nats-server'),
  async start(owner) {
    const port = await freePort();
    await serve(owner, 'nats-server', words(`-a 127.0.0.1 -p ${port}`), { port, cwd: workFolder(owner) });
    return { port, folder: '' };
  },
};

/** The server sends a PING every two minutes. */
export const natsClient: Kind = {
  name: 'a NATS client',
  server: nats,
  lacks: null,
  connections: 1,
  async open({ owner, through }) {
    const client = await connectTo(owner, through);
    const lines = { pongs: 0, rest: '' };
    client.socket.on('data', (chunk: Buffer) => {
      const all = (lines.rest + chunk.toString()).split('\r\n');
      lines.rest = all.pop() ?? '';
      for (const line of all) {
        if (line === 'PONG') lines.pongs++;
        if (line === 'PING') void client.send('PONG\r\n');
      }
    });
    const works = async (): Promise<void> => {
      const wanted = lines.pongs + 1;
      await client.send('PING\r\n');
      await until('the server answers', () => lines.pongs >= wanted);
    };
    await client.send('CONNECT {"verbose":false}\r\n');
    await works();
    return { works };
  },
};
