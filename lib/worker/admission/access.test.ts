import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readIp } from '../../../config/ip.ts';
import { createAccess } from './access.ts';

function ip(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  assert.ok(readIp(text, 0, text.length, bytes, 0));
  return bytes;
}

test('each service has a list of its own, and one without is not asked who comes', () => {
  // The last two: a client of a Unix socket, and one that has gone.
  const clients = [ip('10.0.0.1'), ip('10.6.6.1'), ip('fd00::1'), null, null];
  let asked = 0;
  const access = createAccess(
    [
      { id: 1, access: { allow: ['10.0.0.0/8'], deny: ['10.6.6.0/24'] } },
      { id: 2, access: null },
      { id: 5, access: { allow: null, deny: ['fd00::/8'] } },
    ],
    (connection) => {
      asked++;
      return clients[connection] ?? null;
    },
    (connection) => connection === 3,
  );
  const who = (service: number) => clients.map((_, connection) => access.allows(connection, service));
  assert.deepEqual(who(1), [true, false, false, false, false]);
  assert.deepEqual(
    who(5),
    [true, true, false, true, false],
    'of whom nothing is known may not come where there is a list',
  );
  assert.equal(asked, 10);
  assert.deepEqual(who(2), [true, true, true, true, true]);
  assert.equal(asked, 10);
});
