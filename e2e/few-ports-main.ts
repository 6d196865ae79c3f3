// The part of evidence.test.ts inside its namespace, which has hardly any ports for outgoing connections: clients stay connected,
// each from its own address, until bal has no port left to reach its backend.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Why } from '../lib/control/why.ts';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { ENGINES } from './harness/engines.ts';
import { atEnd } from '../lib/testing/owner.ts';
import { freePort } from '../lib/testing/ports.ts';
import { until } from '../lib/testing/until.ts';
import { owned } from './soak/owned.ts';

export interface FewPorts {
  readonly refused: number;
  /** Exit code of `bal why`. */
  readonly code: number | null;
  readonly why: Why;
  /** The field of a refused client's record. */
  readonly tried: unknown;
}

const PORTS = 16;
const CLIENTS = 45;
const engine = ENGINES.find((name) => name === process.argv[2]);
assert.ok(engine !== undefined);

await owned(async (t) => {
  const a = await backend(t, echo);
  const port = await freePort();
  const runtime = { health_check_interval_ms: 60_000 };
  const config = configFor(port, [a], { workers: 1, log_connections: 'failed', runtime });
  const bal = await startBal(t, { engine, config });
  await bal.checked();
  const { status, stderr } = spawnSync('sysctl', ['-qw', `net.ipv4.ip_local_port_range=61000 ${61_000 + PORTS - 1}`]);
  assert.equal(status, 0, stderr.toString());

  let [served, refused, clients] = [0, 0, 0];
  const come = async (): Promise<void> => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: `127.0.1.${1 + (clients++ % 250)}` });
    atEnd(t, () => socket.destroy());
    const over = new Promise<'reset'>((resolve) => socket.on('error', () => resolve('reset')));
    socket.write('x');
    const what = await Promise.race([once(socket, 'data').then(() => 'served'), over]);
    if (what === 'served') served++;
    else refused++;
  };
  while (clients < CLIENTS) await come();
  assert.ok(served > 0 && served <= PORTS, `${served} served`);
  const { fields } = await bal.logged('connection.ended', ({ fields: { reason } }) => reason === 'connect_failed');
  // The failures must be recent, however slow the machine is.
  const { code, why } = await until(
    'why tells that clients fail',
    async () => {
      for (let i = 0; i < 5; i++) await come();
      await bal.statusWhen('all are counted', ({ services }) => services[0]?.ends?.['connect_failed'] === refused);
      const { code, stdout } = await bal.cli('why', '--json');
      const why: Why = JSON.parse(stdout);
      return why.services[0]?.recent.failing === true && { code, why };
    },
    { withinMs: 60_000 },
  );
  const said: FewPorts = { refused, code, why, tried: fields['tried'] };
  process.stdout.write(JSON.stringify(said));
});
