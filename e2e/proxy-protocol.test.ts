// Who the client is, from proxy to proxy: bal with the PROXY protocol in front of and behind programs that nobody here wrote.
import assert from 'node:assert/strict';
import { freePort } from '../lib/testing/ports.ts';
import { lacking } from '../lib/testing/program.ts';
import { until } from '../lib/testing/until.ts';
import { startBal } from './harness.ts';
import { backend, type Behaviour } from './harness/backend.ts';
import type { Client } from './harness/client.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { startHaproxy, startNginxProxy } from './harness/proxies.ts';

/** Keeps what each connection brings, and greets at once. */
function greeter(heard: Buffer[]): Behaviour {
  return (socket) => {
    const place = heard.push(Buffer.alloc(0)) - 1;
    socket.on('data', (bytes: Buffer) => (heard[place] = Buffer.concat([heard[place] ?? bytes, bytes])));
    socket.on('end', () => socket.end());
    socket.resume();
    socket.write('hello');
  };
}

async function answerTo(client: Client): Promise<string> {
  await client.send('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  const { data } = await client.over;
  client.end();
  return data.toString('latin1').split('\r\n\r\n')[1] ?? '';
}

const V2 = '0d0a0d0a000d0a515549540a';
const hex16 = (port: number | undefined): string => (port ?? 0).toString(16).padStart(4, '0');

forEachEngine(
  'backends are told who the client is, as HAProxy and nginx tell it and understand it, and that a check is nobody',
  async (t, engine) => {
    const heard: Record<'v1' | 'v2' | 'none' | 'haproxy', Buffer[]> = { v1: [], v2: [], none: [], haproxy: [] };
    const raw = { v1: await backend(t, greeter(heard.v1)), v2: await backend(t, greeter(heard.v2)) };
    const none = await backend(t, greeter(heard.none));
    const haproxy = await startHaproxy(t, (await backend(t, greeter(heard.haproxy))).port);
    const nginx = await startNginxProxy(t, none.port);
    const names = ['raw1', 'raw2', 'haproxy1', 'haproxy2', 'nginx1', 'nginx2', 'v6'] as const;
    const ports = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await freePort()])));
    const to = (port: number, more: object = {}): object[] => [{ host: '127.0.0.1', port, ...more }];
    const service = (name: string, sends: string, backends: object[]): object => ({
      port: ports[name],
      send_proxy_protocol: sends,
      backends,
    });
    const { backends: _, port: __, bind_address: ___, ...rest } = configFor(0, []);
    const bal = await startBal(t, {
      engine,
      config: {
        ...rest,
        log_connections: 'all',
        services: {
          raw1: service('raw1', 'v1', to(raw.v1.port)),
          // The backend's own setting wins.
          raw2: service('raw2', 'v1', [...to(raw.v2.port, { send_proxy_protocol: 'v2' })]),
          haproxy1: service('haproxy1', 'v1', to(haproxy.server)),
          haproxy2: service('haproxy2', 'v2', to(haproxy.server)),
          nginx1: service('nginx1', 'v1', to(nginx.server)),
          nginx2: service('nginx2', 'v2', to(nginx.server)),
          v6: { ...service('v6', 'v1', to(raw.v1.port)), bind_address: '::' },
        },
      },
    });
    await bal.checked();
    const { services } = await bal.status();
    assert.deepEqual(
      services.map(({ backends: [first] }) => [first?.reachable, first?.send_proxy_protocol]),
      ['v1', 'v2', 'v1', 'v2', 'v1', 'v2', 'v1'].map((version) => [true, version]),
    );

    // Others understand it.
    for (const name of names.slice(2, 6)) {
      const port = ports[name] ?? 0;
      const client = await connectTo(t, port);
      const own = `127.0.0.1 ${client.socket.localPort} 127.0.0.1 ${port}`;
      const told = await answerTo(client);
      assert.ok(told.startsWith(own), `${name}: ${told}`);
      if (name !== 'haproxy2') continue;
      const id = told.slice(own.length).trim();
      const record = await bal.logged('connection.ended', ({ fields }) => fields['service'] === name);
      assert.match(id, /^[0-9a-f]{16}-\w+$/);
      assert.equal(record.fields['unique_id'], id);
    }

    // It is the same as theirs, byte for byte, and comes before the client's first byte and without one.
    for (const talks of [true, false, true]) {
      for (const [at, sink, theirs] of [
        [ports['raw1'] ?? 0, heard.v1, false],
        [haproxy.v1, heard.haproxy, true],
        [nginx.v1, heard.none, true],
        [ports['v6'] ?? 0, heard.v1, false],
      ] as const) {
        const client = await connectTo(t, at);
        if (talks) await client.send('data');
        assert.equal((await client.reads(5)).toString(), 'hello');
        const line = `PROXY TCP4 127.0.0.1 127.0.0.1 ${client.socket.localPort} ${at}\r\n${talks ? 'data' : ''}`;
        await until(`${line} arrives`, () => sink.some((bytes) => bytes.toString('latin1') === line));
        assert.ok(!theirs || talks || client.unread().length === 0);
        client.end();
      }
      for (const [at, sink] of [
        [ports['raw2'] ?? 0, heard.v2],
        [haproxy.v2, heard.haproxy],
      ] as const) {
        const client = await connectTo(t, at);
        if (talks) await client.send('data');
        assert.equal((await client.reads(5)).toString(), 'hello');
        const addresses = `7f0000017f000001${hex16(client.socket.localPort)}${hex16(at)}`;
        // Signature, addresses, and in between the length, with room for a unique id behind them.
        const wanted = new RegExp(
          `^${V2}2111(000c${addresses}|00[0-9a-f]{2}${addresses}0500(..)+?)${talks ? '64617461' : ''}$`,
        );
        await until('it arrives', () => sink.some((bytes) => wanted.test(bytes.toString('hex'))));
        client.end();
      }
    }
    const six = await connectTo(t, ports['v6'] ?? 0, '::1');
    const line = `PROXY TCP6 ::1 ::1 ${six.socket.localPort} ${ports['v6']}\r\n`;
    await until(`${line} arrives`, () => heard.v1.some((bytes) => bytes.toString('latin1') === line));

    // All others were checks.
    const others = (bytes: Buffer[]): Set<string> =>
      new Set(bytes.map((it) => it.toString('latin1')).filter((it) => !/TCP[46]|^.{12}!/s.test(it)));
    assert.deepEqual(others(heard.v1), new Set(['PROXY UNKNOWN\r\n']));
    assert.deepEqual(others(heard.v2), new Set(['\r\n\r\n\0\r\nQUIT\n\x20\0\0\0']));
    const doctor = await bal.cli('doctor');
    assert.doesNotMatch(doctor.stdout, /CRITICAL|critical/, doctor.stdout);
  },
  lacking('haproxy', 'nginx'),
);
