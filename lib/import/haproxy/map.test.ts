import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service } from '../draft.ts';
import { Ledger } from '../ledger.ts';
import { settle } from '../settle.ts';
import { mapHaproxy } from './map.ts';

function mapped(text: string) {
  const ledger = new Ledger();
  const draft = mapHaproxy(text, 'a.cfg', {}, ledger);
  settle(draft, ledger);
  const notes = ledger.notes().filter(({ kind }) => kind !== 'unneeded');
  return {
    draft,
    services: draft.services,
    notes,
    told: notes.map(({ kind, line, what }) => `${kind} ${line} ${what}`),
  };
}

/** Returns the only service of a `listen` with these lines. */
function only(...lines: string[]): Service & { readonly told: readonly string[] } {
  const { draft, services, told } = mapped(`listen a\n${lines.join('\n')}\n`);
  assert.equal(services.length, 1, told.join('\n'));
  const [service] = services;
  assert.ok(service !== undefined);
  return { ...service, runtime: { ...draft.runtime, ...service.runtime }, told };
}

const BIND = 'bind 127.0.0.1:80';
const SERVER = 'server s 10.0.0.1:81';

test('binds: many addresses, ranges, paths, families', () => {
  const at = (...lines: string[]) =>
    mapped(`listen a\n${lines.join('\n')}\n${SERVER}\n`).services.map(
      ({ bind_address: host, port, bind_unix: path }) => path ?? `${host} ${port}`,
    );
  assert.deepEqual(at('bind *:80,10.0.0.1:81', 'bind :90-91'), [
    '0.0.0.0 80',
    '10.0.0.1 81',
    '0.0.0.0 90',
    '0.0.0.0 91',
  ]);
  assert.deepEqual(at('bind /run/a.sock', 'bind unix@/run/b.sock', 'bind ::1:80', 'bind [::1]:81'), [
    '/run/a.sock',
    '/run/b.sock',
    '::1 80',
    '::1 81',
  ]);
  assert.deepEqual(at('bind :80', 'bind :::80 v6only'), [':: 80'], 'IPv4 and IPv6 are one listener');
  assert.deepEqual(at('bind ipv6@:80 v4v6', 'bind fd@3', 'bind abns@x', 'bind udp@:1', 'bind :0', 'bind :x'), [
    ':: 80',
  ]);
  assert.deepEqual(at('bind :443 ssl crt a.pem'), []);
});

test('servers: what stands behind the address', () => {
  const of = (...lines: string[]) => only(BIND, ...lines).backends;
  assert.deepEqual(
    of('server a 10.0.0.1:81 weight 10 maxconn 5 send-proxy', 'server b 10.0.0.2:82 backup send-proxy-v2'),
    [
      { host: '10.0.0.1', port: 81, weight: 10, max_connections: 5, send_proxy_protocol: 'v1' },
      { host: '10.0.0.2', port: 82, backup: true, send_proxy_protocol: 'v2' },
    ],
  );
  assert.deepEqual(of('default-server weight 3', 'server a 10.0.0.1', 'server b 10.0.0.1:+10 weight 4', SERVER), [
    { host: '10.0.0.1', port: 80, weight: 3 },
    { host: '10.0.0.1', port: 90, weight: 4 },
    { host: '10.0.0.1', port: 81, weight: 3 },
  ]);
  assert.deepEqual(
    of('source 10.0.0.9', SERVER, 'server b unix@/a.sock', 'server c 10.0.0.2:1 disabled source 10.0.0.8:1-9'),
    [
      { host: '10.0.0.1', port: 81, source: '10.0.0.9' },
      { unix: '/a.sock' },
      { host: '10.0.0.2', port: 1, weight: 0, source: '10.0.0.8' },
    ],
  );
  assert.deepEqual(
    of('server-template a 3 web.internal:80 resolvers x', 'server-template b 3 _h._tcp.web.internal resolvers x'),
    [
      { host: 'web.internal', discover: 'all', port: 80 },
      { host: '_h._tcp.web.internal', discover: 'srv' },
    ],
  );
  assert.deepEqual(of(SERVER, 'server twice 10.0.0.1:81 weight 4'), [{ host: '10.0.0.1', port: 81, weight: 5 }]);
  assert.deepEqual(of('server a 10.0.0.1:1 backup', 'server b 10.0.0.2:1 backup'), [
    { host: '10.0.0.1', port: 1 },
    { host: '10.0.0.2', port: 1, backup: true },
  ]);
});

