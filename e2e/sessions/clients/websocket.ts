// WebSocket: Python's `websockets` on both sides, without its default pings every 20 s.
import { freePort } from '../../../lib/testing/ports.ts';
import { lacking, serve, workFolder } from '../../../lib/testing/program.ts';
import { asking, type Kind, type Server } from '../kind.ts';
import { PYTHON, python, WEBSOCKETS } from './python.ts';

const SERVER = `
import asyncio, sys, websockets
async def echo(socket):
    async for message in socket:
        await socket.send(f'{message} {socket.remote_address[1]}')
async def main():
    async with websockets.serve(echo, '127.0.0.1', int(sys.argv[1]), ping_interval=None):
        await asyncio.Future()
asyncio.run(main())
`;
const CLIENT = `
import asyncio, sys, websockets
async def main():
    async with websockets.connect('ws://127.0.0.1:' + sys.argv[1], ping_interval=None) as socket:
        while line := await asyncio.to_thread(sys.stdin.readline):
            await socket.send(line.strip())
            print(await socket.recv())
asyncio.run(main())
`;

const websocket: Server = {
  name: 'websocket',
  lacks: lacking(PYTHON, WEBSOCKETS),
  async start(owner) {
    const port = await freePort();
    await serve(owner, PYTHON, ['-c', SERVER, String(port)], { port, cwd: workFolder(owner) });
    return { port, folder: '' };
  },
};

export const websocketClient: Kind = {
  name: 'a WebSocket without pings',
  server: websocket,
  lacks: null,
  connections: 1,
  open: ({ owner, through }) => asking(python(owner, CLIENT, String(through)), 'hello', /hello (\d+)\n/),
};
