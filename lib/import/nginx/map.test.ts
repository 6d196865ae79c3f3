import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Ledger } from '../ledger.ts';
import { settle } from '../settle.ts';
import { nginxTime } from '../values.ts';
import { mapNginx } from './map.ts';

async function mapped(text: string, folder = '/nonexistent') {
  const ledger = new Ledger();
  const draft = await mapNginx(text, 'nginx.conf', folder, ledger);
  settle(draft, ledger);
  const notes = ledger.notes().filter(({ kind }) => kind !== 'unneeded');
  return { draft, services: draft.services, told: notes.map(({ kind, line, what }) => `${kind} ${line} ${what}`) };
}

/** Maps one server with these directives, and the upstream u. */
async function only(directives: string, upstream = 'server 10.0.0.1:81;') {
  const text = `stream { upstream u { ${upstream} } server { ${directives} } }`;
  const { draft, services, told } = await mapped(text);
  const [service] = services;
  assert.ok(service !== undefined, told.join('\n'));
  return { ...service, draft, told };
}

const TO = 'listen 127.0.0.1:80; proxy_pass u;';

test('listeners', async () => {
  const at = async (listen: string) =>
    (await mapped(`stream { server { ${listen} proxy_pass 10.0.0.1:1; } }`)).services.map(
      ({ bind_address: host, port, bind_unix: path }) => path ?? `${host} ${port}`,
    );
  assert.deepEqual(
    await at('listen 80; listen 127.0.0.1:81; listen [::1]:82; listen unix:/a.sock; listen localhost:90-91;'),
    ['0.0.0.0 80', '127.0.0.1 81', '::1 82', '/a.sock', 'localhost 90', 'localhost 91'],
  );
  assert.deepEqual(await at('listen 80; listen [::]:80;'), [':: 80']);
  assert.deepEqual(await at('listen 80 ssl; listen 81 udp; listen x; listen 0;'), []);
});

test('servers of an upstream', async () => {
  const of = async (upstream: string) => (await only(TO, upstream)).backends;
  assert.deepEqual(
    await of('server 10.0.0.1:1 weight=3 max_conns=9; server [::1]:2 backup; server unix:/a.sock down;'),
    [
      { host: '10.0.0.1', port: 1, weight: 3, max_connections: 9 },
      { host: '::1', port: 2, backup: true },
      { unix: '/a.sock', weight: 0 },
    ],
  );
  assert.deepEqual(
    await of('server a.internal:1; server b.internal service=http resolve; server c.internal service=_x._tcp;'),
    [
      { host: 'a.internal', port: 1, discover: 'all' },
      { host: '_http._tcp.b.internal', discover: 'srv' },
      { host: '_x._tcp.c.internal', discover: 'srv' },
    ],
  );
  assert.deepEqual(await of('server 10.0.0.1:1 weight=1000; server 10.0.0.2:1 weight=500; server 10.0.0.3:1;'), [
    { host: '10.0.0.1', port: 1, weight: 256 },
    { host: '10.0.0.2', port: 1, weight: 128 },
    { host: '10.0.0.3', port: 1, weight: 1 },
  ]);
});

test('methods', async () => {
  for (const [line, method] of [
    ['', undefined],
    ['least_conn;', 'least_connections'],
    ['random two;', 'random'],
    ['hash $remote_addr consistent;', 'source_hash'],
    ['hash $server_port;', undefined],
  ] as const) {
    assert.equal((await only(TO, `${line} server 10.0.0.1:1;`)).method, method, line);
  }
});

test('times', () => {
  for (const [text, ms] of [
    ['60', 60_000],
    ['1m 30s', 90_000],
    ['1h30', 3_630_000],
    ['250ms', 250],
    ['', null],
    ['m', null],
    ['1x', null],
    ['1'.repeat(71), null],
  ] as const)
    assert.equal(nginxTime(text), ms, text);
});

