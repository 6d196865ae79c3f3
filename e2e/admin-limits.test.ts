// The admin listener's limits: few clients, small requests, short timeouts. It still answers while bal itself is full.
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { type Bal, startBal } from './harness.ts';
import { ask, converse } from './harness/admin.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { type EngineName, forEachEngine } from './harness/engines.ts';
import { echoes } from './harness/exchange.ts';
import { seriesIn } from './harness/exposition.ts';
import { startLoad } from './harness/load.ts';
import { atEnd } from '../lib/testing/owner.ts';
import { freePort } from '../lib/testing/ports.ts';
import { until } from '../lib/testing/until.ts';

/** Its connection limit; 16 of them may follow events. */
const PLACES = 64;

async function scene(
  t: TestContext,
  engine?: EngineName,
  runtime: Record<string, number> = {},
): Promise<{ bal: Bal; admin: number; port: number }> {
  const target = await backend(t, echo);
  const [port, admin] = [await freePort(), await freePort()];
  const config = configFor(port, [target], { admin: `127.0.0.1:${admin}`, runtime });
  const bal = await startBal(t, { config, ...(engine && { engine }) });
  await bal.checked();
  return { bal, admin, port };
}

/** A client of the admin listener that sends nothing on its own. */
async function visitor(
  t: TestContext,
  port: number,
): Promise<{ socket: Socket; received: () => string; over: Promise<void> }> {
  const socket = connect({ port, host: '127.0.0.1' });
  atEnd(t, () => socket.destroy());
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  socket.on('error', () => undefined);
  const over = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await new Promise<void>((resolve) => socket.once('connect', resolve).once('close', () => resolve()));
  return { socket, received: () => text, over };
}

test('what is too large is refused: header, address, body', async (t) => {
  const { admin } = await scene(t);
  const big = 'x'.repeat(20_000);
  const head = 'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n';
  // It closes while we are still sending, so the answer may be lost; a 200 must not come.
  for (const text of [
    await converse(admin, `${head}X: ${big}\r\n\r\n`),
    await converse(admin, `${head}${'X-Header: value\r\n'.repeat(2000)}\r\n`),
    await converse(admin, `GET /healthz?${big} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`),
  ]) {
    assert.match(text, /^(HTTP\/1\.1 431 .*)?$/s);
  }
  const body = 'y'.repeat(1 << 20);
  const sent = await converse(admin, `${head}Content-Length: ${body.length}\r\n\r\n`, body);
  assert.match(sent, /^(HTTP\/1\.1 413 .*)?$/s);
  for (const garbage of ['hello\r\n\r\n', '\0\0\0\0', '\x16\x03\x01\x02\x00\x01\x00']) {
    assert.doesNotMatch(await converse(admin, garbage), /^HTTP\/1\.1 200/);
  }
  assert.equal((await ask(admin, '/healthz')).status, 200);
});

test('it holds so many clients and no more, and those that do not come to the point lose their places', async (t) => {
  const { admin, bal } = await scene(t);
  const crowd = await Promise.all(Array.from({ length: PLACES }, () => visitor(t, admin)));
  // The slow clients send, but never a whole request.
  const slow = crowd.slice(0, 8);
  const drip = setInterval(() => {
    for (const { socket } of slow) if (socket.writable) socket.write('X');
  }, 200);
  atEnd(t, () => clearInterval(drip));
  for (const { socket } of slow) socket.write('GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ');
  const late = await visitor(t, admin);
  late.socket.write('GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  await late.over;
  assert.equal(late.received(), '', 'one more is closed without an answer');
  assert.equal((await bal.status()).state, 'running', 'the control socket has places of its own');
  await Promise.all(crowd.map(({ over }) => over));
  for (const { received } of crowd) assert.match(received(), /^(HTTP\/1\.1 408 .*)?$/s);
  assert.equal((await ask(admin, '/healthz')).status, 200, 'it has places again');
});

test('followers take a part of the places only', async (t) => {
  const { admin } = await scene(t);
  const followers = await Promise.all(Array.from({ length: 16 }, () => visitor(t, admin)));
  for (const { socket } of followers) socket.write('GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  await until('all of them follow', () => followers.every(({ received }) => received().includes('bal.started')));
  const refused = await ask(admin, '/events');
  assert.equal(refused.status, 503);
  assert.match(refused.body, /at most 16/);
  assert.equal((await ask(admin, '/readyz')).status, 200);
  followers[0]?.socket.destroy();
  await until('there is room for another one', async () => {
    const again = await visitor(t, admin);
    again.socket.write('GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    await until('it is answered', () => again.received().includes('\r\n\r\n'));
    if (again.received().startsWith('HTTP/1.1 200')) return true;
    again.socket.destroy();
    return false;
  });
});

forEachEngine('it answers while bal is full and clients storm it', async (t, engine) => {
  const LIMIT = 4;
  const { bal, admin, port } = await scene(t, engine, { max_concurrent_connections: LIMIT });
  const inside = await Promise.all(Array.from({ length: LIMIT }, () => connectTo(t, port)));
  for (const client of inside) {
    await client.send('x');
    await client.reads(1);
  }
  const storm = startLoad(t, port, echoes(), { clients: 16 });
  await until('clients are being refused', () => storm.counts.reset > 100);
  const refused = storm.counts.reset;
  for (const path of ['/', '/metrics', '/healthz', '/readyz', '/status']) {
    assert.equal((await ask(admin, path)).status, 200, path);
  }
  const series = seriesIn((await ask(admin, '/metrics')).body);
  // This includes clients that are being refused right now.
  assert.ok(Number(series.get('bal_listener_connections_active{listener="default"}')) >= LIMIT);
  assert.ok(Number(series.get('bal_rejected_connections_total{listener="default",reason="overload"}')) >= refused);
  assert.equal(series.get('bal_max_connections'), LIMIT);
  assert.equal(storm.counts.ok, 0, 'nobody else got in meanwhile');
  await storm.stop();
  await bal.statusWhen('those who were inside are still', ({ active_connections }) => active_connections === LIMIT);
});
