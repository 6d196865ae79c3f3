// Services that share a port by the server name and protocol of TLS clients, with independent clients and servers.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { atEnd, type Owner } from '../lib/testing/owner.ts';
import { freePort } from '../lib/testing/ports.ts';
import { helloFor } from '../lib/testing/hello.ts';
import { find, lacking, run } from '../lib/testing/program.ts';
import { until } from '../lib/testing/until.ts';
import { startBal } from './harness.ts';
import { backend, type Behaviour } from './harness/backend.ts';
import { connectTo, type Client } from './harness/client.ts';
import { QUICK } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { seriesIn } from './harness/exposition.ts';
import { startHaproxy } from './harness/proxies.ts';
import { startTlsServers } from './harness/tls-servers.ts';

/** In curl's words. */
const RESET = /reset|SSL_ERROR_SYSCALL|errno 104/i;
const REQUEST = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';

/** Returns the answer of the server behind a port to a Node client with this name and these protocols. */
async function nodeAsks(
  t: Owner,
  port: number,
  servername: string,
  ALPNProtocols: string[],
  more = {},
): Promise<string> {
  const socket = connectTls({ port, host: '127.0.0.1', servername, ALPNProtocols, rejectUnauthorized: false, ...more });
  atEnd(t, () => socket.destroy());
  let answer = '';
  socket.on('data', (bytes: Buffer) => (answer += bytes.toString()));
  await once(socket, 'secureConnect');
  socket.write(REQUEST);
  await once(socket, 'close');
  return answer.split('\r\n\r\n')[1] ?? '';
}

