// Tests that need a process of their own around the engine: see child.ts.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Report } from './child.ts';
import type { CreateEngine } from '../../engine/engine.ts';
import type { EngineName } from './engines.ts';
import { backend, client, echo, Peer } from './peer.ts';
import { within } from './wait.ts';

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url));
const DESCRIPTORS = 64;
const LIMITED = ['sh', '-c', `ulimit -n ${DESCRIPTORS}; exec "$@"`, 'sh'];
// A network with just a loopback interface, in which every connect comes from port 40000.
const ONE_PORT = `ip link set lo up && echo "40000 40000" > /proc/sys/net/ipv4/ip_local_port_range && exec "$@"`;
const ALONE = ['unshare', '-rn', 'sh', '-c', ONE_PORT, 'sh'];

function start(t: TestContext, wrapper: readonly string[], args: readonly string[]): ChildProcess {
  const [command = process.execPath, ...rest] = [...wrapper, process.execPath, CHILD, ...args];
  const child = spawn(command, rest, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

async function report(child: ChildProcess): Promise<Report> {
  const answer = once(child, 'message');
  child.send('report');
  const [value]: Report[] = await within(answer, 'the process with the engine answers');
  if (value === undefined) throw new Error('Cannot happen: a message without a value');
  return value;
}

/** Requests reports until the claim holds. */
async function reportOnce(child: ChildProcess, what: string, claim: (report: Report) => boolean): Promise<Report> {
  for (const deadline = performance.now() + 10_000; ;) {
    const answer = await report(child);
    if (claim(answer)) return answer;
    if (performance.now() > deadline) throw new Error(`Gave up waiting: ${what}; have ${JSON.stringify(answer)}`);
    await sleep(20);
  }
}

export function processTests(_: CreateEngine, name: EngineName): void {
  test('out of descriptors, the engine neither spins nor breaks, and recovers', async (t) => {
    const { port } = await backend(t, echo);
    const child = start(t, LIMITED, [name, '0', String(port)]);
    const at = (await report(child)).port;
    const peers: Peer[] = [];
    for (let i = 0; i < 2 * DESCRIPTORS; i++) {
      const peer = new Peer(net.connect(at, '127.0.0.1'));
      t.after(() => peer.socket.destroy());
      peers.push(peer.send('.'));
    }
    const full = await reportOnce(child, 'all descriptors are taken', ({ active }) => active >= DESCRIPTORS / 4);
    assert.ok(full.active < DESCRIPTORS / 2, 'two descriptors for each connection');
    const before = (await report(child)).cpuMs;
    await sleep(500);
    const spent = (await report(child)).cpuMs - before;
    assert.ok(spent < 250, `${spent} ms of CPU in half a second`);
    assert.deepEqual(new Set([...full.failures, 'local']), new Set(['local']));
    for (const peer of peers) peer.socket.destroy();
    await reportOnce(child, 'all have ended', ({ active }) => active === 0);
    const late = await client(t, at);
    assert.equal(await late.send('works again').bytes(11), 'works again');
  });

  const alone = spawnSync(ALONE[0] ?? '', [...ALONE.slice(1), 'true']).status === 0;
  const skip = alone ? false : 'no right to make a network namespace here';
  test('a connect that meets itself counts as refused', { skip }, async (t) => {
    const child = start(t, ALONE, [name, '30000', '40000']);
    await report(child);
    const visitor = `require('node:net').connect(30000, '127.0.0.1').on('error', () => process.exit())`;
    const inside = ['-t', String(child.pid), '-U', '-n', '--preserve-credentials'];
    const visit = spawnSync('nsenter', [...inside, process.execPath, '-e', visitor], { timeout: 10_000 });
    assert.equal(visit.status, 0, String(visit.stderr));
    const { failures, ends, active } = await reportOnce(child, 'it has ended', (answer) => answer.ends.length > 0);
    assert.deepEqual({ failures, ends, active }, { failures: ['refused'], ends: ['refused'], active: 0 });
  });
}
