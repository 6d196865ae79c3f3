// Peers at Unix sockets that send descriptors along. On Linux a read stops behind a message with descriptors, although
// more bytes are in the queue. Node cannot send descriptors, so Python does.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { linkSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { hold } from '../testing/engine/engines.ts';
import { backend, client } from '../testing/engine/peer.ts';
import { LISTENER, rig } from '../testing/engine/rig.ts';
import { lacking } from '../testing/program.ts';
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

async function talker(t: TestContext, how: 'connect' | 'listen', path: string, waits: boolean): Promise<void> {
  const child = spawn('python3', ['-c', TALK, how, path, waits ? 'waits' : ''], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  if (how === 'listen') await once(child.stdout, 'data');
}

hold({
  descriptors: (create) => {
    for (const waits of [true, false]) {
      const when = waits ? 'and goes on' : 'and ends';
      test(`a Unix client that sends descriptors ${when} is heard whole`, { skip }, async (t) => {
        const it = rig(t, create);
        const path = somewhere(t);
        const bound = bindPipe(`${path}.bound`);
        assert.ok(bound.ok);
        linkSync(`${path}.bound`, path); // libuv removes its own name when the engine closes the handle
        const { port, peer } = await backend(t);
        it.engine.route(0, 0, '127.0.0.1', port);
        it.engine.listen(0, bound.handle, LISTENER);
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