test('methods', () => {
  for (const [line, method, differs] of [
    ['balance roundrobin', 'round_robin', false],
    ['balance static-rr', 'round_robin', false],
    ['balance leastconn', 'least_connections', false],
    ['balance random', 'random', false],
    ['balance random(3)', 'random', true],
    ['balance source', 'source_hash', true],
    ['balance source\nhash-type consistent', 'source_hash', false],
    ['balance hash src\nhash-type consistent', 'source_hash', false],
    ['balance first', 'round_robin', true],
    ['balance uri', 'round_robin', true],
    ['stick-table type ip size 1m\nstick on src', 'source_hash', true],
  ] as const) {
    const service = only(BIND, line, SERVER);
    assert.equal(service.method, method, line);
    assert.equal(service.told.length > 0, differs, line);
  }
});

test('times, limits and what happens when a server goes down', () => {
  const { runtime } = only(
    BIND,
    'timeout client 90s\ntimeout server 1m\ntimeout connect 500\ntimeout queue 3s\ntimeout check 2s\ntimeout client-fin 10s',
    'maxconn 500\nbacklog 100\nretries 2\noption redispatch\nrate-limit sessions 50',
    'server a 10.0.0.1:1 maxconn 10 maxqueue 5 check inter 2s downinter 500ms fall 4 rise 5 slowstart 20s on-marked-down shutdown-sessions',
  );
  assert.deepEqual(runtime, {
    connection_idle_timeout_ms: 60_000,
    backend_connect_timeout_ms: 500,
    half_closed_timeout_ms: 10_000,
    health_check_timeout_ms: 2000,
    health_check_up_interval_ms: 2000,
    health_check_interval_ms: 500,
    health_check_fail_threshold: 4,
    health_check_success_threshold: 5,
    overload_policy: 'queue',
    queue_timeout_ms: 3000,
    queue_max: 5,
    max_concurrent_connections: 500,
    max_connection_rate: 50,
    max_connect_attempts: 3,
    tcp_backlog: 100,
    slow_start_ms: 20_000,
    on_backend_down: 'reset',
  });
  assert.equal(
    only(BIND, SERVER, 'timeout client 1m', 'timeout tunnel 2h').runtime.connection_idle_timeout_ms,
    7_200_000,
  );
  const endless = only(BIND, SERVER, 'timeout client 0', 'timeout server 10s');
  assert.equal(endless.runtime.connection_idle_timeout_ms, 10_000);
  assert.deepEqual(endless.told, ['differs 4 timeout client 0']);
  for (const [own, all] of [
    [500, 100],
    [100, 500],
  ] as const)
    assert.equal(
      only(`${BIND} maxconn ${own}`, SERVER, `maxconn ${all}`).runtime.max_concurrent_connections,
      100,
      `${own} ${all}`,
    );
  assert.equal(only(BIND, SERVER, 'timeout client 30d').runtime.connection_idle_timeout_ms, 604_800_000);
});

test('a service whose rules have more networks than bal takes is left out, not opened to everybody', () => {
  const rules = Array.from({ length: 11 }, (_, i) => {
    const networks = Array.from({ length: 1000 }, (_unused, k) => `10.${i}.${k >> 8}.${k & 255}`);
    return `tcp-request connection reject if { src ${networks.join(' ')} }`;
  });
  const { services, notes } = mapped(`listen a\n${BIND}\n${SERVER}\n${rules.join('\n')}\n`);
  assert.deepEqual(services, []);
  assert.match(JSON.stringify(notes), /at most 10,000 networks/);
});

