import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { capturedIo } from '../testing/captured-io.ts';
import { fakeStatus } from '../testing/fake-primary.ts';
import { fakeInOwnHome, ownHome } from '../testing/own-home.ts';
import { hasKeys, onlyJson } from '../testing/shape.ts';
import { run } from './program.ts';
import type { BackendStateName } from '../control/protocol.ts';
import type { BackendWhy, ServiceWhy } from '../control/why.ts';
import { serviceShown } from '../view/state.ts';
import { serviceWith, statusWith } from '../testing/statuses.ts';
import { failure } from './status.ts';
import { shownOf } from './why.ts';
import { briefStatus, statusLines } from './status-text.ts';

const TRIPLET = [/^  what_happened: \S/, /^  why_likely: \S/, /^  do_this_now: \S/];

function isTriplet(lines: readonly string[]): void {
  assert.equal(lines.length, 3, lines.join('\n'));
  for (const [i, line] of lines.entries()) assert.match(line, TRIPLET[i] ?? /^$/);
}

test('a running instance is shown, exit 0', async (t) => {
  const fake = await fakeInOwnHome(t, 'normal');
  const io = capturedIo();
  assert.equal(await run(['status'], io), 0);
  assert.deepEqual(io.stderr, []);
  assert.match(
    io.stdout[0] ?? '',
    new RegExp(`^bal 3.0.0 is degraded \\(pid ${fake.pid}, engine js, 2 workers, running for 1 min 1 s`),
  );
  assert.ok(io.stdout.some((line) => /^ {2}127.0.0.1:9000 +up +3 +70 +1.5 KiB +3 MiB +\d+ d/.test(line)));
});

test('--json is the status as the primary tells it, with the problem beside', async (t) => {
  const fake = await fakeInOwnHome(t, 'normal');
  const io = capturedIo();
  assert.equal(await run(['status', '--json'], io), 0);
  assert.equal(io.stdout.length, 1);
  assert.deepEqual(JSON.parse(io.stdout[0] ?? ''), { ...fakeStatus(1), pid: fake.pid, problem: null });
  assert.deepEqual(io.stderr, []);
});

const NO_WHY: BackendWhy = {
  address: '10.0.0.1:80',
  state: 'up',
  verdict: 'in_use',
  problem: null,
  recent: {
    window_ms: 0,
    ended: 0,
    failed: 0,
    failing: false,
    by_reason: {},
    reset_early: 0,
    local: 0,
    since: null,
    last: null,
  },
  evidence: [],
  ends_when: null,
  slow_start: null,
  live_changes: [],
};

test('--brief is one line', async (t) => {
  const fake = await fakeInOwnHome(t, 'normal');
  const io = capturedIo();
  assert.equal(await run(['status', '--brief'], io), 0);
  assert.deepEqual(io.stdout, [`bal: degraded, pid ${fake.pid}, 127.0.0.1:9295, backends 1/2, open 6`]);
});

test('no reachable backend is exit 1 and the diagnosis, on stderr', async (t) => {
  await fakeInOwnHome(t, 'degraded');
  const io = capturedIo();
  assert.equal(await run(['status'], io), 1);
  assert.deepEqual(io.stderr, [
    '  what_happened: no backend is up',
    '  why_likely: the servers behind it are down, or the network or DNS is',
    "  do_this_now: run 'bal doctor --verbose' and fix the backend host, port or firewall",
  ]);
});

test('not running: exit 3, the same JSON keys, nothing known', async (t) => {
  ownHome(t);
  const [text, json, brief] = [capturedIo(), capturedIo(), capturedIo()];
  assert.equal(await run(['status'], text), 3);
  isTriplet(text.stderr);
  assert.match(text.stderr[0] ?? '', /bal is not running$/);
  assert.equal(await run(['status', '--json'], json), 3);
  assert.equal(json.stdout.length, 1);
  assert.deepEqual(json.stderr, []);
  const document = onlyJson(json.stdout[0] ?? '');
  hasKeys(document, Object.keys(fakeStatus(1)), 'status');
  const { running, pid, backend_total, active_connections } = document;
  assert.deepEqual(
    { running, pid, backend_total, active_connections },
    {
      running: false,
      pid: null,
      backend_total: null,
      active_connections: null,
    },
  );
  assert.equal(await run(['status', '--brief'], brief), 3);
  assert.deepEqual(brief.stdout, ['bal: not running']);
});

test('a PID file that is left over is named as the reason', async (t) => {
  writeFileSync(join(ownHome(t), 'bal.pid'), '4194305\n1\n');
  const io = capturedIo();
  assert.equal(await run(['status'], io), 3);
  assert.match(io.stderr[1] ?? '', /it was killed.*bal\.pid is left over/);
});

