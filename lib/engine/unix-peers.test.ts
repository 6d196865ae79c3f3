// Clients at a Unix socket, and peers at one that send descriptors along. On Linux a read stops behind a message with
// descriptors, although more bytes are in the queue. Node cannot send descriptors, so Python does.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { linkSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { hold } from '../testing/engine/engines.ts';
import { backend, client, echo, Peer } from '../testing/engine/peer.ts';
import { LISTENER, rig } from '../testing/engine/rig.ts';
import type { Rig } from '../testing/engine/rig.ts';
import { lacking } from '../testing/program.ts';
import { INSPECT, MORE } from './engine.ts';
import { bindPipe } from './handles.ts';

/** Sends `a` with a descriptor, then `b`; waits for a byte if it is not to end; then sends `c` likewise, `d`, and FIN. */
const TALK = `
import os, socket, sys
def talk(peer, waits):
    fds = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, (0).to_bytes(4, sys.byteorder))]
    if waits:
        peer.sendmsg([b"a"], fds)
        peer.send(b"b")
        peer.recv(1)
    peer.sendmsg([b"c"], fds)
    peer.send(b"d")
    peer.shutdown(socket.SHUT_WR)
    while peer.recv(1): pass
_, how, path, waits = sys.argv
s = socket.socket(socket.AF_UNIX)
if how == "connect":
    s.connect(path)
else:
    s.bind(path)
    s.listen()
    print("listens", flush=True)
    s, _ = s.accept()
talk(s, waits == "waits")
`;

const skip = lacking('python3') ?? false;

function somewhere(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'bal-unix-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'app.sock');
}

function listen({ engine }: Rig, path: string, settings = LISTENER): void {
  const bound = bindPipe(`${path}.bound`);
  assert.ok(bound.ok);
  linkSync(`${path}.bound`, path); // libuv removes its own name when the engine closes the handle
  engine.listen(0, bound.handle, settings);
}

async function talker(t: TestContext, how: 'connect' | 'listen', path: string, waits: boolean): Promise<void> {
  const child = spawn('python3', ['-c', TALK, how, path, waits ? 'waits' : ''], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  if (how === 'listen') await once(child.stdout, 'data');
}

hold({
  'unix peers': (create) => {
    test('the first bytes of a Unix client can be taken', async (t) => {
      const it = rig(t, create, {
        accepted: () => INSPECT,
        inspected: (connection, bytes) => {
          if (bytes.length < 10) return MORE;
          it.engine.take(connection, 6);
          return 0;
        },
      });
      const path = somewhere(t);
      listen(it, path, { ...LISTENER, inspect: { bytes: 1024, ms: 60_000 } });
      const { port } = await backend(t, echo);
      it.engine.route(0, 0, '127.0.0.1', port);
      const socket = connect({ path, allowHalfOpen: true });
      t.after(() => socket.destroy());
      const peer = new Peer(socket).send('PROXY data');
      assert.equal(await peer.bytes(4), 'data');
      peer.end();
      assert.equal(await it.end(), 'client_closed');
      assert.equal(it.ended[0]?.bytesIn, 4);
    });

    for (const waits of [true, false]) {
      const when = waits ? 'and goes on' : 'and ends';
      test(`a Unix client that sends descriptors ${when} is heard whole`, { skip }, async (t) => {
        const it = rig(t, create);
        const path = somewhere(t);
        listen(it, path);
        const { port, peer } = await backend(t);
        it.engine.route(0, 0, '127.0.0.1', port);
        await talker(t, 'connect', path, waits);
        const served = await peer();
        if (waits) {
          await served.bytes(2);
          served.send('.');
        }
        assert.equal(await served.finish(), 'end');
        assert.equal(served.text, waits ? 'abcd' : 'cd');
        served.end();
        assert.equal(await it.end(), 'client_closed');
      });

      test(`a Unix backend that sends descriptors ${when} is heard whole`, { skip }, async (t) => {
        const it = rig(t, create);
        const path = somewhere(t);
        await talker(t, 'listen', path, waits);
        it.engine.route(0, 0, path, 0);
        const peer = await client(t, it.listen());
        if (waits) {
          await peer.bytes(2);
          peer.send('.');
        }
        assert.equal(await peer.finish(), 'end');
        assert.equal(peer.text, waits ? 'abcd' : 'cd');
        peer.end();
        assert.equal(await it.end(), 'backend_closed');
      });
    }
  },
});
