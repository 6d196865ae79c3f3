// Access by client address: a denied client is refused at once, before anything else, and is counted, recorded and logged. A
// reload changes the lists.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { atEnd, type Owner } from '../lib/testing/owner.ts';
import { freePort } from '../lib/testing/ports.ts';

/** What a client from `localAddress` receives, or the code of its error. */
async function from(t: Owner, localAddress: string, port: number): Promise<string> {
  const socket: Socket = connect({ port, host: '127.0.0.1', localAddress });
  atEnd(t, () => socket.destroy());
  let got = '';
  socket.on('data', (chunk: Buffer) => (got += chunk.toString()));
  const failed = new Promise<string>((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
  });
  return Promise.race([failed, once(socket, 'end').then(() => got)]);
}

forEachEngine('who may not come is reset, counted and told, and a reload changes who that is', async (t, engine) => {
  const a = await backend(t, named('a'));
  const port = await freePort();
  const config = (deny: string[]) =>
    configFor(port, [a], {
      health_check: { type: 'none' },
      access: { allow: ['127.0.0.0/24', 'fd00::/8'], deny },
      // Denied clients take no permit: the only one stays free.
      runtime: { max_concurrent_connections: 1 },
    });
  const bal = await startBal(t, { engine, config: config(['127.0.0.2']) });
  for (const denied of ['127.0.0.2', '127.0.1.1', '127.0.0.2']) assert.equal(await from(t, denied, port), 'ECONNRESET');
  assert.equal(a.accepted, 0, 'no backend saw them');
  assert.equal(await from(t, '127.0.0.3', port), 'a');

  const { totals, services } = await bal.statusWhen(
    'all are counted',
    ({ totals: now }) => now?.rejected_total === 3 && now.connections_total === 1,
  );
  assert.equal(totals?.failed_total, 0);
  assert.equal(services[0]?.ends?.['access_denied'], 3);
  const reported = await bal.logged('client.access_denied');
  assert.equal(reported.level, 'WARN');
  const record = await bal.logged('connection.ended', ({ fields }) => fields['reason'] === 'access_denied');
  assert.match(String(record.fields['client']), /^127\.0\.(0\.2|1\.1):\d+$/);
  assert.equal(record.fields['backend'], null);
  const why = await bal.cli('why');
  assert.equal(why.code, 0, 'nothing is wrong');
  assert.match(why.stdout, /access_denied 3/);

  bal.configure(config(['127.0.0.3/32']));
  const { code, verdict } = await bal.graceful();
  assert.equal(code, 0);
  assert.deepEqual(verdict.changed, [{ what: 'default.access.deny', from: '127.0.0.2', to: '127.0.0.3/32' }]);
  assert.equal(await from(t, '127.0.0.2', port), 'a');
  assert.equal(await from(t, '127.0.0.3', port), 'ECONNRESET');
});
