import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { RecentStatus } from '../../control/protocol.ts';
import { backendTrouble, clientsTrouble } from './trouble.ts';

const SINCE = '2026-03-01T10:02:11.000Z';

function recent(by_reason: Record<string, number>, more: Partial<RecentStatus> = {}): RecentStatus {
  const ended = Object.values(by_reason).reduce((sum, count) => sum + count, 0);
  return {
    window_ms: 60_000,
    ended,
    failed: ended,
    failing: true,
    by_reason,
    reset_early: 0,
    local: 0,
    since: SINCE,
    last: SINCE,
    ...more,
  };
}

test('clients that were reset: how many of how many, by whom, and since when', () => {
  const it = recent({ client_closed: 4, backend_reset: 46 }, { reset_early: 40 });
  assert.equal(
    clientsTrouble('web', it, ['a:1', 'b:1'], {}).what_happened,
    `46 of the last 50 clients of web were reset by a:1, b:1, 40 before a byte had come, since ${SINCE}`,
  );
  assert.match(clientsTrouble('web', it, [], {}).what_happened, /were reset by a backend, /);
  const { what_happened, do_this_now } = backendTrouble('a:1', it, {});
  assert.equal(
    what_happened,
    `46 of the last 50 clients of a:1 were reset by it, 40 before a byte had come, since ${SINCE}`,
  );
  assert.match(do_this_now, /the server's own log/);
});

test('clients that could not be served: what they failed for most is told', () => {
  const reported = (by_reason: Record<string, number>): string =>
    clientsTrouble('web', recent(by_reason), [], {}).what_happened;
  assert.equal(
    reported({ connect_failed: 7, overload: 3 }),
    `7 of the last 10 clients of web could not be connected to any backend, since ${SINCE}`,
  );
  assert.equal(
    reported({ overload: 7, client_closed: 3 }),
    `7 of the last 10 clients of web were refused for overload, since ${SINCE}`,
  );
  assert.equal(reported({ no_backend: 7 }), `7 of the last 7 clients of web found no backend to try, since ${SINCE}`);
  assert.match(clientsTrouble('web', recent({ no_backend: 7 }), [], {}).why_likely, /drained/);
});

test("a shortage of this machine's is not put down to the backends, and its errno leads to what can be done", () => {
  const clients = recent({ client_closed: 28, connect_failed: 17 }, { local: 17 });
  const ports = { 'connect EADDRNOTAVAIL': 34, 'accept EMFILE': 1 };
  const { what_happened, why_likely, do_this_now } = clientsTrouble('web', clients, [], ports);
  assert.equal(
    what_happened,
    `17 of the last 45 clients of web were refused because this machine ran short (connect EADDRNOTAVAIL, accept EMFILE), since ${SINCE}`,
  );
  assert.match(why_likely, /no source port/);
  assert.match(do_this_now, /ip_local_port_range/);
  const connects = backendTrouble('a:1', recent({ client_closed: 28, local: 17 }, { local: 17 }), {
    'socket EMFILE': 3,
  });
  assert.match(
    connects.what_happened,
    /^17 of the last 45 connects to a:1 failed because this machine ran short \(socket EMFILE\)/,
  );
  assert.match(connects.do_this_now, /ulimit/);
  assert.match(clientsTrouble('web', clients, [], {}).do_this_now, /doctor/);
  assert.match(clientsTrouble('web', clients, [], { 'bind EADDRNOTAVAIL': 34 }).why_likely, /"source"/);
});
