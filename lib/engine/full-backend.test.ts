// A backend that does not take the client's first bytes, of a client that has ended within its inspection. Node cannot
// make the buffers between them small, so the backend is Python's.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { hold } from '../testing/engine/engines.ts';
import { client } from '../testing/engine/peer.ts';
import type { Peer } from '../testing/engine/peer.ts';
import { rig } from '../testing/engine/rig.ts';
import type { Rig } from '../testing/engine/rig.ts';
import { until } from '../testing/engine/wait.ts';
import { lacking } from '../testing/program.ts';
import { FIRST_BYTES_AT_MOST, INSPECT, MORE } from './engine.ts';

/** Small segments make the engine's send buffer small too: about 40 KB. Reads only after its FIN, which a line asks for. */
const BACKEND = `
import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 88)
s.bind(("127.0.0.1", 0))
s.listen()
print(s.getsockname()[1], flush=True)
peer, _ = s.accept()
if sys.stdin.readline():
    peer.shutdown(socket.SHUT_WR)
    count = 0
    while got := peer.recv(65536): count += len(got)
    print(count, flush=True)
`;

const skip = lacking('python3') ?? false;
const SENT = 30_000;

interface Scene {
  readonly it: Rig;
  readonly peer: Peer;
  /** Makes the backend send its FIN and read everything. Returns the number of bytes. */
  readonly readAll: () => Promise<number>;
}

hold({
  'full backend': (create) => {
    async function scene(t: TestContext): Promise<Scene> {
      const it = rig(t, create, {
        accepted: () => INSPECT,
        inspected: (_connection, _bytes, inspection) => (inspection === 'ended' ? 0 : MORE),
        preamble: () => Buffer.alloc(FIRST_BYTES_AT_MOST),
      });
      const server = spawn('python3', ['-c', BACKEND], { stdio: ['pipe', 'pipe', 'inherit'] });
      t.after(() => server.kill('SIGKILL'));
      const told = async (): Promise<number> => Number((await once(server.stdout, 'data'))[0]);
      const port = await told();
      const at = it.listen(0, { preamble: true, inspect: { bytes: FIRST_BYTES_AT_MOST, ms: 60_000 } });
      it.engine.route(0, 0, '127.0.0.1', port);
      const peer = (await client(t, at)).send(Buffer.alloc(SENT)).end();
      await until(() => it.connected.length > 0, 'it is connected');
      const readAll = async (): Promise<number> => {
        server.stdin.write('\n');
        return told();
      };
      return { it, peer, readAll };
    }

    test('when it is cut nothing stays open', { skip }, async (t) => {
      const open = (): number => readdirSync('/proc/self/fd').length;
      const { it, peer } = await scene(t);
      const before = open();
      assert.equal(it.engine.cut({ target: 0 }), 1);
      await peer.finish();
      await until(() => open() <= before - 3, 'both sockets of the engine, and the client, are closed');
    });

    test('when the backend ends first it still gets everything', { skip }, async (t) => {
      const { it, peer, readAll } = await scene(t);
      await sleep(20); // Gives the engine time to fill the buffers.
      assert.equal(await readAll(), FIRST_BYTES_AT_MOST + SENT);
      assert.equal(await peer.finish(), 'end');
      const [ended] = await it.ends(1);
      assert.deepEqual([ended?.end, ended?.bytesIn], ['client_closed', SENT]);
    });
  },
});
