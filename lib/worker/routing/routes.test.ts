import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RouteAssignment } from '../../ipc/assignment.ts';
import { createRoutes, NO_ROUTE } from './routes.ts';

/** Rules are `names protocols`, each separated by commas, '-' for none. The service id is the rule's index. */
function routesOf(...rules: readonly string[]) {
  const listOf = (text: string | undefined): string[] => (text === undefined || text === '-' ? [] : text.split(','));
  const routes = rules.map((rule, service): RouteAssignment => {
    const [names, protocols] = rule.split(' ');
    return { service, names: listOf(names), protocols: listOf(protocols) };
  });
  const all = createRoutes(routes);
  return (name: string | null, ...protocols: string[]): number => all.find({ kind: 'hello', name, protocols });
}

test('the most specific name wins, whatever the order of the services', () => {
  const rules = ['*.example.com', 'www.example.com', '-', '*.www.example.com', '*.com'];
  for (const order of [rules, rules.toReversed()]) {
    const find = routesOf(...order);
    const service = (rule: string): number => order.indexOf(rule);
    for (const [name, rule] of [
      ['www.example.com', 'www.example.com'],
      ['WWW.Example.COM', 'www.example.com'],
      ['www.example.com.', 'www.example.com'],
      ['mail.example.com', '*.example.com'],
      ['a.b.example.com', '*.example.com'],
      ['a.www.example.com', '*.www.example.com'],
      ['example.com', '*.com'],
      ['com', '-'],
      ['.example.com', '*.com'],
      ['xexample.com.org', '-'],
      ['', '-'],
      ['.', '-'],
      [null, '-'],
    ] as const) {
      assert.equal(find(name), service(rule), name ?? 'no name');
    }
  }
});

test('of one name a protocol wins over none, in the order of the client', () => {
  const find = routesOf('a.test h2', 'a.test http/1.1,acme-tls/1', 'a.test', '*.test h2', '- h2', '-');
  assert.equal(find('a.test', 'h2', 'http/1.1'), 0);
  assert.equal(find('a.test', 'http/1.1', 'h2'), 1);
  assert.equal(find('a.test', 'foo', 'acme-tls/1'), 1);
  assert.equal(find('a.test', 'foo'), 2);
  assert.equal(find('a.test'), 2);
  assert.equal(find('b.test', 'h2'), 3);
  assert.equal(find('b.test'), 5, 'its wildcard is for h2 only');
  assert.equal(find('b.org', 'h2'), 4);
  assert.equal(find(null, 'h2'), 4);
  assert.equal(find(null, 'H2'), 5, 'protocols are bytes');
});

test('without TLS, without a match and without a service for the rest there is none', () => {
  assert.equal(createRoutes([{ service: 3, names: [], protocols: [] }]).find(null), 3);
  const named = createRoutes([{ service: 3, names: ['a.test'], protocols: [] }]);
  assert.equal(named.find(null), NO_ROUTE);
  assert.equal(named.find({ kind: 'hello', name: 'b.test', protocols: [] }), NO_ROUTE);
  assert.equal(named.find({ kind: 'hello', name: '__proto__', protocols: ['constructor'] }), NO_ROUTE);
  assert.equal(createRoutes([{ service: 3, names: [], protocols: ['h2'] }]).find(null), NO_ROUTE);
});
