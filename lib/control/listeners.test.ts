import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRecent, recentStatus } from '../primary/stats/recent.ts';
import { askedText, listenerText, type ListenerStatus } from './listeners.ts';

const LISTENER: ListenerStatus = {
  address: '0.0.0.0:443',
  services: ['www', 'rest'],
  active_connections: 0,
  ends: { no_route: 0, client_gone: 0 },
  recent: recentStatus(createRecent(), 0),
};

test('a listener is told with its services, and the clients that none of them got', () => {
  assert.equal(listenerText(LISTENER), '0.0.0.0:443 shared by www, rest: clients that no service got: none');
  const busy = { ...LISTENER, services: ['www'], active_connections: 1, ends: { no_route: 3, client_gone: 2 } };
  assert.equal(
    listenerText(busy),
    '0.0.0.0:443 of www: clients that no service got: no_route 3, client_gone 2; 1 has not said yet which it is',
  );
});

test('of a service is told which clients it gets, where not all', () => {
  assert.equal(askedText({ server_name: [], alpn: [] }), '');
  assert.equal(askedText({}), '', 'a bal that was started before an update');
  assert.equal(askedText({ server_name: ['a.test', '*.b.test'], alpn: [] }), ' for a.test, *.b.test');
  assert.equal(askedText({ server_name: [], alpn: ['h2', 'http/1.1'] }), ' for any name with h2, http/1.1');
  const many = Array.from({ length: 100 }, (_, i) => `s${i}.test`);
  assert.match(askedText({ server_name: many, alpn: ['h2'] }), / s7\.test, and 92 more with h2$/);
});