/** The same for a program that is driven through its standard input. */
async function programAsks(t: Owner, name: string, ...args: readonly string[]): Promise<string> {
  const child = spawn(find(name) ?? name, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  atEnd(t, () => void child.kill('SIGKILL'));
  let answer = '';
  let isOver = false;
  child.once('close', () => (isOver = true));
  child.stdout.on('data', (bytes: Buffer) => (answer += bytes.toString()));
  // Keep stdin open: some programs exit at its end.
  child.stdin.on('error', () => undefined);
  child.stdin.write(REQUEST);
  await until(`${name} has an answer`, () => isOver || /\r\n\r\n\w+ \S* TLS\S+ HTTP\S\d\.\d/.test(answer));
  child.stdin.end();
  return /\r\n\r\n(\w+ \S* TLS\S+ HTTP\S\d\.\d)/.exec(answer)?.[1] ?? answer;
}

async function curlAsks(port: number, name: string, ...args: readonly string[]): Promise<string> {
  const to = [`https://${name}:${port}/`, '--connect-to', `::127.0.0.1:${port}`];
  const { stdout, stderr } = await run('curl', ['-sS', '-k', '--max-time', '20', ...args, ...to]);
  return stdout.toString() || stderr;
}

/** Stores what each connection sends. */
function sink(received: Buffer[], greeting = ''): Behaviour {
  return (socket) => {
    const place = received.push(Buffer.alloc(0)) - 1;
    socket.on('data', (bytes: Buffer) => (received[place] = Buffer.concat([received[place] ?? bytes, bytes])));
    socket.on('end', () => socket.end());
    socket.resume();
    socket.write(greeting);
  };
}

forEachEngine(
  'clients of TLS get the service whose name or protocol they ask for, others the one for the rest, or none',
  async (t, engine) => {
    const servers = await startTlsServers(t, 'www', 'wild', 'two', 'rest');
    const raw: Buffer[] = [];
    const greeter = await backend(t, sink([], 'hello'));
    const plain = await backend(t, sink(raw, 'plain'));
    const [port, closed, open, behind] = [await freePort(), await freePort(), await freePort(), await freePort()];
    const service = (at: number, to: number, more: object = {}): object => ({
      port: at,
      backends: [{ host: '127.0.0.1', port: to }],
      ...more,
    });
    const from = { accept_proxy_protocol: { from: ['127.0.0.1'] } };
    const services = {
      rest: service(port, servers.rest),
      www: service(port, servers.www, { server_name: 'www.example.test' }),
      wild: service(port, servers.wild, { server_name: ['*.Example.test', 'other.test'] }),
      two: service(port, servers.two, { alpn: 'h2' }),
      one: service(closed, greeter.port, { server_name: 'one.test', runtime: { max_concurrent_connections: 1 } }),
      raw: service(closed, plain.port, { server_name: 'raw.test', send_proxy_protocol: 'v2' }),
      greeter: service(open, greeter.port),
      proxied: service(behind, plain.port, { server_name: 'raw.test', send_proxy_protocol: 'v2', ...from }),
      denied: service(behind, plain.port, { server_name: 'no.test', access: { deny: ['203.0.113.0/24'] }, ...from }),
    };
    const config = (its: object, ms: number): object => ({
      bind_address: '127.0.0.1',
      workers: 2,
      admin: `127.0.0.1:${admin}`,
      log_connections: 'all',
      runtime: { ...QUICK, first_bytes_timeout_ms: ms },
      services: its,
    });
    const admin = await freePort();
    const bal = await startBal(t, { engine, config: { ...config(services, 20_000) } });
    await bal.checked();
    const recordAt = (address: string) => bal.logged('connection.ended', ({ fields }) => fields['client'] === address);
    /** A closed socket forgets its port. */
    const ports = new Map<Client, number | undefined>();
    const comes = async (to: number): Promise<Client> => {
      const client = await connectTo(t, to);
      ports.set(client, client.socket.localPort);
      return client;
    };
    /** The service and byte count expected in each record. */
    const ended: [Client, string, number][] = [];
    /** Also matches a field: a client of another port of bal's may have had the same port. */
    const recordOf = (client: Client, says: string, key: 'service' | 'reason' = 'service') =>
      bal.logged(
        'connection.ended',
        ({ fields }) => fields['client'] === `127.0.0.1:${ports.get(client)}` && fields[key] === says,
      );

    // Node, OpenSSL, GnuTLS and curl, with TLS 1.2 and 1.3 and both versions of HTTP; also a hello of several packets.
    const many = Array.from({ length: 600 }, (_, i) => `protocol-${String(i).padStart(8, '0')}`);
    const asks: [answer: Promise<string>, expected: string | RegExp][] = [
      [curlAsks(port, 'www.example.test'), /^www www\.example\.test TLSv1\.3 HTTP\/2\.0$/],
      // The wildcard needs at least one label.
      [curlAsks(port, 'example.test', '--http1.1'), /^rest example\.test/],
      [curlAsks(port, '127.0.0.1', '--no-alpn'), /^rest {2}TLSv1\.3 HTTP\/1\.1$/],
      [curlAsks(closed, 'strange.test'), RESET],
    ];
    for (const [version, flag] of [
      ['TLSv1.2', '-tls1_2'],
      ['TLSv1.3', '-tls1_3'],
    ] as const) {
      const versions = { minVersion: version, maxVersion: version };
      const asked = `${version} HTTP/1.1`;
      const to = ['s_client', '-connect', `127.0.0.1:${port}`, '-quiet', flag];
      const number = version.slice(4);
      const gnutls = ['--insecure', `--priority=NORMAL:-VERS-ALL:+VERS-TLS${number}`, '-p', String(port), '127.0.0.1'];
      asks.push(
        [nodeAsks(t, port, 'WWW.example.test', ['http/1.1'], versions), `www WWW.example.test ${asked}`],
        [nodeAsks(t, port, 'a.b.example.test', [...many, 'http/1.1'], versions), `wild a.b.example.test ${asked}`],
        [programAsks(t, 'openssl', ...to, '-noservername'), `rest  ${asked}`],
        [programAsks(t, 'openssl', ...to, '-servername', 'other.test'), `wild other.test ${asked}`],
        [curlAsks(port, 'nobody.test', '--tls-max', number, '--http2'), `two nobody.test ${version} HTTP/2.0`],
        [programAsks(t, 'gnutls-cli', '--sni-hostname=x.example.test', ...gnutls), `wild x.example.test ${asked}`],
      );
    }
    for (const [answer, expected] of asks) {
      if (typeof expected === 'string') assert.equal(await answer, expected);
      else assert.match(await answer, expected);
    }

    // Without TLS a client gets the default service, at once and complete; without a default it is reset.
    const web = await comes(port);
    await web.send(REQUEST);
    assert.match((await web.over).data.toString(), /plain HTTP request was sent to HTTPS port/);
    const stranger = await comes(closed);
    await stranger.send(REQUEST);
    assert.deepEqual(await stranger.over, { how: 'reset', data: Buffer.alloc(0) });
    const { fields } = await recordOf(stranger, `127.0.0.1:${closed}`);
    assert.deepEqual(
      [fields['service'], fields['reason'], fields['backend']],
      [`127.0.0.1:${closed}`, 'no_route', null],
    );

    // However a hello is split, the backend gets all its bytes and the name.
    const V2 = /^0d0a0d0a000d0a515549540a2111[0-9a-f]{4}7f0000017f000001[0-9a-f]{8}/;
    const authority = `020008${Buffer.from('raw.test').toString('hex')}`;
    for (const [padding, size] of [
      [0, 1],
      [1800, 500],
      [16_000, 1448],
    ] as const) {
      const hello = helloFor('raw.test', ['h2'], padding);
      const client = await comes(closed);
      for (let at = 0; at < hello.length; at += size) await client.send(hello.subarray(at, at + size));
      assert.equal((await client.reads(5)).toString(), 'plain');
      await client.send('more');
      const wanted = `${hello.toString('hex')}${Buffer.from('more').toString('hex')}`;
      const isIt = (bytes: Buffer): boolean => bytes.toString('hex').endsWith(wanted);
      const text = (await until('it arrives', () => raw.find(isIt))).toString('hex');
      assert.match(text, V2);
      assert.ok(text.includes(authority));
      client.end();
      assert.equal((await client.over).how, 'fin');
      ended.push([client, 'raw', hello.length + 4]);
    }

    // The service's own limit applies once the service is known.
    const first = await comes(closed);
    await first.send(helloFor('one.test'));
    await bal.statusWhen('the first one is in', ({ services: all }) =>
      all.some(({ name, active_connections: active }) => name === 'one' && active === 1),
    );
    const second = await comes(closed);
    await second.send(helloFor('one.test'));
    assert.equal((await second.over).how, 'reset');
    const { fields: over } = await recordOf(second, 'one');
    assert.deepEqual([over['service'], over['reason']], ['one', 'overload']);
    first.reset();
    const probe = await comes(closed);
    probe.end();
    assert.equal((await recordOf(probe, `127.0.0.1:${closed}`)).fields['reason'], 'client_gone');

    // Behind a proxy the PROXY header comes first; access is decided by its address.
    for (const size of [1, 30, 1000]) {
      const client = await comes(behind);
      const bytes = Buffer.from(
        `PROXY TCP4 203.0.113.9 198.51.100.1 4711 443\r\n${helloFor('raw.test').toString('latin1')}`,
        'latin1',
      );
      for (let at = 0; at < bytes.length; at += size) await client.send(bytes.subarray(at, at + size));
      assert.equal((await client.reads(5)).toString(), 'plain');
      client.end();
      await client.over;
    }
    const haproxy = await startHaproxy(t, behind);
    for (const at of [haproxy.v1, haproxy.v2]) {
      const client = await comes(at);
      await client.send(helloFor('RAW.test', ['h2'], 1800));
      assert.equal((await client.reads(5)).toString(), 'plain');
      client.end();
      assert.equal((await client.over).how, 'fin');
      ended.push([client, 'proxied', 1800 + helloFor('RAW.test', ['h2']).length + 4]);
    }
    const refused = await comes(behind);
    await refused.send('PROXY TCP4 203.0.113.9 198.51.100.1 4712 443\r\n');
    await refused.send(helloFor('no.test'));
    assert.equal((await refused.over).how, 'reset');
    const { fields: denied } = await recordAt('203.0.113.9:4712');
    assert.deepEqual([denied['service'], denied['reason']], ['denied', 'access_denied']);
    assert.equal((await recordAt('203.0.113.9:4711')).fields['service'], 'proxied');

    // Without names or headers the server may speak first.
    const greeted = await comes(open);
    assert.equal((await greeted.reads(5)).toString(), 'hello');

    // A reload that adds a service to a port harms no clients of the others, nor half-sent hellos.
    const open1 = connectTls({ port, host: '127.0.0.1', servername: 'www.example.test', rejectUnauthorized: false });
    atEnd(t, () => open1.destroy());
    await once(open1, 'secureConnect');
    const late = await comes(closed);
    const hello = helloFor('raw.test');
    await late.send(hello.subarray(0, 30));
    const next = { ...services, rest: undefined, new: service(port, servers.rest, { server_name: 'new.test' }) };
    bal.configure({ ...config(next, 600) });
    const reload = bal.graceful();
    await late.send(hello.subarray(30));
    assert.equal((await late.reads(5)).toString(), 'plain');
    const { code, verdict } = await reload;
    assert.equal(code, 0, JSON.stringify(verdict));
    // From now on slow clients time out.
    const askNew = () => curlAsks(port, 'new.test', '--http1.1');
    await until('the new service answers', async () => (await askNew()).startsWith('rest new.test'));
    assert.match(await curlAsks(port, 'nobody.test', '--http1.1'), RESET);
    let answer = '';
    open1.on('data', (bytes: Buffer) => (answer += bytes.toString()));
    open1.write(REQUEST);
    await once(open1, 'close');
    assert.match(answer, /www www\.example\.test/);
    // Clients whose service was unknown when their worker began to drain are handed over too.
    if (engine === 'native') {
      await bal.statusWhen('no old worker is left', ({ workers }) => workers.every(({ state }) => state === 'ready'));
    }
    await late.send('more');
    late.end();
    assert.equal((await late.over).how, 'fin');
    assert.equal((await recordOf(late, 'raw')).fields['bytes_in'], hello.length + 4);

    // A client without a complete hello is closed at its timeout, however slowly it talks.
    const started = performance.now();
    const half = await comes(closed);
    await half.send(helloFor('one.test').subarray(0, 60));
    const silent = await comes(port);
    const slow = await comes(port);
    const drip = setInterval(() => slow.socket.write(Buffer.from([22])), 50);
    atEnd(t, () => clearInterval(drip));
    slow.socket.write(helloFor('www.example.test', [], 9000).subarray(0, 20));
    for (const client of [half, silent, slow]) {
      assert.equal((await client.over).how, 'reset');
      assert.ok(performance.now() - started >= 590, 'not before its time');
      await recordOf(client, 'first_bytes_timeout', 'reason');
    }

    // Check records, status and metrics.
    for (const [client, name, bytes] of ended) {
      assert.equal((await recordOf(client, name)).fields['bytes_in'], bytes);
    }
    await bal.logged('client.no_route', ({ fields: its }) => its['service'] === `127.0.0.1:${closed}`);
    const { listeners, services: reported } = await bal.statusWhen('all are counted', ({ listeners: all }) =>
      all.every(({ active_connections: active }) => active === 0),
    );
    const at = listeners.find(({ address }) => address === `127.0.0.1:${closed}`);
    assert.deepEqual(at?.services, ['one', 'raw']);
    const { no_route, first_bytes_timeout, client_gone } = at.ends;
    assert.deepEqual([no_route, first_bytes_timeout, client_gone], [2, 1, 1]);
    assert.deepEqual(reported.find(({ name }) => name === 'wild')?.server_name, ['*.example.test', 'other.test']);
    assert.deepEqual(reported.find(({ name }) => name === 'two')?.alpn, ['h2']);
    const { stdout } = await bal.cli('why');
    assert.match(
      stdout,
      new RegExp(`127.0.0.1:${closed} shared by one, raw: clients that no service got: .*no_route 2`),
    );
    const metrics = seriesIn(await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text());
    const series = `bal_rejected_connections_total{listener="127.0.0.1:${closed}",reason="no_route"}`;
    assert.equal(metrics.get(series), 2);
    // Nothing that clients say is logged.
    assert.ok(!bal.logs().some((record) => JSON.stringify(record).includes('strange.test')));
  },
  lacking('nginx', 'openssl', 'curl', 'gnutls-cli', 'haproxy'),
);
