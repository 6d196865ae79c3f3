// Connections that go from one engine to another unchanged and continue where they were.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import type { CreateEngine, ListenerSettings, ServiceSettings } from '../../engine/engine.ts';
import type { ReleasedConnection } from '../../engine/handover.ts';
import type { EngineName } from './engines.ts';
import { receivePattern, sendPattern } from './pattern.ts';
import { backend, client } from './peer.ts';
import type { Peer } from './peer.ts';
import { rig, SERVICE } from './rig.ts';
import type { Rig } from './rig.ts';
import { standstill, until } from './wait.ts';

const TOO_MUCH = 32 * 1024 * 1024;
const SHORT_MS = 500;
/** Of a record without held bytes. */
export const RECORD_BYTES = 88;

export interface Scene {
  /** `from` listens, `to` only adopts. */
  readonly from: Rig;
  readonly to: Rig;
  /** A client and its backend's end of the connection. */
  readonly pair: () => Promise<{ peer: Peer; other: Peer; connection: number }>;
}

export async function scene(
  t: TestContext,
  create: CreateEngine,
  settings: Partial<ListenerSettings & ServiceSettings> = {},
): Promise<Scene> {
  const [from, to] = [rig(t, create), rig(t, create)];
  const { port, peer: served } = await backend(t);
  to.engine.service(0, { ...SERVICE, ...settings });
  const at = from.listen(0, settings);
  for (const { engine } of [from, to]) engine.route(0, 0, '127.0.0.1', port);
  let made = 0;
  const pair: Scene['pair'] = async () => {
    const index = made++;
    const peer = await client(t, at);
    const other = await served(index);
    await until(() => from.connected.length > index, 'the engine knows of it');
    return { peer, other, connection: from.connected[index] ?? -1 };
  };
  return { from, to, pair };
}

/** Whether bytes wait in the connection, in memory or in a pipe. */
export function holdsBytes({ record, descriptors }: ReleasedConnection): boolean {
  return record.length > RECORD_BYTES || descriptors.length > 2;
}

function handOver(from: Rig, to: Rig, connection: number): number {
  return to.adopt(from.release(connection));
}

/** Hands the connection over there and back `times` times, so that `to` has it in the end. */
function toAndFro({ from, to }: Scene, connection: number, times: number): number {
  let at = handOver(from, to, connection);
  for (let i = 1; i < times; i++) at = handOver(from, to, handOver(to, from, at));
  return at;
}

