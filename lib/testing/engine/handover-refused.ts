// Connections that cannot be handed over now, and records and descriptors that do not come from an engine.

import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import type { CreateEngine, Engine } from '../../engine/engine.ts';
import { INSPECT, MORE, WAIT } from '../../engine/engine.ts';
import type { ReleasedConnection } from '../../engine/handover.ts';
import type { EngineName } from './engines.ts';
import { holdsBytes, RECORD_BYTES, scene } from './handover.ts';
import { receivePattern, sendPattern } from './pattern.ts';
import { backend, client, echo } from './peer.ts';
import { random } from './random.ts';
import { rig } from './rig.ts';
import { silentPort } from './silent.ts';
import { standstill, until } from './wait.ts';

/** Where native/handover.h has the number of bytes in each direction's pipe. */
const PIPED_AT = 52;

const SIZE = 16 * 1024 * 1024;

/** Why a connection is not adopted; null if it is. */
function refusal(engine: Engine, released: ReleasedConnection): string | null {
  const adoption = engine.adopt(released);
  return adoption.ok ? null : adoption.why;
}

function changed(record: Uint8Array, at: number, value: number): Uint8Array {
  const copy = Uint8Array.from(record);
  copy[at] = value;
  return copy;
}

export function refusedHandoverTests(create: CreateEngine, name: EngineName): void {
  if (name === 'js') return;

  test('a connection that is not relayed yet is not released, and goes on', async (t) => {
    const it = rig(t, create, {
      accepted: (_, listener) => [0, WAIT, INSPECT, 1][listener] ?? -1,
      inspected: (_, bytes) => (bytes.length < 2 ? MORE : 0),
    });
    const { port } = await backend(t, echo);
    it.engine.route(0, 0, '127.0.0.1', port);
    it.engine.route(1, 0, '127.0.0.1', await silentPort(t));
    const released = (connection: number): string => {
      assert.equal(it.engine.quietFor(connection), 0, 'it cannot be released now');
      const release = it.engine.release(connection);
      return release.ok ? 'released' : release.why;
    };
    assert.equal(released(0), 'unknown');
    for (const listener of [1, 2, 3]) {
      const at = it.listen(listener, { connectTimeoutMs: 60_000, inspect: { bytes: 10, ms: 60_000 } });
      const peer = (await client(t, at)).send('.');
      await until(() => it.accepted.length === listener, 'it is accepted');
      const connection = it.accepted[listener - 1] ?? -1;
      assert.equal(released(connection), 'busy');
      if (listener === 1) it.decide(connection, 0);
      if (listener === 2) peer.send('.');
      if (listener < 3) assert.equal(await peer.bytes(listener), '.'.repeat(listener));
    }
    assert.equal(released(4711), 'unknown');
    assert.throws(() => it.engine.release(-1));
    assert.throws(() => it.engine.release(0.5));
  });

  test('a connection of another engine is not released, nor one within the policy', async (t) => {
    const thrown: unknown[] = [];
    const it = rig(t, create, {
      accepted: (connection) => {
        const released = { record: new Uint8Array(RECORD_BYTES), descriptors: [] };
        for (const inside of [() => it.engine.release(connection), () => it.engine.adopt(released)]) {
          try {
            inside();
          } catch (error) {
            thrown.push(error);
          }
        }
        return 0;
      },
    });
    const other = rig(t, create);
    const { port } = await backend(t, echo);
    it.engine.route(0, 0, '127.0.0.1', port);
    const peer = (await client(t, it.listen())).send('.');
    await peer.bytes(1);
    assert.equal(thrown.length, 2);
    assert.deepEqual(other.engine.release(it.accepted[0] ?? -1), { ok: false, why: 'unknown' });
    assert.equal(await peer.send('.').bytes(2), '..');
  });

  test('what no engine has given is refused, changes nothing and leaves the descriptors alone', async (t) => {
    const { from, to, pair } = await scene(t, create);
    const { peer, other, connection } = await pair();
    other.socket.pause();
    sendPattern(peer.socket, 1, SIZE);
    await standstill(from.engine, 0);
    const released = from.release(connection);
    assert.ok(holdsBytes(released));
    const { record, descriptors } = released;
    // A connection that the engine already has: no other one can have its descriptors.
    const lives = await pair();
    const taken = from.release(lives.connection);
    to.adopt(taken);
    const [liveClient = -1, liveBackend = -1] = taken.descriptors;

    for (const length of [0, 1, 3, 4, 5, 40, RECORD_BYTES - 1]) {
      assert.equal(refusal(to.engine, { record: record.subarray(0, length), descriptors }), 'malformed', `${length}`);
    }
    for (const wrong of [
      record.subarray(0, -1),
      Uint8Array.of(...record, 0),
      new Uint8Array(RECORD_BYTES).fill(1, 0, 1),
    ]) {
      assert.equal(refusal(to.engine, { record: wrong, descriptors }), 'malformed');
    }
    assert.equal(refusal(to.engine, { record: changed(record, 0, 2), descriptors }), 'version');

    const [one = -1, two = -1, ...pipes] = descriptors;
    const file = openSync('/dev/null', 'r');
    t.after(() => closeSync(file));
    const unfit = [
      [],
      [one],
      [one, one, ...pipes],
      [file, two, ...pipes],
      [one, file, ...pipes],
      [one, 1 << 20, ...pipes],
      [liveClient, two, ...pipes],
      [one, liveBackend, ...pipes],
    ];
    const reversed =
      pipes.length === 0
        ? []
        : [
            [one, two],
            [one, two, ...pipes.toReversed()],
            [...pipes, one, two],
          ];
    for (const list of [...unfit, ...reversed, [...descriptors, one], [-1, two, ...pipes]]) {
      assert.equal(refusal(to.engine, { record, descriptors: list }), 'malformed', list.join(' '));
    }
    if (pipes.length > 0) {
      const twice = Uint8Array.from(record);
      twice.copyWithin(PIPED_AT + 4, PIPED_AT, PIPED_AT + 4);
      const both = { record: twice, descriptors: [...descriptors, ...pipes] };
      assert.equal(refusal(to.engine, both), 'malformed', 'one pipe for both directions');
    }
    assert.deepEqual(to.engine.adopt(released, { target: 5 }), { ok: false, why: 'unknown' });
    assert.throws(() => to.engine.adopt(released, { target: 0.5 }));
    assert.throws(() => to.engine.adopt({ record, descriptors: [one, Number.NaN] }).ok || assert.fail());
    assert.deepEqual([to.engine.active, to.ended], [1, []]);

    // Changes every byte in turn. The record is refused, or gives a connection that can be released again.
    const next = random(1);
    for (let at = 0; at < RECORD_BYTES; at++) {
      for (let i = 0; i < 20; i++) {
        const adoption = to.engine.adopt({ record: changed(record, at, next(256)), descriptors });
        if (adoption.ok) assert.deepEqual(to.engine.release(adoption.connection).ok, true);
        else assert.match(adoption.why, /^(malformed|version|unknown)$/);
      }
    }
    assert.deepEqual([to.engine.active, to.ended], [1, []]);

    to.adopt(released);
    assert.equal(refusal(to.engine, released), 'malformed', 'it is there already');
    lives.peer.send('.');
    assert.equal(await lives.other.bytes(1), '.');
    assert.equal(await receivePattern(other.socket.resume(), 1), SIZE);
    other.end();
    assert.equal(await to.end(), 'client_closed');
  });

  test('an engine whose descriptors of another engine are closed under it refuses them', async (t) => {
    const { from, to, pair } = await scene(t, create);
    const { peer, other, connection } = await pair();
    const released = from.release(connection);
    const stranger = { ...released, descriptors: released.descriptors.map((fd) => fd + 100_000) };
    assert.equal(refusal(to.engine, stranger), 'malformed');
    // Nobody adopts it, so whoever has the descriptors ends it.
    for (const fd of released.descriptors) closeSync(fd);
    assert.deepEqual([await peer.finish(), await other.finish()], ['end', 'end']);
  });
}
