import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { PLAN, VERDICT, converse, handlers, serving, stillAnswers, socketPath } from '../testing/control-server.ts';
import { request, stream } from './client.ts';
import type { StopProgress, StopRequest } from './protocol.ts';
import { serveControl, serveQuestions } from './server.ts';
import { stopRequest } from './stop.ts';

test('status, plan and reload come back as the handlers gave them', async (t) => {
  const path = await serving(t);
  await stillAnswers(path);
  const plan = await request(path, 'GET', '/plan', undefined, 30_000);
  assert.deepEqual(plan, { ok: true, status: 200, body: PLAN });
  const reload = await request(path, 'POST', '/reload', undefined, 30_000);
  assert.deepEqual(reload, { ok: true, status: 200, body: VERDICT });
});

test('a stop tells its request, streams its progress and ends when the handler does', async (t) => {
  const seen: StopRequest[] = [];
  const stop = (asked: StopRequest, progress: (p: StopProgress) => void) => {
    seen.push(asked);
    for (const remaining of [3, 1]) progress({ remaining });
    progress({ remaining: 0, cut: 1 });
    return Promise.resolve();
  };
  const path = await serving(t, { stop });
  const lines: unknown[] = [];
  const asked = { timeout_ms: 1500, now: true };
  const end = await stream(path, 'POST', '/stop', asked, 30_000, (line) => lines.push(line));
  assert.deepEqual(end, { ok: true, status: 200, body: null });
  assert.deepEqual(lines, [{ remaining: 3 }, { remaining: 1 }, { remaining: 0, cut: 1 }]);
  assert.deepEqual(seen, [asked]);
});

