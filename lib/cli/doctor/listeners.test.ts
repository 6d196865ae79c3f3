import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { capturedIo } from '../../testing/captured-io.ts';
import { ownHome } from '../../testing/own-home.ts';
import { run } from '../program.ts';

const linuxOnly = { skip: process.platform !== 'linux' && 'needs /proc' };

async function listening(t: TestContext): Promise<number> {
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Calls `note` before each time this process reads `path`. */
function noteReads(t: TestContext, path: string, note: () => void): void {
  const { readFileSync } = fs;
  const noting = (...args: Parameters<typeof readFileSync>): ReturnType<typeof readFileSync> => {
    if (args[0] === path) note();
    return readFileSync(...args);
  };
  const mock = t.mock.method(fs, 'readFileSync', noting);
  syncBuiltinESMExports();
  t.after(() => {
    mock.mock.restore();
    syncBuiltinESMExports();
  });
}

function openTcpSockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind.startsWith('TCPSocket')).length;
}

test(
  "the kernel's sockets are read once for all services, and never while a backend has to answer in time",
  linuxOnly,
  async (t) => {
    const [one, two, backend] = [await listening(t), await listening(t), await listening(t)];
    const backends = [{ host: '127.0.0.1', port: backend }];
    const services = { one: { port: one, backends }, two: { port: two, backends } };
    fs.writeFileSync(join(ownHome(t), 'config.yaml'), JSON.stringify({ bind_address: '127.0.0.1', services }));
    const connecting: number[] = [];
    noteReads(t, '/proc/net/tcp', () => connecting.push(openTcpSockets()));
    const io = capturedIo();
    await run(['doctor'], io);
    assert.deepEqual(connecting, [0]);
    for (const port of [one, two]) {
      assert.ok(
        io.stdout.some(
          (line) => line.includes(`127.0.0.1:${port} is in use by`) && line.includes(`PID ${process.pid}`),
        ),
      );
    }
  },
);
