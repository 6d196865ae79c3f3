// The client's address from proxy to proxy: bal with the PROXY protocol in front of and behind independent programs.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
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

/** Stores what each connection sends, and greets at once. */
function greeter(received: Buffer[]): Behaviour {
  return (socket) => {
    const place = received.push(Buffer.alloc(0)) - 1;
    socket.on('data', (bytes: Buffer) => (received[place] = Buffer.concat([received[place] ?? bytes, bytes])));
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
    const received: Record<'v1' | 'v2' | 'none' | 'haproxy', Buffer[]> = { v1: [], v2: [], none: [], haproxy: [] };
    const raw = { v1: await backend(t, greeter(received.v1)), v2: await backend(t, greeter(received.v2)) };
    const none = await backend(t, greeter(received.none));
    const haproxy = await startHaproxy(t, (await backend(t, greeter(received.haproxy))).port);
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

    // Independent programs understand it.
    for (const name of names.slice(2, 6)) {
      const port = ports[name] ?? 0;
      const client = await connectTo(t, port);
      const own = `127.0.0.1 ${client.socket.localPort} 127.0.0.1 ${port}`;
      const extensions = await answerTo(client);
      assert.ok(extensions.startsWith(own), `${name}: ${extensions}`);
      if (name !== 'haproxy2') continue;
      const id = extensions.slice(own.length).trim();
      const record = await bal.logged('connection.ended', ({ fields }) => fields['service'] === name);
      assert.match(id, /^[0-9a-f]{16}-\w+$/);
      assert.equal(record.fields['unique_id'], id);
    }

    // It equals theirs byte for byte, and arrives before the client's first byte or without one.
    for (const talks of [true, false, true]) {
      for (const [at, sink, theirs] of [
        [ports['raw1'] ?? 0, received.v1, false],
        [haproxy.v1, received.haproxy, true],
        [nginx.v1, received.none, true],
        [ports['v6'] ?? 0, received.v1, false],
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
        [ports['raw2'] ?? 0, received.v2],
        [haproxy.v2, received.haproxy],
      ] as const) {
        const client = await connectTo(t, at);
        if (talks) await client.send('data');
        assert.equal((await client.reads(5)).toString(), 'hello');
        const addresses = `7f0000017f000001${hex16(client.socket.localPort)}${hex16(at)}`;
        // Signature, length, addresses, and room for a unique id after them.
        const wanted = new RegExp(
          `^${V2}2111(000c${addresses}|00[0-9a-f]{2}${addresses}0500(..)+?)${talks ? '64617461' : ''}$`,
        );
        await until('it arrives', () => sink.some((bytes) => wanted.test(bytes.toString('hex'))));
        client.end();
      }
    }
    const six = await connectTo(t, ports['v6'] ?? 0, '::1');
    const line = `PROXY TCP6 ::1 ::1 ${six.socket.localPort} ${ports['v6']}\r\n`;
    await until(`${line} arrives`, () => received.v1.some((bytes) => bytes.toString('latin1') === line));

    // All others were checks, including those of `bal doctor`.
    await bal.cli('doctor');
    const others = (bytes: Buffer[]): Set<string> =>
      // One of them may still be arriving.
      new Set(bytes.map(String).filter((it) => it !== '' && !/TCP[46]|^.{12}!/s.test(it)));
    assert.deepEqual(others(received.v1), new Set(['PROXY UNKNOWN\r\n']));
    assert.deepEqual(others(received.v2), new Set(['\r\n\r\n\0\r\nQUIT\n\x20\0\0\0']));
  },
  lacking('haproxy', 'nginx'),
);

/** Returns a version 2 header for a client at 203.0.113.9:4711 that connected to 198.51.100.1:443, followed by `tlvs`. */
function v2For(tlvs = ''): Buffer {
  const length = (12 + tlvs.length / 2).toString(16).padStart(4, '0');
  return Buffer.from(`${V2}2111${length}cb007109c6336401126701bb${tlvs}`, 'hex');
}

const GET = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';

