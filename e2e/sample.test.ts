// The sample backend behaves as its help says, seen by a client.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../dist/backend.js', import.meta.url));

interface Sample {
  readonly child: ChildProcess;
  readonly port: number;
  readonly control: number;
  /** Sets the behaviour and returns the answer, which comes once it is in effect. */
  order(words: string): Promise<Record<string, unknown>>;
}

async function sample(t: TestContext, ...flags: string[]): Promise<Sample> {
  const child = spawn(process.execPath, [program, '--port', '0', '--control', '0', '--tied', ...flags], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<Record<string, unknown>> => {
    const line: unknown = JSON.parse(String((await lines.next()).value));
    assert.ok(typeof line === 'object' && line !== null);
    return { ...line };
  };
  const ready = await next();
  return {
    child,
    port: Number(ready['port']),
    control: Number(ready['control']),
    order: (words) => {
      child.stdin.write(`${words}\n`);
      return next();
    },
  };
}

/** Returns a connected client, or the code of the connect error. */
async function client(port: number): Promise<Socket | string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(socket));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

async function connected(t: TestContext, port: number): Promise<Socket> {
  const socket = await client(port);
  if (typeof socket === 'string') throw new Error(`Cannot connect: ${socket}`);
  t.after(() => socket.destroy());
  return socket;
}

async function firstData(socket: Socket): Promise<string> {
  const [chunk]: unknown[] = await once(socket, 'data');
  return String(chunk);
}

test('it answers HTTP with its name, its port and a count', async (t) => {
  const backend = await sample(t, '--name', 'alpha');
  for (const count of [1, 2]) {
    const response = await fetch(`http://127.0.0.1:${backend.port}/`);
    assert.match(
      await response.text(),
      new RegExp(`^alpha at 127\\.0\\.0\\.1:${backend.port}, request ${count}, from 127\\.0\\.0\\.1:\\d+\n$`),
    );
  }
});

test('--echo sends every byte back and ends after the client has', async (t) => {
  const backend = await sample(t, '--echo');
  const socket = await connected(t, backend.port);
  const sent = Buffer.alloc(1_000_003, 'abcdefg');
  socket.end(sent);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(Buffer.from(chunk));
  assert.ok(Buffer.concat(chunks).equals(sent));
});

test('refuse closes the listener, keeps open connections, and serve opens the same port again', async (t) => {
  const backend = await sample(t, '--echo');
  const early = await connected(t, backend.port);
  assert.equal((await backend.order('refuse'))['behaviour'], 'refuse');
  assert.equal(await client(backend.port), 'ECONNREFUSED');
  early.write('still here');
  assert.equal(await firstData(early), 'still here');
  await backend.order('serve');
  const late = await connected(t, backend.port);
  late.write('back');
  assert.equal(await firstData(late), 'back');
});

test('reset resets open connections and new ones', async (t) => {
  const backend = await sample(t, '--echo');
  const socket = await connected(t, backend.port);
  socket.write('x');
  await firstData(socket);
  const broken = once(socket, 'error');
  await backend.order('reset');
  assert.match(String((await broken)[0]), /ECONNRESET/);
  const next = connect(backend.port, '127.0.0.1');
  assert.match(String((await once(next, 'error'))[0]), /ECONNRESET/);
});

test('stall answers nothing until serve, then what was held', async (t) => {
  const backend = await sample(t, '--behave', 'stall');
  const socket = await connected(t, backend.port);
  let answered = false;
  socket.on('data', () => (answered = true));
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  // Two round trips to the backend by another path: it has had the chance to answer.
  const status = await fetch(`http://127.0.0.1:${backend.control}/`);
  assert.deepEqual(await status.json(), { behaviour: 'stall', count: 0, open: 1 });
  await backend.order('stall');
  assert.equal(answered, false);
  const answer = once(socket, 'data');
  await backend.order('serve');
  assert.match(String((await answer)[0]), /^HTTP\/1\.1 200/);
});

test('slow answers no sooner than it was told', async (t) => {
  const backend = await sample(t, '--behave', 'slow 150');
  const before = performance.now();
  await (await fetch(`http://127.0.0.1:${backend.port}/`)).text();
  // Node's timers may fire up to a millisecond early.
  assert.ok(performance.now() - before >= 149);
});

for (const flags of [[], ['--echo']]) {
  test(`half-close answers once, ends, and goes on reading ${flags.join()}`, async (t) => {
    const backend = await sample(t, '--behave', 'half-close', ...flags);
    const socket = await connected(t, backend.port);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const ended = once(socket, 'end');
    assert.match(await firstData(socket), /HTTP\/1\.1/);
    await ended;
    const open = async (): Promise<unknown> => (await backend.order('half-close'))['open'];
    assert.equal(await open(), 1);
    const closed = once(socket, 'close');
    socket.end();
    await closed;
    while ((await open()) !== 0);
  });
}

test('flap refuses and serves in turn', async (t) => {
  const backend = await sample(t, '--behave', 'flap 40');
  for (const wanted of ['refused', 'served', 'refused', 'served']) {
    for (;;) {
      const result = await client(backend.port);
      if (typeof result !== 'string') result.destroy();
      if ((typeof result === 'string' ? 'refused' : 'served') === wanted) break;
    }
  }
});

test('the control port changes the behaviour and says what it does not know', async (t) => {
  const backend = await sample(t);
  const post = (path: string) => fetch(`http://127.0.0.1:${backend.control}${path}`, { method: 'POST' });
  assert.deepEqual(await (await post('/refuse')).json(), { behaviour: 'refuse', count: 0, open: 0 });
  assert.equal(await client(backend.port), 'ECONNREFUSED');
  const wrong = await post('/explode');
  assert.equal(wrong.status, 400);
  assert.match(await wrong.text(), /unknown behaviour/);
});

test('SIGTERM ends it at once, and so does the end of stdin with --tied', async (t) => {
  for (const end of [(s: Sample) => s.child.kill('SIGTERM'), (s: Sample) => s.child.stdin?.end()]) {
    const backend = await sample(t, '--behave', 'stall');
    await connected(t, backend.port);
    const gone = once(backend.child, 'exit');
    end(backend);
    assert.deepEqual(await gone, [0, null]);
  }
});

test('a wrong option is one line and exit 2; a port in use is one line and exit 1', async (t) => {
  const busy = await sample(t);
  for (const [args, code] of [
    [['--nonsense'], 2],
    [['--behave', 'explode'], 2],
    [['--port', '70000'], 2],
    [['--port', String(busy.port)], 1],
  ] as const) {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk) => (said += String(chunk)));
    assert.deepEqual(await once(child, 'close'), [code, null], args.join(' '));
    assert.match(said, /^[^\n]+\n$/, args.join(' '));
  }
});
