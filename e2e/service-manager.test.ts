// Notification of a service manager by datagrams (systemd's Type=notify): ready, status, watchdog, reload, new main process,
// stopping.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { atEnd } from '../lib/testing/owner.ts';
import { freePort } from '../lib/testing/ports.ts';
import { lacking, workFolder } from '../lib/testing/program.ts';
import { until } from '../lib/testing/until.ts';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { forEngine } from './harness/engines.ts';
import { gone } from './harness/processes.ts';
import { lives, session } from './harness/session.ts';

/** Node has no Unix datagram sockets; prints each datagram as a line of JSON. */
const LISTENER = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('"listening"', flush=True)
while True:
    print(json.dumps(s.recv(65536).decode()), flush=True)
`;

forEngine(
  'native',
  'a service manager hears all that it wants to know, and follows an upgrade',
  async (t, engine) => {
    const path = join(workFolder(t), 'notify');
    const listener = spawn('python3', ['-c', LISTENER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    atEnd(t, () => void listener.kill('SIGKILL'));
    const received: string[] = [];
    const lines = createInterface(listener.stdout);
    lines.on('line', (line) => void received.push(String(JSON.parse(line))));
    await once(lines, 'line');
    const receives = (what: string): Promise<unknown> =>
      until(`it hears ${what}`, () => received.some((text) => text.split('\n').includes(what)));

    const a = await backend(t, echo);
    const port = await freePort();
    const env = { NOTIFY_SOCKET: path, WATCHDOG_USEC: '200000' };
    const bal = await startBal(t, { engine, config: configFor(port, [a], { workers: 1 }), env });
    await receives(`MAINPID=${bal.pid}`);
    await receives('STATUS=running: 1 of 1 backends up, 0 open, generation 1');
    await receives('WATCHDOG=1');
    const client = await session(t, port);
    assert.equal((await bal.graceful()).code, 0);
    const order = received.map((text) => text.split('\n')[0] ?? '').filter((text) => /^(READY|RELOADING)/.test(text));
    assert.deepEqual(order, ['READY=1', 'RELOADING=1', 'READY=1']);
    // Type=notify-reload waits after SIGHUP for a time not before the signal, then READY=1, whatever the outcome.
    for (const [config, status] of [
      ['rubbish: [', 'running: 1 of 1 backends up, 1 open, generation 2, the last reload was refused'],
      [configFor(port, [a], { workers: 1 }), 'running: 1 of 1 backends up, 1 open, generation 3'],
    ] as const) {
      bal.configure(config);
      received.length = 0;
      const before = process.hrtime.bigint() / 1000n;
      bal.signal('SIGHUP');
      await receives(`STATUS=${status}`);
      const said = received.filter((text) => /^(READY|RELOADING)/.test(text));
      assert.equal(said[1], 'READY=1');
      const usec = /^RELOADING=1\nMONOTONIC_USEC=(\d+)$/.exec(said[0] ?? '')?.[1] ?? '';
      assert.ok(BigInt(usec) >= before && BigInt(usec) <= process.hrtime.bigint() / 1000n, usec);
    }
    const { stdout } = await bal.cli('upgrade', '--json');
    const { pid }: { pid: number } = JSON.parse(stdout);
    await receives(`MAINPID=${pid}`);
    // The old process may exit: the service manager watches the new one.
    await gone(bal.pid);
    await lives(client);
    received.length = 0;
    await receives('WATCHDOG=1');
    client.end();
    await client.over;
    assert.equal((await bal.stop()).code, 0);
    await receives('STOPPING=1');
    await gone(pid);
  },
  lacking('python3'),
);
