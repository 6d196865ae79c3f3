import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from './load.ts';
import { ANY_MACHINE } from './machine.ts';
import { formatProblem } from './problem.ts';

function errorsOf(text: string, own: readonly string[] = []): string[] {
  return parseConfig(text, 'f', { ...ANY_MACHINE, own }).errors.map((problem) => formatProblem(problem, 'f'));
}

function loopsWith(bind: string, host: string, own: readonly string[] = []): boolean {
  const text = `port: 9295\nbind_address: "${bind}"\nbackends:\n  - {host: "${host}", port: 9295}\n`;
  return errorsOf(text, own).some((line) => line.includes('a loop: '));
}

test('a backend that is the listener itself is a loop', () => {
  for (const host of ['127.0.0.1', '127.3.2.1', 'localhost', 'LOCALHOST.', '::1', '[::1]']) {
    assert.ok(loopsWith('0.0.0.0', host), host);
    assert.ok(loopsWith('::', host), host);
  }
  for (const [bind, host] of [
    ['127.0.0.1', '127.0.0.1'],
    ['127.0.0.1', 'localhost'],
    ['localhost', '127.0.0.1'],
    ['localhost', '::1'],
    ['::1', '[0:0:0:0:0:0:0:1]'],
    ['10.0.0.1', '::ffff:10.0.0.1'],
    ['lb.example', 'LB.example'],
  ] as const) {
    assert.ok(loopsWith(bind, host), `${bind} ${host}`);
  }
});

test('a backend on the same port elsewhere is no loop', () => {
  for (const [bind, host] of [
    ['0.0.0.0', '10.0.0.1'],
    ['0.0.0.0', 'db.example'],
    ['127.0.0.1', '127.0.0.2'],
    ['127.0.0.1', '::1'],
    ['10.0.0.1', 'localhost'],
  ] as const) {
    assert.ok(!loopsWith(bind, host), `${bind} ${host}`);
  }
  assert.deepEqual(errorsOf('port: 9295\nbackends: [{host: localhost, port: 9296}]'), []);
});

test("this machine's own addresses and name are a loop behind a wildcard only", () => {
  assert.ok(loopsWith('0.0.0.0', '10.0.0.7', ['10.0.0.7']));
  assert.ok(loopsWith('0.0.0.0', 'MyHost', ['myhost']));
  assert.ok(loopsWith('::', '2001:db8::7', ['2001:db8::7']));
  assert.ok(!loopsWith('0.0.0.0', '2001:db8::7', ['2001:db8::7']));
  assert.ok(!loopsWith('127.0.0.1', '10.0.0.7', ['10.0.0.7']));
});

/**
 * Builds services from name, port and the ports of their local backends; one line each, so that the position identifies the
 * service.
 */
function servicesWith(...services: readonly (readonly [name: string, port: number, ...to: number[]])[]): string[] {
  const lines = services.map(([name, port, ...to]) => {
    const backends = to.map((backend) => `{host: localhost, port: ${backend}}`).join(', ');
    return `  ${name}: {port: ${port}, backends: [${backends}]}`;
  });
  return errorsOf(`services:\n${lines.join('\n')}\n`);
}

test('a backend that is another service is no loop where the chain ends outside', () => {
  assert.deepEqual(servicesWith(['a', 1, 2], ['b', 2, 99]), []);
  assert.deepEqual(servicesWith(['a', 1, 2, 3], ['b', 2, 4], ['c', 3, 4], ['d', 4, 99]), [], 'two ways to one service');
});

const HINT = 'change one of these backends; a chain of services must end outside';

test('a chain that leads back to where it began is a loop, told once and with all its services', () => {
  assert.deepEqual(servicesWith(['a', 1, 2], ['b', 2, 1]), [
    `f:2:28 services.a.backends[0]: a loop: "a" -> "b" (localhost:2) -> "a" (localhost:1); ${HINT}`,
  ]);
  assert.deepEqual(servicesWith(['x', 9, 1], ['a', 1, 98, 2], ['b', 2, 3], ['c', 3, 99, 1]), [
    `f:3:57 services.a.backends[1]: a loop: "a" -> "b" (localhost:2) -> "c" (localhost:3) -> "a" (localhost:1); ${HINT}`,
  ]);
});

test('every backend in a loop is named by a message, however the loops are woven', () => {
  const errors = servicesWith(['a', 1, 2, 3], ['b', 2, 1], ['c', 3, 2, 3]);
  assert.deepEqual(errors, [
    `f:2:28 services.a.backends[0]: a loop: "a" -> "b" (localhost:2) -> "a" (localhost:1); ${HINT}`,
    `f:2:56 services.a.backends[1]: a loop: "a" -> "c" (localhost:3) -> "b" (localhost:2) -> "a" (localhost:1); ${HINT}`,
    'f:4:56 services.c.backends[1]: a loop: localhost:3 is where bal itself listens; change the backend, or the port of service "c"',
  ]);
});
