// Clients whose first bytes are still awaited when the workers are replaced. They have no backend yet, so they stay where they are.
import assert from 'node:assert/strict';
import { freePort } from '../lib/testing/ports.ts';
import { helloFor } from '../lib/testing/hello.ts';
import { startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { connectTo } from './harness/client.ts';
import { QUICK } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';

const HELLO = helloFor('www.example.test');
const HEADER = Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.8 40000 443\r\n');

forEachEngine(
  'clients that have sent nothing, or half of a ClientHello or PROXY header, are served after a reload and an upgrade',
  async (t, engine) => {
    const a = await backend(t, echo);
    const [port, behind] = [await freePort(), await freePort()];
    const service = (at: number, more: object): object => ({
      port: at,
      backends: [{ host: a.host, port: a.port }],
      ...more,
    });
    const services = {
      // Its limit takes effect when its name is known: an old worker has to ask for permits then.
      www: service(port, { server_name: 'www.example.test', runtime: { max_concurrent_connections: 2 } }),
      other: service(port, { server_name: 'other.test' }),
      proxied: service(behind, { accept_proxy_protocol: { from: ['127.0.0.1'] } }),
    };
    const runtime = { ...QUICK, first_bytes_timeout_ms: 60_000 };
    const config = { bind_address: '127.0.0.1', workers: 2, runtime, services };
    const bal = await startBal(t, { engine, daemon: true, config });
    const [silent, half] = [await connectTo(t, port), await connectTo(t, port)];
    const proxied = await connectTo(t, behind);
    await half.send(HELLO.subarray(0, 30));
    await proxied.send(HEADER.subarray(0, 20));
    await bal.statusWhen('all are accepted', ({ totals }) => totals?.active_connections === 3);
    assert.equal((await bal.graceful()).code, 0);
    const { code, stderr } = await bal.cli('upgrade');
    assert.equal(code, 0, stderr);
    await silent.send(HELLO);
    await half.send(HELLO.subarray(30));
    await proxied.send(HEADER.subarray(20));
    await proxied.send('x');
    assert.deepEqual(await silent.reads(HELLO.length), HELLO);
    assert.deepEqual(await half.reads(HELLO.length), HELLO);
    assert.equal((await proxied.reads(1)).toString(), 'x');
  },
);
