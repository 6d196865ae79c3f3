// Checks that expect an answer, against real servers that answer wrongly in every way.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { HealthCheckPlan } from '../../../../../config/health-check.ts';
import { plainBackend, type SendProxy } from '../../../../../config/plan.ts';
import { probe, type Probed } from '../probe.ts';
import { preambleFor, questionFor } from './question.ts';

const LONG = 20_000;

const HTTP: HealthCheckPlan = {
  type: 'http',
  port: null,
  path: '/health?all=1',
  host: null,
  expectStatus: [{ from: 200, to: 399 }],
  tls: null,
};
const PING: HealthCheckPlan = {
  type: 'expect',
  port: null,
  send: String.raw`PING\r\n`,
  expect: '+PONG',
  match: 'begins',
  tls: null,
};
const CONTAINS: HealthCheckPlan = { ...PING, send: null, expect: 'mysql_native', match: 'contains' };

interface Peer {
  readonly port: number;
  /** What it received, over all connections. */
  readonly received: () => string;
  /** How each connection ended. */
  readonly ends: string[];
  readonly gone: Promise<unknown>;
}

/** A server that runs `behave` on each connection. */
async function peer(t: TestContext, behave: (socket: Socket) => void): Promise<Peer> {
  let received = '';
  const ends: string[] = [];
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on('data', (bytes) => (received += bytes.toString('latin1')));
    socket.on('end', () => {
      ends.push('end');
      socket.end();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => ends.push(error.code ?? 'error'));
    socket.on('close', () => {
      open.delete(socket);
      server.emit('gone');
    });
    behave(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return { port: address.port, received: () => received, ends, gone: once(server, 'gone') };
}

async function check(
  what: HealthCheckPlan,
  port: number,
  timeoutMs = LONG,
  ips = ['127.0.0.1'],
  sendProxy: SendProxy = 'none',
): Promise<Probed> {
  const backend = {
    host: 'db.internal',
    port,
    address: '',
    weight: 1,
    backup: false,
    rank: 0,
    maxConnections: 0,
    sendProxy: null,
    sources: [],
    discover: 'address' as const,
    discoveredFrom: null,
    hostname: null,
  };
  const open = new Set<Socket>();
  const preamble = preambleFor({ healthCheck: what, sendProxy }, backend);
  const options = { port, timeoutMs, preamble, question: questionFor(what, backend), source: () => undefined };
  const result = await probe(ips, options, { open, signal: new AbortController().signal });
  for (const socket of open) if (!socket.destroyed) await once(socket, 'close');
  return result;
}

test('a discovered backend is asked by its name, in the Host header as in TLS', () => {
  const backend = { ...plainBackend('10.0.0.1', 8443), discoveredFrom: '_x._tcp.test', hostname: 'a.test' };
  const tls = { serverName: null, verify: true };
  const asked = questionFor({ ...HTTP, tls }, backend);
  assert.match(String(asked?.send), /^Host: a\.test:8443\r$/m);
  assert.deepEqual(asked?.tls, { serverName: 'a.test', address: 'a.test', verify: true });
  assert.match(
    String(questionFor({ ...HTTP, port: 81, host: 'b.test', tls: null }, backend)?.send),
    /^Host: b\.test\r$/m,
  );
});

test('a check asks at a Unix socket as it does at a port', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bal-unix-'));
  const path = join(folder, 'app.sock');
  const received: string[] = [];
  const server = createServer((socket) => {
    socket.once('data', (bytes: Buffer) => {
      received.push(bytes.toString());
      socket.end('HTTP/1.1 204 No Content\r\n\r\n');
    });
  }).listen(path);
  await once(server, 'listening');
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const open = new Set<Socket>();
  const signal = new AbortController().signal;
  const of = (plan: HealthCheckPlan) =>
    probe(
      [path],
      {
        port: 0,
        timeoutMs: LONG,
        preamble: null,
        question: questionFor(plan, plainBackend(path, 0)),
        source: () => undefined,
      },
      { open, signal },
    );
  assert.deepEqual(await of({ type: 'tcp', port: null }), { ok: true, ip: path });
  assert.deepEqual(await of(HTTP), { ok: true, ip: path });
  assert.match(received[0] ?? '', /^Host: localhost\r$/m);
  const closed = once(server, 'close');
  server.close();
  for (const socket of open) if (!socket.destroyed) await once(socket, 'close');
  await closed;
  assert.deepEqual(await of({ type: 'tcp', port: null }), { ok: false, cause: 'refused', fact: null });
});

function factOf(result: Probed): string {
  assert.ok(!result.ok && result.cause === 'bad_answer', JSON.stringify(result));
  return result.fact ?? '';
}

const UP = { ok: true, ip: '127.0.0.1' };

/** An answer byte by byte. */
function drip(text: string): (socket: Socket) => void {
  return (socket) => {
    socket.setNoDelay(true);
    const rest = Array.from(text);
    const next = (): void => {
      const byte = rest.shift();
      if (byte !== undefined && socket.writable) socket.write(byte, 'latin1', () => setImmediate(next));
    };
    next();
  };
}

test('a backend that is told of clients is told that a check is none, before all else, and is left without a reset', async (t) => {
  const hellos = { v1: 'PROXY UNKNOWN\r\n', v2: '\r\n\r\n\0\r\nQUIT\n\x20\0\0\0' } as const;
  for (const version of ['v1', 'v2'] as const) {
    for (const [plan, asked, answer] of [
      [{ type: 'tcp', port: null }, '', ''],
      [PING, 'PING\r\n', '+PONG'],
    ] as const) {
      const { port, received, ends, gone } = await peer(t, (socket) => {
        socket.on('data', () => answer !== '' && received().endsWith(asked) && socket.end(answer));
      });
      assert.deepEqual(await check(plan, port, LONG, ['127.0.0.1'], version), UP);
      await gone;
      assert.deepEqual([received(), ends], [hellos[version] + asked, ['end']]);
    }
  }
  const elsewhere = await peer(t, (socket) => socket.once('data', () => socket.end('+PONG')));
  const { port } = elsewhere;
  assert.deepEqual(await check({ ...PING, port }, port, LONG, ['127.0.0.1'], 'v2'), UP);
  assert.equal(elsewhere.received(), 'PING\r\n', 'a port of its own does not expect it');
});

test('http: a GET request with the host is sent, and the status decides', async (t) => {
  const { port, received, ends, gone } = await peer(t, (socket) =>
    socket.once('data', () => socket.end('HTTP/1.1 204 No Content\r\n\r\n')),
  );
  assert.deepEqual(await check(HTTP, port), UP);
  await gone;
  assert.deepEqual(ends, ['end'], 'and it is told goodbye without a reset');
  const lines = received().split('\r\n');
  assert.equal(lines[0], 'GET /health?all=1 HTTP/1.1');
  assert.ok(lines.includes(`Host: db.internal:${port}`) && lines.includes('Connection: close'));
  assert.ok(received().endsWith('\r\n\r\n'));
});

test('http: another status than those expected fails, and says which', async (t) => {
  const { port } = await peer(t, (socket) => socket.write('HTTP/1.1 503 Service Unavailable\r\n'));
  assert.equal(factOf(await check(HTTP, port)), 'HTTP status 503, expected 200-399');
  const all = [
    { from: 200, to: 200 },
    { from: 500, to: 503 },
  ];
  assert.deepEqual(await check({ ...HTTP, expectStatus: all }, port), UP);
});

test('an answer in single bytes is one answer', async (t) => {
  const http = await peer(t, drip('HTTP/1.0 200 OK\r\n'));
  assert.deepEqual(await check(HTTP, http.port), UP);
  const redis = await peer(t, drip('+PONG\r\n'));
  assert.deepEqual(await check(PING, redis.port), UP);
  const mysql = await peer(t, drip('\x4a\0\0\0\x0a8.0\0mysql_native_password\0'));
  assert.deepEqual(await check(CONTAINS, mysql.port), UP);
});

test('what is no HTTP fails at once, and what is quoted of it is short and safe to print', async (t) => {
  const ssh = await peer(t, (socket) => socket.write('SSH-2.0-OpenSSH_9.8\r\n'));
  assert.match(factOf(await check(HTTP, ssh.port)), /^the answer "SSH-2\.0-OpenSSH_9\.8\\r\\n" is no HTTP$/);
  const tls = await peer(t, (socket) => socket.write(`\x15\x03\x01\x00\x02\x02\x1b[2J${'x'.repeat(5000)}`));
  const fact = factOf(await check(HTTP, tls.port));
  assert.match(fact, /^[\x20-\x7e…]*$/);
  assert.ok(fact.length < 220);
});

test('an answer that stops before it is whole, or does not begin, fails in time', async (t) => {
  const half = await peer(t, (socket) => socket.write('HTTP/1.1 20'));
  assert.equal(factOf(await check(HTTP, half.port, 50)), 'no complete answer within 50 ms');
  const silent = await peer(t, () => undefined);
  for (const what of [HTTP, PING, CONTAINS]) {
    assert.equal(factOf(await check(what, silent.port, 50)), 'no answer within 50 ms');
  }
  const closed = await peer(t, (socket) => socket.end());
  for (const what of [HTTP, PING, CONTAINS]) {
    assert.equal(factOf(await check(what, closed.port)), 'closed without an answer');
  }
  const cut = await peer(t, (socket) => socket.end('HTTP/1.1 20'));
  assert.equal(factOf(await check(HTTP, cut.port)), 'closed after "HTTP/1.1 20"');
  const reset = await peer(t, (socket) => socket.once('data', () => socket.resetAndDestroy()));
  assert.deepEqual(await check(HTTP, reset.port), { ok: false, cause: 'reset', fact: null });
});

/** Writes as fast as the peer reads, until it is gone; `sent` returns how much that was. */
function flood(chunk: Buffer, before = ''): { behave: (socket: Socket) => void; sent: () => number } {
  let sent = 0;
  return {
    sent: () => sent,
    behave(socket) {
      if (before !== '') socket.write(before);
      const more = (): void => {
        while (!socket.destroyed && socket.write(chunk)) sent += chunk.length;
        sent += chunk.length;
      };
      socket.on('drain', more);
      more();
    },
  };
}

test('an answer without end is read for a bounded part: a line, headers, a body, anything', async (t) => {
  const chunk = Buffer.alloc(16 * 1024, 'a');
  for (const [what, before, passes] of [
    [HTTP, 'HTTP/1.1 200 ', false],
    [HTTP, 'HTTP/1.1 200 OK\r\nX: ', true],
    [HTTP, 'HTTP/1.1 200 OK\r\n\r\n', true],
    [HTTP, '', false],
    [PING, '', false],
    [PING, '+PONG', true],
    [CONTAINS, '', false],
  ] as const) {
    const endless = flood(chunk, before);
    const { port, gone } = await peer(t, endless.behave);
    const result = await check(what, port);
    assert.equal(result.ok, passes, before);
    if (!result.ok) factOf(result);
    await gone;
    // What is read after the verdict, and what the kernel buffers on both sides.
    assert.ok(endless.sent() < 16 * 1024 * 1024, `${endless.sent()} bytes`);
  }
});

test('expect: bytes are sent, and the answer begins with those expected or does not', async (t) => {
  const redis = await peer(t, (socket) => socket.once('data', () => socket.write('+PONG\r\n')));
  assert.deepEqual(await check(PING, redis.port), UP);
  assert.equal(redis.received(), 'PING\r\n');
  const loading = await peer(t, (socket) => socket.write('-LOADING Redis is loading the dataset in memory\r\n'));
  assert.equal(
    factOf(await check(PING, loading.port)),
    'the answer "-LOADING Redis is loading the dataset in…" does not begin with "+PONG"',
  );
  const late = await peer(t, (socket) => socket.end('x+PONG'));
  assert.equal(factOf(await check(PING, late.port)), 'the answer "x+PONG" does not begin with "+PONG"');
});

test('expect: bytes anywhere in the answer are found, however it is cut', async (t) => {
  for (const parts of [['greeting mysql_native'], ['gre', 'eting mysql', '_nat', 'ive'], ['m', 'mysql_native']]) {
    const { port } = await peer(t, (socket) => {
      socket.setNoDelay(true);
      const rest = [...parts];
      const next = (): void => {
        const part = rest.shift();
        if (part !== undefined) socket.write(part, () => setTimeout(next, 5));
      };
      next();
    });
    assert.deepEqual(await check(CONTAINS, port), UP, parts.join('|'));
  }
  const other = await peer(t, (socket) => socket.end('mysql_nativ'));
  assert.equal(factOf(await check(CONTAINS, other.port)), 'the answer "mysql_nativ" does not contain "mysql_native"');
});

test('a wrong answer of one address leaves the others to try', async (t) => {
  const { port } = await peer(t, (socket) => {
    const isGood = socket.localAddress === '127.0.0.2';
    socket.once('data', () => socket.end(`HTTP/1.1 ${isGood ? 200 : 500} X\r\n\r\n`));
  });
  const second = createServer((socket) =>
    socket.on('error', () => undefined).once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n')),
  );
  second.listen(port, '127.0.0.2');
  await once(second, 'listening');
  t.after(() => second.close());
  assert.deepEqual(await check(HTTP, port, LONG, ['127.0.0.1', '127.0.0.2']), { ok: true, ip: '127.0.0.2' });
});
