import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import type { Plan } from '../../config/plan.ts';
import { request, stream } from './client.ts';
import type { ReloadVerdict, Status, StopProgress, StopRequest } from './protocol.ts';
import { serveControl, stopRequest, type ControlHandlers } from './server.ts';

let folder = '';
let counter = 0;
const freshPath = () => {
  const dir = join(folder, String(counter++));
  mkdirSync(dir);
  return join(dir, 'bal.sock');
};

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'bal-ctl-'));
});
after(() => rmSync(folder, { recursive: true }));

const STATUS: Status = {
  running: true,
  pid: 1,
  config_path: '/c',
  bind_address: '127.0.0.1',
  port: 1,
  method: 'round_robin',
  backend_total: 0,
  backend_reachable: 0,
  backends: [],
  active_connections: 0,
  last_check_time: null,
  protection_mode: { enabled: false, reason: null, since: null, exit_condition: null },
  version: '0',
  engine: 'js',
  uptime_ms: 1,
  generation: 1,
  state: 'running',
  max_connections: 1,
  services: [],
  workers: [],
  totals: null,
};
const PLAN: Plan = {
  configPath: '/c',
  logLevel: 'info',
  workers: 1,
  engine: 'auto',
  maxConnections: 1,
  logConnections: 'failed',
  admin: null,
  services: [],
};
const VERDICT: ReloadVerdict = {
  ok: true,
  generation: 2,
  changed: [],
  unchangeable: [],
  workers_replaced: 2,
  duration_ms: 3,
  problem: null,
  errors: [],
};

function handlers(change: Partial<ControlHandlers> = {}): ControlHandlers {
  return {
    status: () => Promise.resolve(STATUS),
    plan: () => Promise.resolve(PLAN),
    reload: () => Promise.resolve(VERDICT),
    why: () => Promise.resolve({ services: [] }),
    events: { recent: () => [], subscribe: () => () => undefined },
    stop: () => Promise.resolve(),
    ...change,
  };
}

/** Serves while `body` runs. */
async function serving(change: Partial<ControlHandlers>, body: (path: string) => Promise<void>): Promise<void> {
  const path = freshPath();
  const control = await serveControl(path, handlers(change));
  try {
    await body(path);
  } finally {
    await control.close();
  }
}

async function stillAnswers(path: string): Promise<void> {
  assert.deepEqual(await request(path, 'GET', '/status', undefined, 5000), { ok: true, status: 200, body: STATUS });
}

/** All that comes back until the server hangs up. */
async function converse(path: string, ...chunks: readonly (string | Buffer)[]): Promise<string> {
  const socket = connect({ path, allowHalfOpen: true });
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  socket.on('error', () => {});
  for (const chunk of chunks) socket.write(chunk);
  await new Promise((resolve) => socket.once('end', resolve).once('close', resolve));
  socket.destroy();
  return text;
}

test('status, plan and reload come back as the handlers gave them', () =>
  serving({}, async (path) => {
    await stillAnswers(path);
    const plan = await request(path, 'GET', '/plan', undefined, 5000);
    assert.deepEqual(plan, { ok: true, status: 200, body: PLAN });
    const reload = await request(path, 'POST', '/reload', undefined, 5000);
    assert.deepEqual(reload, { ok: true, status: 200, body: VERDICT });
  }));

test('the socket is for its owner only, from the moment it has its name, and goes away with the server', async () => {
  const path = freshPath();
  const control = await serveControl(path, handlers());
  assert.equal(lstatSync(path).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(join(path, '..')), ['bal.sock']);
  await control.close();
  assert.deepEqual(readdirSync(join(path, '..')), []);
  assert.deepEqual((await request(path, 'GET', '/status', undefined, 5000)).ok, false);
});