forEachEngine(
  'who is told the client by a proxy takes it for the client, reads strictly, and waits for nobody else',
  async (t, engine) => {
    const [at, out] = [await freePort(), await freePort()];
    const haproxy = await startHaproxy(t, at);
    const nginx = await startNginxProxy(t, at);
    const {
      backends: _,
      port: __,
      bind_address: ___,
      ...rest
    } = configFor(0, [], {
      runtime: { first_bytes_timeout_ms: 600 },
    });
    const bal = await startBal(t, {
      engine,
      config: {
        ...rest,
        log_connections: 'all',
        services: {
          in: {
            port: at,
            accept_proxy_protocol: { from: ['127.0.0.1', '::1'] },
            access: { deny: ['203.0.113.66'] },
            send_proxy_protocol: 'v2',
            backends: [{ host: '127.0.0.1', port: haproxy.server }],
          },
          // A chain of two: its backend is the other service.
          out: { port: out, send_proxy_protocol: 'v2', backends: [{ host: '127.0.0.1', port: at }] },
        },
      },
    });
    await bal.checked();
    const record = async (reason: string, client: string): Promise<Readonly<Record<string, unknown>>> =>
      (
        await bal.logged(
          'connection.ended',
          ({ fields }) => fields['service'] === 'in' && fields['reason'] === reason && fields['client'] === client,
        )
      ).fields;

    // Real proxies, and bal itself.
    for (const port of [haproxy.v1, haproxy.v2, nginx.v1, out]) {
      const client = await connectTo(t, port);
      const own = `127.0.0.1 ${client.socket.localPort} 127.0.0.1 ${port} `;
      const extensions = await answerTo(client);
      assert.ok(extensions.startsWith(own), `${extensions} is not ${own}`);
      const fields = await record('backend_closed', `127.0.0.1:${client.socket.localPort}`);
      assert.equal(fields['unique_id'], extensions.slice(own.length).trim());
      assert.equal(fields['bytes_in'], GET.length, 'the header is none of them');
      if (port !== out) continue;
      // Both services log the same id.
      const first = await bal.logged('connection.ended', ({ fields: its }) => its['service'] === 'out');
      assert.equal(first.fields['unique_id'], fields['unique_id']);
    }

    // In pieces of any size; the other fields are passed on.
    const lines = 'PROXY TCP4 203.0.113.9 198.51.100.1 4711 443\r\n';
    const six = 'PROXY TCP6 2001:db8::9 2001:db8::1 4711 443\r\n';
    const named = v2For('0500036f6e6502000b7777772e6578616d706c65');
    for (const [header, expected] of [
      [Buffer.from(lines), /^203\.0\.113\.9 4711 198\.51\.100\.1 443 [0-9a-f]{16}-\w+ $/],
      [Buffer.from(six), /^2001:db8::9 4711 2001:db8::1 443 [0-9a-f]{16}-\w+ $/],
      [named, /^203\.0\.113\.9 4711 198\.51\.100\.1 443 one www\.example$/],
    ] as const) {
      for (const size of [1, 7, header.length + GET.length]) {
        const client = await connectTo(t, at);
        const bytes = Buffer.concat([header, Buffer.from(GET)]);
        for (let from = 0; from < bytes.length; from += size) await client.send(bytes.subarray(from, from + size));
        const { data } = await client.over;
        client.end();
        assert.match(data.toString('latin1').split('\r\n\r\n')[1] ?? '', expected);
      }
    }

    // Access is decided by that address.
    const denied = await connectTo(t, at);
    await denied.send(`${lines.replace('203.0.113.9', '203.0.113.66')}${GET}`);
    assert.equal((await denied.over).how, 'reset');
    await record('access_denied', '203.0.113.66:4711');
    // A header without a client leaves the peer's own address.
    for (const header of ['PROXY UNKNOWN\r\n', '\r\n\r\n\0\r\nQUIT\n\x20\0\0\0']) {
      const client = await connectTo(t, at);
      await client.send(header);
      assert.ok((await answerTo(client)).startsWith(`127.0.0.1 ${client.socket.localPort} 127.0.0.1 ${at} `));
    }
    // Peers outside the networks need no header: their bytes go to the backend.
    const other = connect({ port: at, host: '127.0.0.1', localAddress: '127.0.0.2' });
    t.after(() => other.destroy());
    other.write(GET);
    const [answer]: Buffer[] = await once(other, 'data');
    assert.ok(answer?.toString().includes(`127.0.0.2 ${other.localPort} 127.0.0.1 ${at} `), answer?.toString());

    // Refused: at once for a wrong header, at the timeout for a missing one.
    const refusals = [
      [GET, 'bad_proxy_header'],
      [`${lines.slice(0, 20)}x`, 'bad_proxy_header'],
      [v2For('050001'), 'bad_proxy_header'],
      [v2For('03000400000000'), 'bad_proxy_header'],
      ['', 'first_bytes_timeout'],
      [lines.slice(0, 20), 'first_bytes_timeout'],
      [v2For().subarray(0, 20), 'first_bytes_timeout'],
    ] as const;
    const refused = async ([bytes, reason]: (typeof refusals)[number]): Promise<void> => {
      const client = await connectTo(t, at);
      const { localPort } = client.socket;
      const started = performance.now();
      if (bytes.length > 0) await client.send(bytes);
      assert.deepEqual(await client.over, { how: 'reset', data: Buffer.alloc(0) });
      assert.ok(reason === 'bad_proxy_header' || performance.now() - started >= 590, 'not before its time');
      const fields = await record(reason, `127.0.0.1:${localPort}`);
      assert.deepEqual([fields['attempts'], fields['backend']], [0, null]);
    };
    await Promise.all(refusals.map(refused));
    const half = await connectTo(t, at);
    const halfPort = half.socket.localPort;
    await half.send('PROXY');
    half.end();
    await record('bad_proxy_header', `127.0.0.1:${halfPort}`);
    // A bare connect without data is no error.
    const probe = await connectTo(t, at);
    const probePort = probe.socket.localPort;
    probe.end();
    await record('client_gone', `127.0.0.1:${probePort}`);
    await bal.logged('client.bad_proxy_header');
    await bal.logged('client.first_bytes_timeout');
    const { services } = await bal.status();
    const ends = services[0]?.ends ?? {};
    assert.deepEqual([ends['bad_proxy_header'], ends['first_bytes_timeout'], ends['client_gone']], [5, 3, 1]);
    assert.deepEqual(services[0]?.accept_proxy_protocol, ['127.0.0.1', '::1']);
    assert.match((await bal.cli('why')).stdout, /refused because their PROXY header was wrong/);
  },
  lacking('haproxy', 'nginx'),
);
