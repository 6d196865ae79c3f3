import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, Socket, type AddressInfo, type Server } from 'node:net';
import { test, type TestContext } from 'node:test';
import { probe, type Connect, type ProbeOptions } from './probe.ts';

const LONG = 20_000;

interface Seen {
  readonly server: Server;
  readonly port: number;
  /** How the server saw each connection end: `end` or an errno name. */
  readonly ends: string[];
  readonly ended: Promise<unknown>;
}

async function serve(t: TestContext, greeting = '', options = {}): Promise<Seen> {
  const ends: string[] = [];
  const server = createServer(options, (socket) => {
    socket.resume();
    if (greeting !== '') socket.write(greeting);
    socket.on('end', () => ends.push('end'));
    socket.on('error', (error: NodeJS.ErrnoException) => ends.push(error.code ?? 'error'));
    socket.on('close', () => server.emit('seen'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { server, port: portOf(server), ends, ended: once(server, 'seen') };
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}

/** A loopback port that nothing listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOf(server);
  server.close();
  await once(server, 'close');
  return port;
}

function at(port: number, timeoutMs: number): ProbeOptions {
  return { port, timeoutMs, preamble: null, question: null, source: () => undefined };
}

function sockets() {
  return { open: new Set<Socket>(), signal: new AbortController().signal };
}

/** Connects that never end, as with a firewall that drops, or fail as told; by address. */
function scripted(script: Record<string, string>, real: Connect): Connect {
  return (options) => {
    const fate = script[options.host];
    if (fate === undefined) return real(options);
    const socket = new Socket();
    if (fate !== 'silent') process.nextTick(() => socket.destroy(Object.assign(new Error(fate), { code: fate })));
    return socket;
  };
}

const real: Connect = (options) => new Socket().connect(options);

test('a backend that accepts is up, and is told goodbye cleanly', async (t) => {
  const { port, ends, ended } = await serve(t);
  const all = sockets();
  assert.deepEqual(await probe(['127.0.0.1'], at(port, LONG), all), { ok: true, ip: '127.0.0.1' });
  await Promise.all([ended, ...Array.from(all.open, (socket) => once(socket, 'close'))]);
  assert.deepEqual(ends, ['end']);
  assert.equal(all.open.size, 0);
});

test('a backend that speaks first sees no reset either', async (t) => {
  const { port, ends, ended } = await serve(t, 'SSH-2.0-sample\r\n');
  assert.equal((await probe(['127.0.0.1'], at(port, LONG), sockets())).ok, true);
  await ended;
  assert.deepEqual(ends, ['end']);
});

test('a backend that does not close keeps no socket of ours for long', async (t) => {
  const { port, server } = await serve(t, '', { allowHalfOpen: true });
  const held: Socket[] = [];
  server.on('connection', (socket) => held.push(socket));
  const all = sockets();
  await probe(['127.0.0.1'], at(port, LONG), all);
  const [socket] = all.open;
  assert.ok(socket !== undefined);
  await once(socket, 'close');
  assert.equal(all.open.size, 0);
  for (const each of held) each.destroy();
});

test('a port that nobody listens on refuses', async () => {
  assert.deepEqual(await probe(['127.0.0.1'], at(await freePort(), LONG), sockets()), {
    ok: false,
    cause: 'refused',
    fact: null,
  });
});

test('silence is a timeout', async () => {
  const all = sockets();
  const connect = scripted({ '10.0.0.1': 'silent' }, real);
  assert.deepEqual(await probe(['10.0.0.1'], at(1, 20), all, { connect }), { ok: false, cause: 'timeout', fact: null });
  assert.ok([...all.open].every((socket) => socket.destroyed));
});

test('addresses are tried in order until one answers', async (t) => {
  const { port } = await serve(t);
  const connect = scripted({ '10.0.0.1': 'ECONNREFUSED', '10.0.0.2': 'EHOSTUNREACH' }, real);
  assert.deepEqual(await probe(['10.0.0.1', '10.0.0.2', '127.0.0.1'], at(port, LONG), sockets(), { connect }), {
    ok: true,
    ip: '127.0.0.1',
  });
  assert.deepEqual(await probe(['10.0.0.1', '10.0.0.2'], at(port, LONG), sockets(), { connect }), {
    ok: false,
    cause: 'unreachable',
    fact: null,
  });
});

test('an address that is silent leaves time for the others', async (t) => {
  const { port } = await serve(t);
  const all = sockets();
  const connect = scripted({ '10.0.0.1': 'silent' }, real);
  const result = await probe(['10.0.0.1', '127.0.0.1'], at(port, 400), all, { connect });
  assert.deepEqual(result, { ok: true, ip: '127.0.0.1' });
  assert.equal([...all.open].filter((socket) => !socket.destroyed).length <= 1, true, 'the silent one is given up');
});

test('our own shortage is told apart, also when another address refuses', async () => {
  for (const code of ['EMFILE', 'ENOBUFS', 'EADDRNOTAVAIL']) {
    const connect = scripted({ '10.0.0.1': code, '10.0.0.2': 'ECONNREFUSED' }, real);
    assert.deepEqual(await probe(['10.0.0.1'], at(1, LONG), sockets(), { connect }), {
      ok: false,
      cause: 'local',
      fact: null,
    });
    assert.deepEqual(await probe(['10.0.0.1', '10.0.0.2'], at(1, LONG), sockets(), { connect }), {
      ok: false,
      cause: 'local',
      fact: null,
    });
  }
});

test('when it is to stop, destroying its sockets ends it and nothing more is opened', async () => {
  const stopping = new AbortController();
  const open = new Set<Socket>();
  const opened: string[] = [];
  const silent = scripted({ '10.0.0.1': 'silent', '10.0.0.2': 'silent' }, real);
  const connect: Connect = (options) => {
    opened.push(options.host);
    return silent(options);
  };
  const result = probe(['10.0.0.1', '10.0.0.2'], at(1, LONG), { open, signal: stopping.signal }, { connect });
  stopping.abort();
  for (const socket of open) socket.destroy();
  assert.equal((await result).ok, false);
  assert.deepEqual(opened, ['10.0.0.1']);
  assert.equal(open.size, 0);
});

test('a connection that was reset before anybody looked had been made; one that was refused had not', async () => {
  const never: Connect = () => assert.fail();
  const met = (code: string) => ({ connect: scripted({ '127.0.0.1': code }, never) });
  const reset = await probe(['127.0.0.1'], at(1, LONG), sockets(), met('ECONNRESET'));
  assert.deepEqual(reset, { ok: true, ip: '127.0.0.1' });
  const refused = await probe(['127.0.0.1'], at(1, LONG), sockets(), met('ECONNREFUSED'));
  assert.deepEqual(refused, { ok: false, cause: 'refused', fact: null });
});
