// Connections that stay with the old process after `bal upgrade` (js engine: none can move): whoever acts on the new one reaches them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Status } from '../lib/control/protocol.ts';
import type { UpgradeVerdict } from '../lib/control/upgrade.ts';
import type { Owner } from '../lib/testing/owner.ts';
import { atEnd } from '../lib/testing/owner.ts';
import { freePort } from '../lib/testing/ports.ts';
import { within } from '../lib/testing/until.ts';
import { type Bal, startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import type { Client } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEngine } from './harness/engines.ts';
import { gone } from './harness/processes.ts';
import { session } from './harness/session.ts';

async function upgrade(bal: Bal): Promise<UpgradeVerdict> {
  const { code, stdout, stderr } = await bal.cli('upgrade', '--json');
  assert.deepEqual([code, stderr], [0, '']);
  const verdict: UpgradeVerdict = JSON.parse(stdout);
  return verdict;
}

interface Scene {
  readonly bal: Bal;
  /** Its connection stays with the old process. */
  readonly client: Client;
  readonly verdict: UpgradeVerdict;
}

/** An upgraded bal whose old process has one client. An idle connection to the old control socket delays its end. */
async function upgraded(t: Owner, daemon: boolean): Promise<Scene> {
  const [a, port] = [await backend(t, echo), await freePort()];
  const runtime = { drain_timeout_ms: 500 };
  const bal = await startBal(t, { engine: 'js', daemon, config: configFor(port, [a], { workers: 1, runtime }) });
  const client = await session(t, port);
  const idle = connect({ path: bal.home.socket });
  atEnd(t, () => idle.destroy());
  await once(idle, 'connect');
  const verdict = await upgrade(bal);
  assert.equal(verdict.draining?.connections, 1);
  return { bal, client, verdict };
}

forEngine('js', 'a stop right after an upgrade reaches the connections left in the old process', async (t) => {
  const { bal, client, verdict } = await upgraded(t, true);
  process.kill(verdict.pid, 'SIGTERM');
  await within('both processes are gone', Promise.all([gone(verdict.pid), gone(bal.pid)]), 20_000);
  await client.over;
  assert.equal((await bal.logged('bal.stopped')).fields['cut'], 1);
});

forEngine('js', 'in the foreground, SIGTERM right after an upgrade ends both processes', async (t) => {
  const { bal, client, verdict } = await upgraded(t, false);
  bal.signal('SIGTERM');
  assert.equal(await within('the first process is gone', bal.exited), 0);
  await gone(verdict.pid);
  await client.over;
});

forEngine(
  'js',
  'what is done to a backend reaches the connections left in old processes, and they are counted',
  async (t) => {
    const [a, b, c, d] = [
      await backend(t, echo),
      await backend(t, echo),
      await backend(t, echo),
      await backend(t, echo),
    ];
    const [port, other] = [await freePort(), await freePort()];
    const bal = await startBal(t, {
      engine: 'js',
      daemon: true,
      config: configFor(port, [a, b, d], {
        workers: 1,
        services: {
          db: { port },
          cut: { port: other, backends: [{ host: c.host, port: c.port }], runtime: { on_backend_down: 'reset' } },
        },
      }),
    });
    const clients = [await session(t, port), await session(t, port), await session(t, port), await session(t, other)];
    await upgrade(bal);
    // Requests pass through a second old process, which has no connections itself.
    const { pid, draining } = await upgrade(bal);
    assert.equal(draining?.connections, 4);
    const loads = (status: Status): string =>
      status.services.flatMap(({ backends }) => backends.map((it) => it.active_connections)).join(' ');
    await bal.statusWhen('each backend has the connection that was left', (status) => loads(status) === '1 1 1 1');
    assert.equal((await bal.cli('backend', 'remove', d.address)).code, 0);
    for (const socket of d.live) socket.resetAndDestroy();
    await bal.statusWhen('a removed backend is forgotten with its last connection', (now) => loads(now) === '1 1 1');
    const { stdout } = await bal.cli('backend', 'reset', a.address, '--json');
    assert.equal(JSON.parse(stdout).cut, 1);
    assert.equal((await bal.cli('backend', 'drain', b.address, '--timeout', '1ms')).code, 0);
    await c.refuse();
    await Promise.all(clients.map((client) => client.over));
    for (const [address, why] of [
      [a.address, 'reset'],
      [b.address, 'drain_timeout'],
      [c.address, 'down'],
    ]) {
      const { fields } = await bal.logged('backend.reset', (it) => it.fields['backend'] === address);
      assert.deepEqual([fields['why'], fields['cut']], [why, 1]);
    }
    const status = await bal.statusWhen('no backend has one', (now) => loads(now) === '0 0 0');
    assert.equal(status.pid, pid);
  },
);