test('checks', () => {
  const of = (...lines: string[]) => only(BIND, ...lines).health_check;
  const checked = `${SERVER} check`;
  assert.deepEqual(of(SERVER), { type: 'none' });
  assert.equal(of(checked), undefined);
  assert.deepEqual(of(`${checked} port 9`), { type: 'tcp', port: 9 });
  assert.deepEqual(of(checked, 'option httpchk'), { type: 'http' });
  assert.deepEqual(of(checked, 'option httpchk /health'), { type: 'http', path: '/health' });
  assert.deepEqual(
    of(
      `${checked} check-ssl verify none check-sni a.example`,
      'option httpchk',
      'http-check send meth GET uri /h hdr Host b.example',
      'http-check expect status 200,300-310',
    ),
    {
      type: 'http',
      path: '/h',
      host: 'b.example',
      expect_status: ['200', '300-310'],
      tls: true,
      server_name: 'a.example',
      verify: false,
    },
  );
  const asks =
    'option tcp-check\ntcp-check connect\ntcp-check send-binary 50494e470d0a\ntcp-check expect rstring ^\\+PONG';
  assert.deepEqual(of(checked, asks), { type: 'expect', send: 'PING\\r\\n', expect: '+PONG' });
  assert.equal(of(checked, 'option tcp-check\ntcp-check connect'), undefined);
  // An expression is no port and no name.
  assert.equal(of(checked, 'option tcp-check\ntcp-check connect port %[var(txn.p)]'), undefined);
  assert.deepEqual(of(checked, 'option httpchk\nhttp-check connect ssl port x sni str(a.example)'), {
    type: 'http',
    tls: true,
  });
  assert.deepEqual(of(checked, 'option httpchk\nhttp-check connect ssl port 8443 sni a.example'), {
    type: 'http',
    port: 8443,
    tls: true,
    server_name: 'a.example',
  });
  assert.deepEqual(of(checked, 'option tcp-check\ntcp-check connect port 7'), { type: 'tcp', port: 7 });
  assert.deepEqual(
    of(checked, 'option tcp-check\ntcp-check expect string SSH\ntcp-check send x\ntcp-check expect string y'),
    {
      type: 'expect',
      expect: 'SSH',
      match: 'contains',
    },
  );
  assert.deepEqual(of(checked, 'option redis-check'), { type: 'expect', send: 'PING\\r\\n', expect: '+PONG' });
  assert.deepEqual(of(checked, 'option pgsql-check user bal'), {
    type: 'expect',
    send: '\\x00\\x00\\x00\\x12\\x00\\x03\\x00\\x00user\\x00bal\\x00\\x00',
    expect: 'R',
  });
});

