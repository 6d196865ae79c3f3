import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { parseConfig } from '../../../config/load.ts';
import { lookGently } from './look.ts';

test('of a name the first address that answers counts, as for a check', async (t) => {
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const { plan } = parseConfig(`backends: [{ host: both, port: ${port} }]`, '/config.yaml');
  const [service] = plan?.services ?? [];
  const [backend] = service?.backends ?? [];
  assert.ok(service !== undefined && backend !== undefined);
  const look = async (...ips: string[]) => await lookGently(ips, backend, service, 2000);
  const found = await look('127.0.0.2', '127.0.0.1');
  assert.ok(found.kind === 'connected' && found.ip === '127.0.0.1', JSON.stringify(found));
  assert.deepEqual(await look('127.0.0.2', '127.0.0.3'), { kind: 'failed', code: 'ECONNREFUSED' });
});

test('bal connects from all sources in turn, so a backend is good only if it is from each of them', async (t) => {
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const from = async (source: string) => {
    const { plan } = parseConfig(`backends: [{ host: both, port: ${port}, source: ${source} }]`, '/config.yaml');
    const [service] = plan?.services ?? [];
    const [backend] = service?.backends ?? [];
    assert.ok(service !== undefined && backend !== undefined);
    return lookGently(['127.0.0.1'], backend, service, 2000);
  };
  assert.equal((await from('[127.0.0.2, 127.0.0.3]')).kind, 'connected');
  // 192.0.2.1 is for documentation, so no machine has it.
  assert.deepEqual(await from('[127.0.0.2, 192.0.2.1]'), { kind: 'failed', code: 'EADDRNOTAVAIL' });
  assert.deepEqual(await from('["::1"]'), { kind: 'failed', code: 'EADDRNOTAVAIL' });
});