test('a stop tells its request, streams its progress and ends when the handler does', () => {
  const seen: StopRequest[] = [];
  const stop = (asked: StopRequest, progress: (p: StopProgress) => void) => {
    seen.push(asked);
    for (const remaining of [3, 1]) progress({ remaining });
    progress({ remaining: 0, cut: 1 });
    return Promise.resolve();
  };
  return serving({ stop }, async (path) => {
    const lines: unknown[] = [];
    const asked = { timeout_ms: 1500, now: true };
    const end = await stream(path, 'POST', '/stop', asked, 5000, (line) => lines.push(line));
    assert.deepEqual(end, { ok: true, status: 200, body: null });
    assert.deepEqual(lines, [{ remaining: 3 }, { remaining: 1 }, { remaining: 0, cut: 1 }]);
    assert.deepEqual(seen, [asked]);
  });
});

test('a stop that drains in silence shows that it is alive', () => {
  let finish = () => {};
  const stop = () => new Promise<void>((resolve) => (finish = resolve));
  return serving({ stop }, async (path) => {
    const socket = connect(path);
    socket.write('POST /stop HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
    let text = '';
    while (!text.includes('\r\n1\r\n\n\r\n')) text += String((await once(socket, 'data'))[0]);
    finish();
    await once(socket, 'end');
    socket.destroy();
  });
});

test('a stop goes on when its client goes away', () => {
  let finish = () => {};
  let settled = false;
  const stop = async () => {
    await new Promise<void>((resolve) => (finish = resolve));
    settled = true;
  };
  return serving({ stop }, async (path) => {
    const socket = connect(path);
    socket.write('POST /stop HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
    await once(socket, 'data');
    socket.destroy();
    await stillAnswers(path);
    finish();
    await stillAnswers(path);
    assert.ok(settled);
  });
});

test('a stop request is checked', () => {
  assert.deepEqual(stopRequest(null), { timeout_ms: null, now: false });
  assert.deepEqual(stopRequest({}), { timeout_ms: null, now: false });
  assert.deepEqual(stopRequest({ timeout_ms: 0 }), { timeout_ms: 0, now: false });
  for (const bad of [1, 'x', [], true, { timeout_ms: -1 }, { timeout_ms: '1' }, { timeout_ms: 1e12 }, { now: 1 }]) {
    assert.equal(stopRequest(bad), null, JSON.stringify(bad));
  }
});

test('what a handler throws is a 500 to the client and nothing to the server', () =>
  serving({ status: () => Promise.reject(new Error('no luck')) }, async (path) => {
    assert.deepEqual(await request(path, 'GET', '/status', undefined, 5000), {
      ok: true,
      status: 500,
      body: { error: 'no luck' },
    });
    assert.ok((await request(path, 'POST', '/reload', undefined, 5000)).ok);
  }));

test('unknown routes are 404, wrong methods 405, bodies that are no request 400', () =>
  serving({}, async (path) => {
    const cases: readonly (readonly ['GET' | 'POST', string, unknown, number])[] = [
      ['GET', '/', undefined, 404],
      ['GET', '/status/', undefined, 404],
      ['GET', '/%2e%2e/status', undefined, 404],
      ['POST', '/__proto__', undefined, 404],
      ['POST', '/status', undefined, 405],
      ['GET', '/reload', undefined, 405],
      ['GET', '/stop', undefined, 405],
      ['POST', '/stop', { timeout_ms: 'soon' }, 400],
      ['GET', '/status?x=1', undefined, 200],
    ];
    for (const [method, route, body, status] of cases) {
      const got = await request(path, method, route, body, 5000);
      assert.ok(got.ok, route);
      assert.equal(got.status, status, `${method} ${route}`);
    }
    assert.match(
      await converse(path, 'POST /stop HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n{{{'),
      /^HTTP\/1.1 400 .*\{"error":"the body is not JSON"\}\n$/s,
    );
    assert.match(await converse(path, 'GET /stop HTTP/1.1\r\nHost: x\r\n\r\n'), /Allow: POST/);
    assert.match(await converse(path, 'DELETE /status HTTP/1.1\r\nHost: x\r\n\r\n'), /^HTTP\/1.1 405 /);
  }));

test('garbage gets a 400 and the connection is closed', () =>
  serving({}, async (path) => {
    for (const garbage of ['hello\n\n', '\0\0\0\0', 'GET\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', '{"cmd":"stop"}\n']) {
      assert.match(await converse(path, garbage), /^HTTP\/1.1 400 Bad Request\r\n.*this is not HTTP/s, garbage);
    }
    const noise = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919 + 13) & 0xff));
    assert.match(await converse(path, noise), /^HTTP\/1.1 400 /);
    await stillAnswers(path);
  }));