test('a stop that drains in silence shows that it is alive', async (t) => {
  let finish = () => {};
  const stop = () => new Promise<void>((resolve) => (finish = resolve));
  const path = await serving(t, { stop });
  const socket = connect(path);
  socket.write('POST /stop HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
  let text = '';
  while (!text.includes('\r\n1\r\n\n\r\n')) text += String((await once(socket, 'data'))[0]);
  finish();
  await once(socket, 'end');
  socket.destroy();
});

test('a stop goes on when its client goes away', async (t) => {
  let finish = () => {};
  let settled = false;
  const stop = async () => {
    await new Promise<void>((resolve) => (finish = resolve));
    settled = true;
  };
  const path = await serving(t, { stop });
  const socket = connect(path);
  socket.write('POST /stop HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
  await once(socket, 'data');
  socket.destroy();
  await stillAnswers(path);
  finish();
  await stillAnswers(path);
  assert.ok(settled);
});

test('a stop request is checked', () => {
  assert.deepEqual(stopRequest(null), { timeout_ms: null, now: false });
  assert.deepEqual(stopRequest({}), { timeout_ms: null, now: false });
  assert.deepEqual(stopRequest({ timeout_ms: 0 }), { timeout_ms: 0, now: false });
  for (const bad of [
    1,
    'x',
    [],
    true,
    { timeout_ms: -1 },
    { timeout_ms: '1' },
    { timeout_ms: 1e12 },
    { timeout_ms: 1.5 },
    { now: 1 },
  ]) {
    assert.equal(stopRequest(bad), null, JSON.stringify(bad));
  }
});

test('what a handler throws is a 500 to the client and nothing to the server', async (t) => {
  const path = await serving(t, { status: () => Promise.reject(new Error('no luck')) });
  assert.deepEqual(await request(path, 'GET', '/status', undefined, 30_000), {
    ok: true,
    status: 500,
    body: { error: 'no luck' },
  });
  assert.ok((await request(path, 'POST', '/reload', undefined, 30_000)).ok);
});

test('unknown routes are 404, wrong methods 405, bodies that are no request 400', async (t) => {
  const path = await serving(t);
  const cases: readonly (readonly ['GET' | 'POST', string, unknown, number])[] = [
    ['GET', '/', undefined, 404],
    ['GET', '/status/', undefined, 404],
    ['GET', '/%2e%2e/status', undefined, 404],
    ['POST', '/__proto__', undefined, 404],
    ['POST', '/status', undefined, 405],
    ['GET', '/reload', undefined, 405],
    ['GET', '/stop', undefined, 405],
    ['POST', '/stop', { timeout_ms: 'soon' }, 400],
    ['POST', '/stop', { nwo: true }, 400],
    ['POST', '/stop', { now: true, timeout: 5 }, 400],
    ['GET', '/status?x=1', undefined, 200],
  ];
  for (const [method, route, body, status] of cases) {
    const got = await request(path, method, route, body, 30_000);
    assert.ok(got.ok, route);
    assert.equal(got.status, status, `${method} ${route}`);
  }
  assert.match(
    await converse(path, 'POST /stop HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n{{{'),
    /^HTTP\/1.1 400 .*\{"error":"the body is not JSON"\}\n$/s,
  );
  assert.match(await converse(path, 'GET /stop HTTP/1.1\r\nHost: x\r\n\r\n'), /Allow: POST/);
  assert.match(await converse(path, 'DELETE /status HTTP/1.1\r\nHost: x\r\n\r\n'), /^HTTP\/1.1 405 /);
});

test('close does not wait for a client that does not go', async (t) => {
  const path = socketPath(t);
  const control = await serveControl(path, handlers({ stop: () => new Promise(() => {}) }));
  const socket = connect(path);
  socket.write('POST /stop HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
  await once(socket, 'data');
  socket.resume();
  await Promise.all([control.close(), once(socket, 'close')]);
});

test('what is no socket stays where it is, and nobody listens beside it', async (t) => {
  const path = socketPath(t);
  mkdirSync(path);
  await assert.rejects(serveQuestions(path, handlers(), process.getegid?.() ?? 0), /is there, and no socket/);
  assert.deepEqual(readdirSync(dirname(path)), [basename(path)]);
});

test('who may only ask is answered every question, refused every change, and leaves room for others', async (t) => {
  const path = socketPath(t);
  const fail = () => assert.fail('a change was carried out');
  const unseen = await serveQuestions(
    path,
    handlers({ reload: fail, backends: fail, upgrade: fail, stop: fail }),
    process.getegid?.() ?? 0,
  );
  assert.equal(existsSync(path), false, 'nobody sees it yet');
  const drafts = readdirSync(dirname(path)).map((name) => statSync(join(dirname(path), name)).mode & 0o777);
  assert.deepEqual(drafts, [0o600], 'nor comes in by the name that it has until then');
  const control = unseen.appear();
  t.after(() => control.close());
  assert.equal(statSync(path).mode & 0o777, 0o660);
  await stillAnswers(path);
  for (const question of ['/why', '/plan', '/events', '/metrics']) {
    assert.match(await converse(path, `GET ${question} HTTP/1.1\r\nHost: x\r\n\r\n`), /^HTTP\/1\.1 200 /, question);
  }
  for (const change of ['/reload', '/upgrade', '/backends', '/stop']) {
    for (const body of [undefined, { now: true }, { action: 'drain', address: 'a:1' }]) {
      const answer = await request(path, 'POST', change, body, 30_000);
      assert.equal(answer.ok && answer.status, 403, change);
    }
    assert.match(await converse(path, `GET ${change} HTTP/1.1\r\nHost: x\r\n\r\n`), /^HTTP\/1\.1 405 /);
  }
  const followers = Array.from({ length: 40 }, () => connect(path));
  t.after(() => followers.forEach((socket) => socket.destroy()));
  const first = await Promise.all(
    followers.map(async (socket) => {
      socket.write('GET /events/follow HTTP/1.1\r\nHost: x\r\n\r\n');
      return String((await once(socket, 'data'))[0]).slice(0, 12);
    }),
  );
  assert.equal(first.filter((line) => line === 'HTTP/1.1 200').length, 32);
  assert.equal(first.filter((line) => line === 'HTTP/1.1 429').length, 8);
  await stillAnswers(path);
});