for (const [behaviour, what] of [
  ['hangs', /\(PID \d+\) runs but does not answer/],
  ['deaf', /\(PID \d+\) runs without its control socket/],
  ['strange', /the control socket's answer is not a valid status/],
  ['fails', /\(PID \d+\) rejected the request: no luck \(500\)/],
] as const) {
  test(`a primary that ${behaviour === 'deaf' ? 'is deaf' : behaviour} is running, exit 1, with what to do`, async (t) => {
    const fake = await fakeInOwnHome(t, behaviour);
    const [text, json] = [capturedIo(), capturedIo()];
    assert.equal(await run(['status'], text), 1);
    isTriplet(text.stderr);
    assert.match(text.stderr[0] ?? '', what);
    assert.equal(await run(['status', '--json'], json), 1);
    const { running, pid, problem } = onlyJson(json.stdout.join('\n'));
    assert.equal(running, true);
    assert.equal(pid, behaviour === 'strange' ? null : fake.pid);
    hasKeys(problem, ['what_happened', 'why_likely', 'do_this_now'], 'problem');
  });
}

test('something else in the place of the socket is not a running bal', async (t) => {
  mkdirSync(join(ownHome(t), 'bal.sock'));
  assert.equal(await run(['status'], capturedIo()), 3);
});

test('a service without a reachable backend is named when others have one', () => {
  const now = fakeStatus(1);
  const [service] = now.services;
  assert.ok(service !== undefined);
  const dark = { ...service, name: 'mail', backend_reachable: 0 };
  assert.equal(failure(now), null);
  assert.equal(failure({ ...now, services: [service, dark] })?.what_happened, 'no backend is up in mail');
  assert.match(failure({ ...now, state: 'draining' })?.what_happened ?? '', /is stopping/);
  assert.match(failure({ ...now, state: 'starting' })?.what_happened ?? '', /is starting/);
  assert.equal(failure({ ...now, state: 'reloading' }), null);
});

test('protection mode, workers and the reasons of ends are shown', () => {
  const now = fakeStatus(1);
  const [service] = now.services;
  assert.ok(service !== undefined);
  const protection_mode = { enabled: true, reason: 'a storm', since: '2026-01-01T00:00:00Z', exit_condition: 'calm' };
  const guarded = { ...now, services: [{ ...service, protection_mode }] };
  const lines = statusLines(guarded, true, capturedIo());
  assert.ok(lines.includes('  protection mode is on since 2026-01-01T00:00:00Z: a storm; ends calm'));
  assert.ok(lines.includes('  ended: client_closed 130, idle 4'));
  assert.ok(lines.some((line) => /^ +1 +1001 +ready/.test(line)));
  assert.match(briefStatus(guarded), /, protection on$/);
});

test('what goes on in old workers is a line of its own, and a figure of the brief form', () => {
  const now = fakeStatus(1);
  assert.ok(!statusLines(now, true, capturedIo()).some((line) => line.startsWith('draining')));
  assert.doesNotMatch(briefStatus(now), /draining/);
  const draining = { connections: 5, workers: 4, generations: 2, until: null };
  const after = { ...now, draining };
  for (const verbose of [false, true]) {
    const lines = statusLines(after, verbose, capturedIo());
    assert.ok(lines.includes('draining: 5 connections go on in 4 old workers of 2 generations, until they end'));
  }
  assert.match(briefStatus(after), /, draining 5$/);
});

test('of many backends what is down comes first, and the rest is counted', () => {
  const now = fakeStatus(1);
  const [service] = now.services;
  const [backend] = service?.backends ?? [];
  assert.ok(service !== undefined && backend !== undefined);
  const backends = Array.from({ length: 1000 }, (_, i) => {
    const state = i === 900 ? ('down' as const) : ('up' as const);
    return { ...backend, address: `10.0.0.1:${i + 1}`, state };
  });
  const many = { ...now, services: [{ ...service, backends }] };
  const lines = statusLines(many, false, capturedIo());
  const first = lines.findIndex((line) => line.includes('BACKEND')) + 1;
  assert.match(lines[first] ?? '', /^ {2}10\.0\.0\.1:901 +down/);
  assert.match(lines[first + 20] ?? '', /^ {2}and 980 more, all up: run 'bal status --verbose'$/);
  assert.equal(statusLines(many, true, capturedIo()).filter((line) => line.includes('10.0.0.1:')).length, 1000);
});

test('--brief says that bal is stopping, not that it is degraded', () => {
  assert.match(briefStatus({ ...fakeStatus(1), state: 'draining' }), /^bal: stopping, pid /);
});

test('degraded is a service that serves without all of its backends: the exit code is 0, and the words differ from failing', () => {
  const half = { ...fakeStatus(1), services: [serviceWith('web', ['up', 'down'])] };
  assert.equal(failure(half), null);
  assert.match(briefStatus(half), /^bal: degraded, /);
  const lines = statusLines(half, true, capturedIo());
  assert.match(lines[0] ?? '', /^bal \S+ is degraded \(/);
  assert.ok(lines.some((line) => /^web .* degraded, 1 of 2 backends up, 0 open$/.test(line)));
  const dark = { ...half, services: [serviceWith('web', ['down'])] };
  assert.notEqual(failure(dark), null);
  assert.match(briefStatus(dark), /^bal: failing, /);
});

test('why has the same words as status', () => {
  const {
    services: [web],
  } = statusWith([serviceWith('web', ['up', 'down'])]);
  const verdicts = { up: 'in_use', down: 'out', unknown: 'out', draining: 'draining' } as const;
  const said = (states: readonly BackendStateName[], verdict: ServiceWhy['verdict'], isEnding = false) =>
    shownOf({ verdict, backends: states.map((state) => ({ ...NO_WHY, verdict: verdicts[state] })) }, isEnding);
  assert.deepEqual(said(['up', 'down'], 'degraded'), serviceShown(web ?? serviceWith('', []), 'running'));
  assert.deepEqual(said(['down'], 'failing_open'), serviceShown(serviceWith('web', ['down']), 'running'));
  assert.deepEqual(said(['draining'], 'degraded'), serviceShown(serviceWith('web', ['draining']), 'running'));
  assert.deepEqual(said(['up'], 'serving', true), serviceShown(serviceWith('web', ['up']), 'draining'));
});