test('a header or a body over 64 KiB is refused, whether it says so or not', () =>
  serving({}, async (path) => {
    const header = `GET /status HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`;
    assert.match(await converse(path, header), /^(HTTP\/1.1 431 .*)?$/s);
    const big = 'x'.repeat(1 << 20);
    const head = 'POST /stop HTTP/1.1\r\nHost: x\r\n';
    // The server hangs up while we still send, so the answer may be lost; what matters is that it does hang up.
    const answers = [
      await converse(path, `${head}Content-Length: ${big.length}\r\n\r\n`, big),
      await converse(path, `${head}Transfer-Encoding: chunked\r\n\r\n100000\r\n`, big),
    ];
    for (const text of answers) assert.match(text, /^(HTTP\/1.1 413 .*)?$/s);
    await stillAnswers(path);
  }));

test('one that sends nothing, or one byte and no more, is sent away after five seconds', { timeout: 20_000 }, () =>
  serving({}, async (path) => {
    const [silent, slow, half] = await Promise.all([
      converse(path),
      converse(path, 'G'),
      converse(path, 'POST /stop HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{'),
    ]);
    for (const text of [silent, slow, half]) assert.match(text, /^HTTP\/1.1 408 /);
    await stillAnswers(path);
  }),
);

test('a client that does not read its answer loses its place after five seconds', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const big = { ...STATUS, config_path: 'x'.repeat(16 << 20) };
  return serving({ status: () => Promise.resolve(big) }, async (path) => {
    const socket = connect(path);
    let size = 0;
    socket.write('GET /status HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'readable');
    t.mock.timers.tick(5000);
    socket.on('data', (chunk) => (size += chunk.length));
    await once(socket, 'close');
    assert.ok(size < 16 << 20, 'the rest of the answer was given up');
  });
});

test('a client that is gone before its answer harms nobody', () => {
  let answerNow = () => {};
  const status = () => new Promise<Status>((resolve) => (answerNow = () => resolve(STATUS)));
  return serving({ status }, async (path) => {
    const socket = connect(path);
    await once(socket, 'connect');
    socket.write('GET /status HTTP/1.1\r\nHost: x\r\n\r\n');
    // The reload is answered after the status handler was called: requests are read in order of arrival.
    await request(path, 'POST', '/reload', undefined, 5000);
    socket.destroy();
    await request(path, 'POST', '/reload', undefined, 5000);
    answerNow();
    assert.ok((await request(path, 'POST', '/reload', undefined, 5000)).ok);
  });
});

test('of a thousand clients at once some are turned away, none is left hanging, and the server lives', () =>
  serving({}, async (path) => {
    const answers = await Promise.all(
      Array.from({ length: 1000 }, () => request(path, 'GET', '/status', undefined, 20_000)),
    );
    const served = answers.filter((answer) => answer.ok).length;
    const turnedAway = answers.filter((answer) => !answer.ok && answer.cause === 'bad_answer').length;
    assert.ok(served > 0);
    // EAGAIN of a full queue, or hung up on: both are "no answer", neither is "not running".
    assert.equal(served + turnedAway, 1000);
    await stillAnswers(path);
  }));

test('64 idle clients fill the server up, and their leaving frees it', () =>
  serving({}, async (path) => {
    const idle: Socket[] = [];
    for (let i = 0; i < 64; i++) {
      const socket = connect(path);
      await once(socket, 'connect');
      idle.push(socket);
    }
    assert.equal(await converse(path, 'GET /status HTTP/1.1\r\nHost: x\r\n\r\n'), '');
    const over = idle.map((socket) => once(socket, 'close'));
    for (const socket of idle) socket.destroy();
    await Promise.all(over);
    let answered = false;
    while (!answered) answered = (await request(path, 'GET', '/status', undefined, 5000)).ok;
  }));