export function handoverTests(create: CreateEngine, name: EngineName): void {
  if (name === 'js') {
    test('the engine says that it cannot, and the connection goes on', async (t) => {
      const { from, to, pair } = await scene(t, create);
      const { peer, other, connection } = await pair();
      assert.deepEqual(from.engine.release(connection), { ok: false, why: 'unsupported' });
      const released = { record: new Uint8Array(RECORD_BYTES), descriptors: [0, 1] };
      assert.deepEqual(to.engine.adopt(released), { ok: false, why: 'unsupported' });
      assert.equal(await other.send('.').bytes(0), '');
      assert.equal(await peer.bytes(1), '.');
    });
    return;
  }

  test('a connection goes on in another engine, which says its end, with the bytes of its whole life', async (t) => {
    const { from, to, pair } = await scene(t, create);
    const { peer, other, connection } = await pair();
    assert.equal(await peer.send('one').bytes(0), '');
    assert.equal(await other.bytes(3), 'one');
    assert.equal(await other.send('1').bytes(3), 'one');
    assert.equal(await peer.bytes(1), '1');
    const released = from.release(connection);
    assert.deepEqual([from.engine.active, from.engine.unroute(0), released.descriptors.length], [0, true, 2]);
    peer.send('two');
    const id = to.adopt(released);
    assert.equal(await other.bytes(6), 'onetwo');
    other.send('2');
    assert.equal(await peer.bytes(2), '12');
    assert.deepEqual([to.engine.active, to.engine.unroute(0)], [1, false]);
    assert.deepEqual([...from.engine.bytes.subarray(0, 2)], [3, 1]);
    assert.deepEqual([...to.engine.bytes.subarray(0, 2)], [3, 1]);
    peer.end();
    await other.finish();
    other.end();
    const client = `127.0.0.1:${peer.port}`;
    await to.end();
    assert.deepEqual(to.ended, [{ connection: id, end: 'client_closed', bytesIn: 6, bytesOut: 2, client }]);
    assert.deepEqual([from.ended, to.engine.active, to.engine.unroute(0)], [[], 0, true]);
  });

  test('the ids may be other ones, and what is cut by them is', async (t) => {
    const { from, to, pair } = await scene(t, create);
    to.engine.service(7, SERVICE);
    to.engine.route(30, 7, '127.0.0.1', 9);
    const [first, second] = [await pair(), await pair()];
    const listener = to.adopt(from.release(first.connection), { listener: 12, target: 30 });
    const service = to.adopt(from.release(second.connection), { target: 30 });
    assert.equal(to.engine.cut({ service: 0 }), 0);
    assert.equal(to.engine.cut({ listener: 12 }), 1);
    assert.equal(await first.peer.finish(), 'end');
    assert.equal(to.engine.cut({ listener: 12 }), 0);
    assert.equal(to.engine.cut({ service: 7 }), 1);
    assert.deepEqual(
      to.ended.map(({ connection, end }) => [connection, end]),
      [
        [listener, 'cut'],
        [service, 'cut'],
      ],
    );
  });

  for (const [what, stands] of [
    ['the client does not read', { peer: true, other: false }],
    ['the backend does not read', { peer: false, other: true }],
    ['neither reads', { peer: true, other: true }],
  ] as const) {
    test(`no byte is lost or moved of what is held while ${what}`, async (t) => {
      const it = await scene(t, create);
      const { connection, ...ends } = await it.pair();
      const sides = (['peer', 'other'] as const).filter((side) => stands[side]);
      for (const side of sides) {
        ends[side].socket.pause();
        sendPattern(ends[side === 'peer' ? 'other' : 'peer'].socket, 1, TOO_MUCH);
      }
      for (const side of sides) await standstill(it.from.engine, side === 'other' ? 0 : 1);
      const released = it.from.release(connection);
      assert.ok(holdsBytes(released), 'bytes wait in the engine');
      const id = toAndFro(it, it.from.adopt(released), 50);
      const received = sides.map(async (side) => receivePattern(ends[side].socket.resume(), 1));
      assert.deepEqual(
        await Promise.all(received),
        sides.map(() => TOO_MUCH),
      );
      for (const { socket } of [ends.peer, ends.other]) socket.end();
      await it.to.end();
      const [bytesIn, bytesOut] = [stands.other ? TOO_MUCH : 0, stands.peer ? TOO_MUCH : 0];
      const [ended] = it.to.ended;
      assert.deepEqual([ended?.connection, ended?.bytesIn, ended?.bytesOut], [id, bytesIn, bytesOut]);
    });
  }

  for (const [first, end] of [
    ['peer', 'client_closed'],
    ['other', 'backend_closed'],
  ] as const) {
    const who = first === 'peer' ? 'client' : 'backend';
    test(`where the ${who} has ended that stays so, and the other side goes on`, async (t) => {
      const it = await scene(t, create);
      const { connection, ...ends } = await it.pair();
      const last = ends[first === 'peer' ? 'other' : 'peer'];
      ends[first].send('bye').end();
      await last.finish();
      toAndFro(it, connection, 3);
      last.send('more').end();
      await ends[first].finish();
      assert.deepEqual([ends[first].text, last.text, await it.to.end()], ['more', 'bye', end]);
    });

    test(`an end of the ${who} that nobody has read yet is passed on behind what came before it`, async (t) => {
      const it = await scene(t, create);
      const { connection, ...ends } = await it.pair();
      const last = ends[first === 'peer' ? 'other' : 'peer'];
      last.socket.pause();
      sendPattern(ends[first].socket, 2, TOO_MUCH);
      await standstill(it.from.engine, first === 'peer' ? 0 : 1);
      toAndFro(it, connection, 3);
      assert.equal(await receivePattern(last.socket.resume(), 2), TOO_MUCH);
      last.end();
      assert.equal(await it.to.end(), end);
    });

    test(`what the ${who} sends, an end or a reset while nobody has the connection is seen`, async (t) => {
      const it = await scene(t, create);
      for (const how of ['end', 'reset'] as const) {
        const { connection, ...ends } = await it.pair();
        const last = ends[first === 'peer' ? 'other' : 'peer'];
        const released = it.from.release(connection);
        ends[first].send('late');
        await new Promise((done) => ends[first].socket.write('.', done));
        if (how === 'end') ends[first].end();
        else ends[first].reset();
        await until(() => ends[first].socket.closed || ends[first].socket.writableFinished, 'it is out');
        const before = it.to.ended.length;
        it.to.adopt(released);
        assert.equal(await last.finish(), how);
        if (how === 'end') assert.equal(last.text, 'late.');
        last.end();
        await it.to.ends(before + 1);
        assert.equal(it.to.ended[before]?.end, how === 'end' ? end : end.replace('closed', 'reset'));
      }
    });
  }

  for (const what of ['idle', 'half-closed'] as const) {
    test(`the time of a connection that is ${what} does not begin anew`, async (t) => {
      const it = await scene(t, create, what === 'idle' ? { idleMs: SHORT_MS } : { halfClosedMs: SHORT_MS });
      const { connection, peer, other } = await it.pair();
      if (what === 'half-closed') {
        other.end();
        await peer.finish();
      }
      // Handed over ten times within that time. If any handover restarted the timer, it would never end.
      let [at, id] = [it.from, connection];
      const began = performance.now();
      const moving = setInterval(() => {
        const next = at === it.from ? it.to : it.from;
        if (at.engine.active > 0) [id, at] = [handOver(at, next, id), next];
      }, SHORT_MS / 10);
      t.after(() => clearInterval(moving));
      await until(() => it.from.ended.length + it.to.ended.length > 0, 'it ends');
      clearInterval(moving);
      assert.deepEqual(
        [...it.from.ended, ...it.to.ended].map(({ end }) => end),
        [what === 'idle' ? 'idle' : 'backend_closed'],
      );
      // The timer started before `began`, by as long as it takes to see it connected.
      if (what === 'half-closed') assert.ok(performance.now() - began >= SHORT_MS / 2);
    });
  }

  test('an engine that accepts no more and has given its last connection away is told idle', async (t) => {
    const { from, to, pair } = await scene(t, create);
    const { connection, peer, other } = await pair();
    from.engine.stopAccepting();
    const id = handOver(from, to, connection);
    await immediate();
    assert.deepEqual([from.idles, to.idles], [1, 0]);
    handOver(to, from, id);
    for (const { socket } of [peer, other]) socket.end();
    await until(() => from.ended.length === 1, 'it ends');
    await immediate();
    assert.deepEqual([from.idles, to.idles], [2, 0]);
  });
}