test('settings of a server, and those around it', async () => {
  const service = await only(
    `${TO} proxy_timeout 1h30m; proxy_connect_timeout 2s; proxy_next_upstream_tries 3; proxy_bind 127.0.0.1;
     limit_conn z 5; allow 10.0.0.1; deny 10.0.0.0/8; proxy_protocol on; } limit_conn_zone $remote_addr zone=z:1m; server {`,
    'server 10.0.0.1:1 fail_timeout=20s max_fails=2;',
  );
  assert.deepEqual(service.runtime, {
    backend_cooldown_ms: 20_000,
    connection_idle_timeout_ms: 5_400_000,
    backend_connect_timeout_ms: 2000,
    max_connections_per_source: 5,
    max_connect_attempts: 3,
  });
  assert.deepEqual(service.access, { allow: ['::/0', '10.0.0.1'], deny: ['10.0.0.0/8'] });
  assert.equal(service.send_proxy_protocol, 'v1');
  assert.deepEqual(service.backends, [{ host: '10.0.0.1', port: 1, source: '127.0.0.1' }]);
  assert.deepEqual(service.health_check, { type: 'none' });
  const plain = await only(TO);
  assert.deepEqual(plain.runtime, { connection_idle_timeout_ms: 600_000 }, "nginx's default is ten minutes");
  const checked = await only(`${TO} health_check interval=5 fails=3 passes=2 port=99;`);
  assert.deepEqual([checked.health_check, checked.runtime.health_check_fail_threshold], [{ type: 'tcp', port: 99 }, 3]);
  const told = await only('listen 80 proxy_protocol; set_real_ip_from 10.0.0.0/8; proxy_pass u;');
  assert.deepEqual(told.accept_proxy_protocol, { from: ['10.0.0.0/8'] });
});

test('routes by a map of server names, and by server_name', async () => {
  const { services, told } = await mapped(`stream {
    map $ssl_preread_server_name $to {
      hostnames;
      default 10.0.0.9:1;
      a.example u;
      .b.example u;
      *.c.example 10.0.0.8:1;
      ~^d\\.example$ u;
      ~x 10.0.0.7:1;
    }
    upstream u { server 10.0.0.1:1; }
    server { listen 1; ssl_preread on; proxy_pass $to; }
    server { listen 2; ssl_preread on; server_name e.example; proxy_pass u; }
    server { listen 2 default_server; ssl_preread on; server_name f.example; proxy_pass 10.0.0.6:1; }
    server { listen 3; proxy_pass $unknown; }
  }`);
  assert.deepEqual(
    services.map(({ port, server_name: names = [], backends }) => [port, ...names, backends[0]?.host].join(' ')),
    [
      '1 a.example b.example *.b.example d.example 10.0.0.1',
      '1 *.c.example 10.0.0.8',
      '1 10.0.0.9',
      '2 e.example 10.0.0.1',
      '2 10.0.0.6',
    ],
  );
  assert.deepEqual(told, ['lost 9 ~x 10.0.0.7:1', 'lost 15 proxy_pass $unknown']);
});

test('main and http', async () => {
  const text = `worker_processes 4; events { worker_connections 1000; } stream { server { ${TO.replace('u;', '10.0.0.1:1;')} } }
http { server { listen 80; } }`;
  const { draft, told } = await mapped(text);
  assert.deepEqual([draft.workers, draft.runtime.max_concurrent_connections], [4, 2000]);
  assert.deepEqual(told, ['differs 1 worker_connections 1000', 'lost 2 http {…}']);
});

test('included files are read, relative to the folder, in order, and not for ever', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bal-import-'));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'conf.d'));
  writeFileSync(join(folder, 'conf.d', 'b.conf'), 'server { listen 2; proxy_pass 10.0.0.1:1; strange; }');
  writeFileSync(join(folder, 'conf.d', 'a.conf'), 'server { listen 1; proxy_pass 10.0.0.1:1; }');
  writeFileSync(join(folder, 'conf.d', '.hidden.conf'), 'server { listen 3; proxy_pass 10.0.0.1:1; }');
  writeFileSync(join(folder, 'loop.conf'), 'include loop.conf;\nserver { listen 4; proxy_pass 10.0.0.1:1; }');
  writeFileSync(join(folder, 'binary.conf'), Buffer.from([0xff, 0xfe, 0]));
  const { services, told } = await mapped(
    'stream { include conf.d/*.conf; include none/*; include missing.conf; include binary.conf; include loop.conf; }',
    folder,
  );
  assert.deepEqual(
    services.slice(0, 3).map(({ port }) => port),
    [1, 2, 4],
  );
  assert.ok(told.some((it) => it.startsWith('lost 1 strange')));
  for (const name of ['none/*', 'missing.conf', 'binary.conf', 'loop.conf']) {
    assert.ok(told.includes(`lost 1 include ${name}`), name);
  }
});
