// iperf3, which has one connection for control and one for data.
import { freePort } from '../../../lib/testing/ports.ts';
import { lacking, serve, workFolder } from '../../../lib/testing/program.ts';
import { words } from '../../../lib/testing/shape.ts';
import { talkTo } from '../../harness/talk.ts';
import { type Kind, type Server, telling } from '../kind.ts';

const iperf: Server = {
  name: 'iperf',
  lacks: lacking('iperf3'),
  async start(owner) {
    const port = await freePort();
    await serve(owner, 'iperf3', words(`-s -B 127.0.0.1 -p ${port}`), { port, cwd: workFolder(owner) });
    return { port, folder: '' };
  },
  // It serves one client at a time.
  isForOne: true,
};

const PROGRESS = /sec +[1-9][\d.]* [KM]Bytes/;

export const iperfStream: Kind = {
  name: 'iperf3 at 8 Mbit/s',
  server: iperf,
  lacks: null,
  connections: 2,
  async open({ owner, through }) {
    const talk = talkTo(owner, 'iperf3', words(`-c 127.0.0.1 -p ${through} -t 600 -b 8M -i 1 --forceflush`));
    await talk.says(PROGRESS);
    return telling(talk, PROGRESS, /error/);
  },
};