test('who may come, and how often', () => {
  const of = (...lines: string[]) => {
    const { access, runtime, told } = only(BIND, SERVER, ...lines);
    return { access, runtime, told };
  };
  assert.deepEqual(of('tcp-request connection reject if { src 10.6.0.0/16 }').access, { deny: ['10.6.0.0/16'] });
  assert.deepEqual(of('acl ok src 10.0.0.0/8', 'acl ok src ::1', 'tcp-request connection reject unless ok').access, {
    allow: ['10.0.0.0/8', '::1'],
  });
  assert.deepEqual(of('tcp-request content accept if LOCALHOST', 'tcp-request content reject').access, {
    allow: ['127.0.0.0/8', '::1'],
  });
  assert.deepEqual(
    of(
      'stick-table type ip size 1m expire 1m store conn_cur,conn_rate(1s)',
      'tcp-request connection track-sc0 src',
      'tcp-request connection reject if { sc0_conn_cur ge 11 } || { sc0_conn_rate gt 20 }',
    ),
    { access: undefined, runtime: { max_connections_per_source: 10, max_connection_rate_per_source: 20 }, told: [] },
  );
  const hello = 'acl tls req.ssl_hello_type 1\ntcp-request content accept if tls\ntcp-request content reject';
  assert.deepEqual(of('tcp-request content reject if { src 10.0.0.1 }', hello).access, { deny: ['10.0.0.1'] });
  const table = 'stick-table type ip size 1m expire 1m store conn_cur';
  for (const key of ['dst', 'src,ipmask(24)']) {
    const tracked = `tcp-request connection track-sc1 ${key}`;
    const other = of(table, tracked, 'tcp-request connection reject if { sc1_conn_cur gt 9 }');
    assert.deepEqual([other.runtime, other.told.length], [{}, 2], `it counts by ${key}`);
  }
  const spared = of(
    table,
    'tcp-request connection accept if { src 10.0.0.0/8 }',
    'tcp-request connection reject if { src_conn_cur gt 9 }',
  );
  assert.deepEqual(spared.told, ['differs 6 tcp-request connection reject if { src_conn_cur gt 9 }']);
  const dropped = of('tcp-request connection silent-drop if { src 10.0.0.1 }');
  assert.deepEqual([dropped.access, dropped.told.length], [{ deny: ['10.0.0.1'] }, 1]);
  const stages = of('tcp-request connection accept if LOCALHOST', 'tcp-request content reject if { src 127.0.0.9 }');
  assert.deepEqual(stages.access, { deny: ['127.0.0.9'] }, 'an accept holds for its stage alone');
  const lost = of('tcp-request connection reject if { src -f bad.lst }');
  assert.deepEqual(
    [lost.access, lost.told],
    [undefined, ['lost 4 tcp-request connection reject if { src -f bad.lst }']],
  );
  assert.deepEqual(mapped(`listen a\n${BIND}\n${SERVER}\ntcp-request connection reject\n`).services, []);
});

test('routes by server name, ALPN and port', () => {
  const of = (...rules: string[]) =>
    mapped(
      `frontend f\nbind :1\n${rules.join('\n')}\nbackend x\nserver s 10.0.0.1:1\nbackend y\nserver s 10.0.0.2:1\n`,
    ).services.map(({ server_name: names = [], alpn = [], backends }) =>
      [...names, ...alpn, backends[0]?.host].join(' '),
    );
  assert.deepEqual(of('use_backend x if { req.ssl_sni -i A.example b.example }', 'default_backend y'), [
    'a.example b.example 10.0.0.1',
    '10.0.0.2',
  ]);
  assert.deepEqual(
    of('use_backend x if { req_ssl_sni -m end .a.example }', 'use_backend y if { req_ssl_sni b.a.example }'),
    ['*.a.example 10.0.0.1'],
  );
  assert.deepEqual(of('use_backend x if { req.ssl_hello_type 1 } { req.ssl_alpn h2 }', 'default_backend y'), [
    'h2 10.0.0.1',
    '10.0.0.2',
  ]);
  const { told } = mapped(
    `frontend f
bind :1
use_backend x if { req.ssl_alpn h2 }
use_backend y if { req.ssl_sni a.example }
default_backend y
backend x
server s 10.0.0.1:1
backend y
server s 10.0.0.2:1`,
  );
  assert.deepEqual(told, ['differs 4 use_backend y if { req.ssl_sni a.example }'], 'x gets those of h2 first');
  assert.deepEqual(of('use_backend x if { dst_port 2 }', 'use_backend y if { dst_port 1 }'), ['10.0.0.2']);
  assert.deepEqual(of('use_backend x if { src 10.0.0.0/8 }', 'default_backend y'), ['10.0.0.2']);
  assert.deepEqual(of('use_backend x', 'default_backend y'), ['10.0.0.1']);
  assert.deepEqual(of('use_backend %[req.ssl_sni,map(a)]', 'use_backend z if TRUE'), []);
});

test('the whole instance', () => {
  const { draft, told } = mapped(`global
maxconn 1000
nbthread 3
hard-stop-after 10s
defaults
option tcplog
resolvers r
nameserver a 10.0.0.2:53
hold valid 5s
frontend s
mode http
bind 127.0.0.1:9000
stats uri /
listen a
bind 127.0.0.1:80
server-template s 2 web.internal:1 resolvers r
`);
  const { services, ...top } = draft;
  assert.equal(services.length, 1);
  assert.deepEqual(top, {
    workers: 3,
    admin: '127.0.0.1:9000',
    log_connections: 'all',
    dns_servers: ['10.0.0.2:53'],
    runtime: { max_concurrent_connections: 1000, drain_timeout_ms: 10_000, dns_max_age_ms: 5000 },
  });
  assert.equal(told.filter((it) => it.startsWith('lost')).length, 0);
});

