import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capturedIo } from '../testing/captured-io.ts';
import { fakeInOwnHome, ownHome } from '../testing/own-home.ts';
import { hasKeys, onlyJson } from '../testing/shape.ts';
import { readArguments } from './arguments.ts';
import { graceful } from './graceful.ts';
import { run } from './program.ts';

const KEYS = [
  'ok',
  'generation',
  'changed',
  'unchangeable',
  'workers_replaced',
  'draining',
  'duration_ms',
  'problem',
  'errors',
];

test('a reload says what changed, how long it took, and what goes on in old workers', async (t) => {
  await fakeInOwnHome(t, 'normal');
  const [text, json] = [capturedIo(), capturedIo()];
  assert.equal(await run(['graceful'], text), 0);
  assert.deepEqual(text.stdout, [
    'bal is reloaded: generation 2, 2 workers replaced in 250 ms',
    '  log_level: info → debug',
    '  web: added, 0.0.0.0:80 to 10.0.0.1:80',
    '  old: removed, was 0.0.0.0:81 to 10.0.0.1:81',
    '3 connections go on in 2 old workers, until they end',
  ]);
  assert.deepEqual(text.stderr, []);
  assert.equal(await run(['graceful', '--json'], json), 0);
  hasKeys(onlyJson(json.stdout.join('\n')), KEYS, 'verdict');
});

test('a refused reload names every line that is wrong, and exits 1', async (t) => {
  await fakeInOwnHome(t, 'refuses');
  const [text, json] = [capturedIo(), capturedIo()];
  assert.equal(await run(['graceful'], text), 1);
  assert.deepEqual(text.stdout, []);
  assert.deepEqual(text.stderr, [
    '/etc/bal/config.yaml:7:5 backends[1].port: expected integer; a number',
    'the reload is rejected, nothing has changed',
    '  what_happened: the configuration is not valid',
    '  why_likely: a slip',
    '  do_this_now: correct it',
  ]);
  assert.equal(await run(['graceful', '--json'], json), 1);
  assert.equal(onlyJson(json.stdout.join('\n'))['ok'], false);
});

test('not running: exit 3, and still one JSON document', async (t) => {
  ownHome(t);
  const [text, json] = [capturedIo(), capturedIo()];
  assert.equal(await run(['graceful'], text), 3);
  assert.match(text.stderr[0] ?? '', /what_happened: bal is not running$/);
  assert.equal(await run(['graceful', '--json'], json), 3);
  const document = onlyJson(json.stdout.join('\n'));
  hasKeys(document, KEYS, 'verdict');
  hasKeys(document['problem'], ['what_happened', 'why_likely', 'do_this_now'], 'problem');
  assert.deepEqual(json.stderr, []);
});

for (const behaviour of ['fails', 'strange', 'deaf'] as const) {
  test(`a primary that ${behaviour === 'deaf' ? 'is deaf' : behaviour} is exit 1, and still one JSON document`, async (t) => {
    await fakeInOwnHome(t, behaviour);
    const io = capturedIo();
    assert.equal(await run(['graceful', '--json'], io), 1);
    const document = onlyJson(io.stdout.join('\n'));
    hasKeys(document, KEYS, 'verdict');
    assert.equal(document['ok'], false);
  });
}

test('a primary that hangs is not waited for in silence, nor for long', async (t) => {
  const fake = await fakeInOwnHome(t, 'normal');
  const request = readArguments(['graceful']);
  assert.ok(request.kind === 'run');
  process.kill(fake.pid, 'SIGSTOP');
  const io = capturedIo();
  assert.equal(await graceful(request.options, io, { quietMs: 50, silentMs: 200 }), 1);
  const text = io.stderr.join('\n');
  assert.match(text, /^bal has not answered for .*; waiting for it, at most 200 ms\n/);
  assert.match(text, new RegExp(`what_happened: .*${fake.pid}.*\n.*why_likely: .*\n.*do_this_now: `));
});