test('a second server on a live socket is refused and the first one goes on', () =>
  serving({}, async (path) => {
    await assert.rejects(serveControl(path, handlers()), /Cannot open the control socket: another process listens on/);
    await stillAnswers(path);
  }));

test('a socket whose server was killed is replaced', async () => {
  const path = freshPath();
  const child = spawn(process.execPath, [
    '-e',
    `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`,
  ]);
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.ok(existsSync(path));
  const control = await serveControl(path, handlers());
  await stillAnswers(path);
  await control.close();
  assert.ok(!existsSync(path));
});

test('a file, a directory or a symlink in its place is refused and stays', async () => {
  const places: readonly ((path: string) => void)[] = [
    (path) => writeFileSync(path, 'keep'),
    (path) => mkdirSync(path),
    (path) => symlinkSync('/nowhere', path),
  ];
  for (const put of places) {
    const path = freshPath();
    put(path);
    await assert.rejects(
      serveControl(path, handlers()),
      /Cannot open the control socket: .*bal.sock exists and is no socket/,
    );
    assert.deepEqual(readdirSync(join(path, '..')), ['bal.sock']);
  }
});

test('a path that is too long, or in no directory, is an error that says so', async () => {
  await assert.rejects(
    serveControl(join(folder, 'x'.repeat(100), 'bal.sock'), handlers()),
    /has \d+ bytes.*shorter BAL_HOME/,
  );
  await assert.rejects(
    serveControl(join(folder, 'none', 'bal.sock'), handlers()),
    /Cannot open the control socket: there is no .*none$/,
  );
});

test('close leaves a successor its socket', async () => {
  const path = freshPath();
  const first = await serveControl(path, handlers());
  rmSync(path);
  const second = await serveControl(path, handlers());
  await first.close();
  await stillAnswers(path);
  await second.close();
});

test('close does not wait for a client that does not go', async () => {
  const path = freshPath();
  const control = await serveControl(path, handlers({ stop: () => new Promise(() => {}) }));
  const socket = connect(path);
  socket.write('POST /stop HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
  await once(socket, 'data');
  socket.resume();
  await Promise.all([control.close(), once(socket, 'close')]);
});

/** A server that is no bal. */
async function fake(path: string, onSocket: (socket: Socket) => void): Promise<Server> {
  const server = createServer(onSocket).listen(path);
  await once(server, 'listening');
  return server;
}

test('the client tells a silent, a broken and a talkative server apart from none', async () => {
  const cases: readonly (readonly [(socket: Socket) => void, string])[] = [
    [() => {}, 'timeout'],
    [(socket) => socket.destroy(), 'bad_answer'],
    [(socket) => socket.end('hello\r\n\r\n'), 'bad_answer'],
    [(socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'), 'bad_answer'],
    [(socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"running":'), 'bad_answer'],
    [(socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"running":'), 'timeout'],
  ];
  for (const [behaviour, cause] of cases) {
    const path = freshPath();
    const sockets = new Set<Socket>();
    const server = await fake(path, (socket) => {
      sockets.add(socket.on('error', () => {}));
      behaviour(socket);
    });
    const answers = [
      await request(path, 'GET', '/status', undefined, 300),
      await stream(path, 'POST', '/stop', {}, 300, () => {}),
    ];
    for (const got of answers) assert.equal(got.ok ? got.status : got.cause, cause, behaviour.toString());
    for (const socket of sockets) socket.destroy();
    server.close();
  }
  for (const path of [freshPath(), folder]) {
    const nobody = await request(path, 'GET', '/status', undefined, 300);
    assert.equal(!nobody.ok && nobody.cause, 'not_running');
  }
});