test('a page with a password is not opened to everybody', () => {
  const of = (...lines: string[]) => {
    const page = `frontend s\nmode http\nbind *:9000\nstats uri /\n${lines.join('\n')}\n`;
    const { draft, told } = mapped(`${page}listen a\n${BIND}\n${SERVER}\n`);
    return [draft.admin, told.filter((it) => it.startsWith('lost')).join()];
  };
  assert.deepEqual(of(), ['0.0.0.0:9000', '']);
  assert.deepEqual(of('stats auth a:b'), ['127.0.0.1:9000', 'lost 5 stats auth']);
  assert.deepEqual(of('http-request deny unless { src 10.0.0.0/8 }'), ['127.0.0.1:9000', 'lost 5 http-request deny']);
  assert.deepEqual(of('tcp-request connection reject unless { src 10.0.0.0/8 }'), [
    '127.0.0.1:9000',
    'lost 5 tcp-request connection',
  ]);
});

test('lines whose variables hold too much, alone or together, are told', () => {
  const long = '$A'.repeat(60);
  const sources = '  acl x src "$B"\n'.repeat(30);
  const text = `global\nsetenv A ${'x'.repeat(1000)}\nsetenv B "${long}"\nsetenv C "$B$B"\n.if streq("$B$B",a)\n.endif
listen a\n${BIND}\n${SERVER}\n${sources}`;
  const { services, notes } = mapped(text);
  assert.equal(services.length, 1);
  const lines = notes.filter(({ why }) => why.startsWith('its variables hold more')).map(({ line }) => line);
  // Line 3 takes 60,000 of 1,048,576 characters, lines 4 and 5 as much as a line may, and 14 of the others 60,000 each.
  assert.deepEqual(lines, [4, 5, ...Array.from({ length: 16 }, (_, i) => 24 + i)]);
});

test('.if, variables and named defaults', () => {
  const text = `global
setenv PORT 81
defaults a
timeout client 1m
defaults b
timeout client 2m
.if streq("$PORT",81)
listen x from a
bind "127.0.0.1:\${PORT}"
server s "10.0.0.1:\${PORT}"
.else
listen y
bind :1
.endif
listen z
bind 127.0.0.1:90
server s 10.0.0.1:1
`;
  const { services, told } = mapped(text);
  assert.deepEqual(
    services.map(({ name, port, runtime }) => [name, port, runtime.connection_idle_timeout_ms]),
    [
      ['x', 81, 60_000],
      ['z', 90, 120_000],
    ],
  );
  assert.deepEqual(told, ['differs 9 ${PORT}']);
});

test('a listener without a backend is told', () => {
  assert.deepEqual(mapped('frontend f\nbind :1\nfrobnicate\n').told, ['lost 1 frontend f']);
  assert.deepEqual(mapped('listen a\nbind :1\nserver s 10.0.0.1:1 weight x\nretries x\n').told, [
    'lost 3 weight x',
    'lost 4 retries x',
  ]);
});

test('what is not TCP, or would not work, is named and left out', () => {
  const { services, told } = mapped(`listen web
mode http
bind :80
server s 10.0.0.1:80
listen ends
bind :1 ssl crt a
server s 10.0.0.1:80
listen begins
bind :2
server s 10.0.0.1:443 ssl
ring r
size 1000
`);
  assert.deepEqual(services, []);
  assert.deepEqual(told, [
    'lost 1 listen web',
    'lost 5 listen ends',
    'lost 6 bind :1 ssl crt a',
    'lost 8 listen begins',
    'lost 10 server s 10.0.0.1:443 ssl',
    'lost 11 ring r',
  ]);
});
