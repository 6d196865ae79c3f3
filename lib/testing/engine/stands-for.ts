// First bytes that name the client behind a proxy, and are inspected late.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readIp } from '../../../config/ip.ts';
import { INSPECT, MORE, WAIT } from '../../engine/engine.ts';
import type { CreateEngine } from '../../engine/engine.ts';
import { scene } from './inspect.ts';
import { backend, client, echo } from './peer.ts';
import { rig } from './rig.ts';
import { until } from './wait.ts';

function bytesOf(ip: string): Uint8Array {
  const bytes = new Uint8Array(16);
  assert.ok(readIp(ip, 0, ip.length, bytes, 0));
  return bytes;
}

export function standsForTests(create: CreateEngine): void {
  test('one that waited may be inspected then, with what it has sent and what it sends', async (t) => {
    const shown: string[] = [];
    const it = rig(t, create, {
      accepted: () => WAIT,
      inspected: (_, bytes) => {
        shown.push(bytes.toString('latin1'));
        return bytes.length < 4 ? MORE : 0;
      },
    });
    const { port } = await backend(t, echo);
    it.engine.route(0, 0, '127.0.0.1', port);
    const at = it.listen(0, { inspect: { bytes: 100, ms: 300 } });
    const started = performance.now();
    const [early, late, silent] = [await client(t, at), await client(t, at), await client(t, at)];
    early.send('1234');
    await until(() => it.accepted.length === 3 && performance.now() - started > 350, 'they wait');
    for (const connection of it.accepted) it.decide(connection, INSPECT);
    assert.equal(await early.bytes(4), '1234');
    assert.equal(await late.send('12').send('34').bytes(4), '1234');
    // Its inspection time has begun only now.
    assert.equal(await silent.finish(), 'reset');
    assert.deepEqual([shown.at(-1), it.inspections.at(-1), (await it.ends(1))[0]?.end], ['', 'late', 'refused']);
  });

  test('a client may be told to be somebody else while it is inspected, and is so to its end', async (t) => {
    const errors: unknown[] = [];
    const names = [
      ['203.0.113.9', 65_535, '203.0.113.9:65535'],
      ['2001:db8::1', 0, '[2001:db8::1]:0'],
    ] as const;
    const attempt = (connection: number, ip: Uint8Array): void => {
      try {
        it.engine.setClient(connection, ip, 1);
        errors.push(null);
      } catch (error) {
        errors.push(error instanceof Error ? error.message : error);
      }
    };
    const { it, at } = await scene(t, create, (connection) => {
      attempt(connection, Uint8Array.of(192, 0, 2, 1));
      attempt(connection, new Uint8Array(17));
      attempt(connection + 1, bytesOf('192.0.2.1'));
      const [ip, port] = names[it.ended.length] ?? names[0];
      it.engine.setClient(connection, bytesOf(ip), port);
      return 0;
    });
    for (const [turn, [, , name]] of names.entries()) {
      const peer = await client(t, at);
      assert.equal(await peer.send('x').bytes(1), 'x');
      assert.equal(it.engine.clientAddress(it.accepted[turn] ?? 0), name);
      assert.throws(() => it.engine.setClient(it.accepted[turn] ?? 0, bytesOf('192.0.2.1'), 1), /not being inspected/);
      peer.reset();
      assert.equal((await it.ends(turn + 1))[turn]?.client, name);
    }
    const wrong = 'Cannot use ip: it has not sixteen bytes';
    const other = "Cannot set the client's address: it is not being inspected";
    assert.deepEqual(errors, [wrong, wrong, other, wrong, wrong, other]);
  });
}
