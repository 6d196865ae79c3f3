// The commands that explain: `bal why` for current verdicts with their evidence, `bal events` for what led there.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test, type TestContext } from 'node:test';
import type { EventRecord } from '../lib/control/protocol.ts';
import type { Why } from '../lib/control/why.ts';
import { type Bal, newHome, startBal } from './harness.ts';
import { type Backend, backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { cli, environment } from './harness/cli.ts';
import { configFor } from './harness/config.ts';
import { type EngineName, forEitherEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { visits } from './harness/load.ts';
import { atEnd } from '../lib/testing/owner.ts';
import { freePort } from '../lib/testing/ports.ts';
import { gone, signal } from './harness/processes.ts';
import { BAL } from '../lib/testing/root.ts';
import { until } from '../lib/testing/until.ts';

interface Scene {
  readonly bal: Bal;
  readonly a: Backend;
  readonly b: Backend;
  readonly port: number;
  readonly config: Record<string, unknown>;
}

async function scene(t: TestContext, engine?: EngineName, runtime: Record<string, number> = {}): Promise<Scene> {
  const [a, b] = [await backend(t, named('a')), await backend(t, named('b'))];
  const port = await freePort();
  const config = configFor(port, [a, b], { runtime });
  const bal = await startBal(t, { config, ...(engine && { engine }) });
  await bal.checked();
  return { bal, a, b, port, config };
}

const TRIPLET = /what_happened: \S.*\n +why_likely: \S.*\n +do_this_now: \S/;

forEitherEngine('why: all is well, one backend is out, all are, and all is well again', async (t, engine) => {
  const { bal, a, b, port } = await scene(t, engine);
  const why = async (...args: string[]): Promise<{ code: number | null; text: string }> => {
    const { code, stdout, stderr } = await bal.cli('why', ...args);
    return { code, text: stdout + stderr };
  };
  const verdicts = async (): Promise<string[]> => {
    const { services }: Why = JSON.parse((await bal.cli('why', '--json')).stdout);
    return services.flatMap(({ verdict, backends }) => [verdict, ...backends.map(({ verdict }) => verdict)]);
  };
  const well = await why();
  assert.equal(well.code, 0);
  assert.match(well.text, /^default is serving\n/);
  assert.doesNotMatch(well.text, /what_happened/);
  assert.deepEqual(await verdicts(), ['serving', 'in_use', 'in_use']);

  await b.die();
  await bal.statusWhen('b is down', ({ backend_reachable }) => backend_reachable === 1);
  await visits(port, names('a'), 4);
  const degraded = await why();
  assert.equal(degraded.code, 1);
  assert.match(degraded.text, /^default is degraded\n/);
  assert.match(degraded.text, TRIPLET);
  assert.ok(degraded.text.includes(`${a.address} is up, in use`));
  assert.ok(degraded.text.includes(`${b.address} is down, out`));
  assert.match(degraded.text, /\d+ health checks? failed: connection refused, \S+Z( to \S+Z)? \(\d+ m?s ago\)/);
  assert.match(degraded.text, /ends when 1 health check passes \(at least one every 100 ms\)/);
  assert.deepEqual(await verdicts(), ['degraded', 'in_use', 'out']);

  // For one backend only its own part counts.
  const good = await why(a.address);
  assert.equal(good.code, 0);
  assert.ok(!good.text.includes(`${b.address} is down`));
  const bad = await why(b.address);
  assert.equal(bad.code, 1);
  assert.ok(!bad.text.includes(`${a.address} is up`));

  await a.die();
  await bal.statusWhen('none is up', ({ backend_reachable }) => backend_reachable === 0);
  await visits(port, names('nobody'), 4);
  await until('the ends of the clients are counted', async () => /connect_failed \d/.test((await why()).text));
  const open = await why();
  assert.equal(open.code, 1);
  assert.match(open.text, /^default is failing\n +what_happened: no backend is up/);
  assert.match(open.text, /protection mode is on since \S+Z: .*; ends /);
  assert.match(
    open.text,
    /(1 client's connect|\d+ clients' connects) failed: connection refused/,
    'what clients met is evidence, too',
  );
  assert.deepEqual(await verdicts(), ['failing_open', 'out', 'out']);

  await a.recover();
  await b.recover();
  await bal.statusWhen('both are up', ({ backend_reachable }) => backend_reachable === 2);
  const again = await why();
  assert.equal(again.code, 0, again.text);
  assert.match(
    again.text,
    /health checks? failed: connection refused.*\n.*health checks? passed/,
    'what was is still told',
  );
});

test('why: an unknown service or backend, and no bal at all', async (t) => {
  const { bal, a, b } = await scene(t);
  const unknown = await bal.cli('why', '10.0.0.7:1');
  assert.deepEqual([unknown.code, unknown.stdout], [1, '']);
  assert.match(unknown.stderr, /what_happened: there is no service or backend 10\.0\.0\.7:1/);
  assert.ok(unknown.stderr.includes(`do_this_now: name one of: default, ${a.address}, ${b.address}`));
  const json = await bal.cli('why', '10.0.0.7:1', '--json');
  assert.deepEqual([json.code, json.stderr], [1, '']);
  assert.deepEqual(Object.keys(JSON.parse(json.stdout)), ['services', 'problem']);

  const home = newHome(t);
  for (const args of [['why'], ['events'], ['events', '-f'], ['top']]) {
    const none = await cli(args, { home });
    assert.deepEqual([none.code, none.stdout], [3, ''], args.join(' '));
    assert.match(none.stderr, TRIPLET);
    assert.match(none.stderr, /bal is not running/);
  }
  for (const command of ['why', 'events']) {
    const none = await cli([command, '--json'], { home });
    assert.deepEqual([none.code, none.stderr], [3, '']);
    const { problem }: { problem: { what_happened: string } } = JSON.parse(none.stdout);
    assert.equal(problem.what_happened, 'bal is not running');
  }
});

forEitherEngine('events: each thing that happened is there once, in order, as text and as JSON', async (t, engine) => {
  const { bal, b, config } = await scene(t, engine);
  await b.die();
  await bal.logged('backend.down');
  await b.recover();
  await bal.logged('backend.up', ({ timestamp }) => timestamp > (bal.logs().find(isDown)?.timestamp ?? ''));
  const [victim = 0] = await bal.workerPids();
  signal(victim, 'SIGKILL');
  await gone(victim);
  await bal.logged('worker.exited', ({ level }) => level === 'ERROR');
  bal.configure({ ...config, log_level: 'warn' });
  assert.equal((await bal.graceful()).code, 0);
  bal.configure('port: no\n');
  assert.equal((await bal.graceful()).code, 1);

  const json = await bal.cli('events', '--json');
  assert.deepEqual([json.code, json.stderr], [0, '']);
  const { events }: { events: EventRecord[] } = JSON.parse(json.stdout);
  assert.deepEqual(
    events.map(({ seq }) => seq),
    events.map((_, i) => i + 1),
  );
  const order = events.map(({ event }) => event);
  const expected = ['bal.starting', 'bal.started', 'backend.down', 'backend.up', 'worker.exited', 'config.reloaded'];
  let at = -1;
  for (const name of [...expected, 'config.rejected']) {
    const next = order.indexOf(name, at + 1);
    assert.ok(next > at, `${name} comes after what came before it: ${order.join(' ')}`);
    at = next;
  }
  const down = events.find(({ event }) => event === 'backend.down');
  assert.equal(down?.fields['backend'], b.address);
  assert.equal(down.fields['cause'], 'refused');

  const text = await bal.cli('events');
  assert.equal(text.code, 0);
  const lines = text.stdout.trimEnd().split('\n');
  assert.equal(lines.length, events.length);
  const reloaded = lines.find((line) => line.includes('config.reloaded')) ?? '';
  assert.match(reloaded, /log_level: info → warn/, 'a reload tells the difference');
  for (const [i, { timestamp, event, message }] of events.entries()) {
    assert.ok(lines[i]?.startsWith(`${timestamp}  `) && lines[i].includes(`  ${event}  ${message}`), lines[i]);
  }
});

function isDown({ event }: { event: string }): boolean {
  return event === 'backend.down';
}

for (const flags of [['-f'], ['--follow', '--json']]) {
  test(`events ${flags.join(' ')}: what was comes first, then each thing as it happens, over a restart, until its reader is gone`, async (t) => {
    const { bal, b } = await scene(t);
    const child = spawn(process.execPath, [BAL, 'events', ...flags], {
      env: environment(bal.home.dir),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    atEnd(t, () => child.kill('SIGKILL'));
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    await until('what was is told', () => out.includes('bal.started'));
    await b.die();
    await until('what happens is told', () => out.includes(`backend ${b.address} is down`));
    assert.equal(child.exitCode, null, 'it stays');
    assert.equal((await bal.stop()).code, 0);
    await until('the end is told', () => out.includes('bal.stopped'));
    const lines = out.trimEnd().split('\n');
    assert.equal((await bal.cli('start', '-d')).code, 0);
    await until('the next one is followed', () => out.split('bal.started').length === 3);
    assert.equal(out.split('bal.stopped').length, 2, 'nothing is told twice');
    child.stdout.destroy();
    assert.equal((await bal.cli('stop')).code, 0);
    assert.equal(await ended, 0);
    if (!flags.includes('--json')) return;
    const seqs = lines.map((line) => {
      const event: EventRecord = JSON.parse(line);
      return event.seq;
    });
    assert.deepEqual(
      seqs,
      seqs.map((_, i) => i + 1),
    );
  });
}
