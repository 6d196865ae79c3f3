// Checks over TLS, against a server with a self-made certificate.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer as createPlain, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createServer } from 'node:tls';
import type { HealthCheckPlan } from '../../../../../config/health-check.ts';
import { lacking, run, workFolder } from '../../../../testing/program.ts';
import { words } from '../../../../testing/shape.ts';
import { probe, type Probed } from '../probe.ts';
import { questionFor } from './question.ts';

const LONG = 20_000;
const HTTP = { type: 'http', port: null, path: '/', host: null, expectStatus: [{ from: 200, to: 200 }] } as const;
const skip = lacking('openssl') ?? false;

async function listening(t: TestContext, server: Server): Promise<number> {
  const open = new Set<Socket>();
  server.on('connection', (socket) => open.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}

async function check(
  port: number,
  tls: { serverName: string | null; verify: boolean },
  what: Partial<{ host: string; timeoutMs: number; plan: HealthCheckPlan }> = {},
): Promise<Probed> {
  const { host = '127.0.0.1', timeoutMs = LONG, plan = { ...HTTP, tls } } = what;
  const backend = {
    host,
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
  const options = { port, timeoutMs, preamble: null, question: questionFor(plan, backend), source: () => undefined };
  const result = await probe(['127.0.0.1'], options, { open, signal: new AbortController().signal });
  for (const socket of open) if (!socket.destroyed) await once(socket, 'close');
  return result;
}

function factOf(result: Probed): string {
  assert.ok(!result.ok && result.cause === 'bad_answer', JSON.stringify(result));
  return result.fact ?? '';
}

test('over TLS the answer counts, and the certificate unless it is not to', { skip }, async (t) => {
  const folder = workFolder(t);
  const made = await run('openssl', [
    ...words('req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost'),
    '-keyout',
    join(folder, 'key.pem'),
    '-out',
    join(folder, 'cert.pem'),
    '-addext',
    'subjectAltName=DNS:localhost',
  ]);
  assert.equal(made.code, 0, made.stderr);
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => readFileSync(join(folder, name)));
  const asked: unknown[] = [];
  const ends: string[] = [];
  const server = createServer({ key, cert }, (socket) => {
    asked.push(socket.servername);
    socket.on('error', (error) => ends.push(error.message));
    socket.on('end', () => ends.push('end'));
    socket.once('data', (bytes) => socket.write(bytes.toString() === 'PING' ? '+PONG' : 'HTTP/1.1 200 OK\r\n\r\n'));
  });
  const port = await listening(t, server);
  const trusting = { serverName: null, verify: false };
  const UP = { ok: true, ip: '127.0.0.1' };

  assert.deepEqual(await check(port, trusting), UP);
  assert.deepEqual(await check(port, trusting, { host: 'db.internal' }), UP);
  assert.deepEqual(await check(port, { serverName: 'other.internal', verify: false }), UP);
  assert.deepEqual(asked, [false, 'db.internal', 'other.internal']);
  const ping: HealthCheckPlan = {
    type: 'expect',
    port: null,
    send: 'PING',
    expect: '+PONG',
    match: 'begins',
    tls: trusting,
  };
  assert.deepEqual(await check(port, trusting, { plan: ping }), UP);
  assert.deepEqual(ends, Array(4).fill('end'), 'each is told goodbye');

  // One server never closes, and one never stops: neither keeps a socket of ours open (check() waits for that).
  const holding = createServer({ key, cert, allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined).write('HTTP/1.1 200 OK\r\n\r\n');
    socket.resume();
  });
  assert.deepEqual(await check(await listening(t, holding), trusting), UP);
  const endless = createServer({ key, cert, allowHalfOpen: true }, (socket) => {
    const more = (): void => void (socket.writable && socket.write(Buffer.alloc(16 * 1024, 'a'), more));
    socket.on('error', () => undefined).write('HTTP/1.1 200 OK\r\n\r\n', more);
  });
  assert.deepEqual(await check(await listening(t, endless), trusting), UP);

  assert.match(factOf(await check(port, { serverName: null, verify: true })), /^TLS: self-signed certificate$/);
});

test('what speaks no TLS, hangs up or says nothing fails the check within its time', async (t) => {
  const verify = { serverName: null, verify: true };
  const plain = createPlain((socket) => socket.on('error', () => undefined).write('HTTP/1.1 400 Bad Request\r\n\r\n'));
  assert.match(factOf(await check(await listening(t, plain), verify)), /^TLS: [\x20-\x7e]+$/);
  const closing = createPlain((socket) => socket.on('error', () => undefined).end());
  assert.match(factOf(await check(await listening(t, closing), verify)), /^TLS: .*disconnected/);
  const silent = createPlain((socket) => socket.on('error', () => undefined).resume());
  const port = await listening(t, silent);
  assert.equal(factOf(await check(port, verify, { timeoutMs: 50 })), 'no answer within 50 ms');
});
