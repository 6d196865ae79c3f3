// `bal backend …`: changes to backends while bal runs, their effect on clients, and what they survive.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { BackendVerdict } from '../lib/control/backends.ts';
import type { BackendStatus, Status } from '../lib/control/protocol.ts';
import { atEnd, type Owner } from '../lib/testing/owner.ts';
import { freePort } from '../lib/testing/ports.ts';
import { BAL } from '../lib/testing/root.ts';
import { until } from '../lib/testing/until.ts';
import { type Bal, startBal } from './harness.ts';
import { backend, type Behaviour } from './harness/backend.ts';
import { environment } from './harness/cli.ts';
import { type Client, connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine, forEitherEngine } from './harness/engines.ts';
import { greeted, served } from './harness/greeted.ts';

/** A backend that sends its letter, then echoes. */
const who =
  (letter: string): Behaviour =>
  (socket) => {
    socket.write(letter);
    socket.pipe(socket);
  };

/** Opens sessions until `count` are with this backend; ends the others. */
async function sessionsAt(t: Owner, port: number, letter: string, count: number): Promise<Client[]> {
  const found: Client[] = [];
  while (found.length < count) {
    const { client, by } = await greeted(t, port);
    if (by === letter) found.push(client);
    else client.end();
  }
  return found;
}

async function goesOn(client: Client, text: string): Promise<void> {
  await client.send(text);
  assert.equal((await client.reads(text.length)).toString(), text);
}

async function change(bal: Bal, ...args: string[]): Promise<BackendVerdict> {
  const { code, stdout, stderr } = await bal.cli('backend', ...args, '--json');
  assert.equal(stderr, '');
  const verdict: BackendVerdict = JSON.parse(stdout);
  assert.equal(code, verdict.ok ? 0 : 1, stdout);
  return verdict;
}

/** Runs a command whose output can be read while it runs. */
function running(
  t: Owner,
  { home }: Bal,
  ...args: string[]
): { said(): string; readonly exited: Promise<number | null> } {
  const child = spawn(process.execPath, [BAL, ...args], {
    env: environment(home.dir),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  atEnd(t, () => void child.kill('SIGKILL'));
  let said = '';
  for (const output of [child.stdout, child.stderr])
    output.setEncoding('utf8').on('data', (text: string) => (said += text));
  return { said: () => said, exited: new Promise((resolve) => child.once('close', resolve)) };
}

function readyPids({ workers }: Status): number[] {
  return workers.filter(({ state }) => state === 'ready').map(({ pid }) => pid);
}

async function statusOf(bal: Bal, address: string): Promise<BackendStatus | undefined> {
  return (await bal.status()).backends.find((it) => it.address === address);
}

forEachEngine('drain, ready, weight and reset take effect in all workers, and replace none', async (t, engine) => {
  const [a, b] = [await backend(t, who('a')), await backend(t, who('b'))];
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a, b]) });
  await bal.checked();
  const workers = await bal.workerPids();
  const [early] = await sessionsAt(t, port, 'a', 1);
  assert.ok(early !== undefined);

  const drained = await change(bal, 'drain', a.address);
  assert.deepEqual([drained.changed, drained.workers_told, drained.active_connections], [true, 2, 1]);
  assert.deepEqual(drained.warnings, []);
  // The command has returned: no further client, in any worker.
  assert.deepEqual(await served(t, port, 12), { b: 12 });
  await goesOn(early, 'still here');
  const shown = await statusOf(bal, a.address);
  assert.deepEqual([shown?.state, shown?.administrative, shown?.weight], ['up', 'drained', 1]);
  assert.equal(shown?.administrative_since, drained.live_changes[0]?.since);
  const why = await bal.cli('why', a.address);
  assert.equal(why.code, 0, 'nothing is wrong');
  assert.match(why.stdout, /^\w+ is serving\n/, 'the others serve');
  assert.match(why.stdout, /is up, drained\n\s+drained since \d{4}-.* ago\), by 'bal backend'/);
  assert.match(why.stdout, /ends when 'bal backend ready 127\.0\.0\.1:\d+' takes it back/);

  early.end();
  await early.over;
  const [victim] = workers;
  assert.ok(victim !== undefined);
  process.kill(victim, 'SIGKILL');
  await bal.statusWhen(
    'another worker serves',
    ({ workers: now }) => now.length === 2 && now.every(({ pid, state }) => pid !== victim && state === 'ready'),
  );
  assert.deepEqual(await served(t, port, 8), { b: 8 }, 'a new worker knows');

  assert.equal((await change(bal, 'ready', a.address)).changed, true);
  assert.deepEqual(Object.keys(await served(t, port, 12)).sort(), ['a', 'b']);
  assert.equal((await change(bal, 'ready', a.address)).changed, false);

  const { live_changes } = await change(bal, 'weight', b.address, '0');
  assert.deepEqual(
    live_changes.map(({ text }) => text),
    ['weight 0, in the file 1'],
  );
  assert.deepEqual(await served(t, port, 8), { a: 8 });
  const held = await sessionsAt(t, port, 'a', 3);
  assert.equal((await bal.graceful()).code, 0);
  held.push(...(await sessionsAt(t, port, 'a', 2)));
  const serving = readyPids(await bal.status());
  assert.equal((await change(bal, 'reset', a.address)).cut, 5, 'those in old workers, too');
  for (const client of held) await client.over;
  const { ends } = (await bal.status()).services[0] ?? {};
  assert.equal(ends?.['operator'], 5);
  const event = await bal.logged('backend.reset');
  assert.deepEqual([event.level, event.fields['cut'], event.fields['why']], ['WARN', 5, 'reset']);
  assert.deepEqual(await served(t, port, 4), { a: 4 }, 'a reset takes nobody out of use');
  assert.deepEqual(readyPids(await bal.status()), serving);
});

forEachEngine(
  'backends come and go: one that is added is checked first, one that is removed drains',
  async (t, engine) => {
    const [a, b] = [await backend(t, who('a')), await backend(t, who('b'))];
    const port = await freePort();
    const bal = await startBal(t, { engine, config: configFor(port, [a]) });
    await bal.checked();
    const workers = await bal.workerPids();
    const dead = await freePort();
    assert.equal((await change(bal, 'add', `127.0.0.1:${dead}`)).ok, true);
    assert.equal((await statusOf(bal, `127.0.0.1:${dead}`))?.state, 'down', 'it was looked at before any client came');
    await change(bal, 'remove', `127.0.0.1:${dead}`);
    assert.equal(await statusOf(bal, `127.0.0.1:${dead}`), undefined, 'nothing used it');

    const added = await change(bal, 'add', b.address);
    assert.deepEqual([added.ok, added.live_changes.map(({ kind }) => kind)], [true, ['added']]);
    assert.deepEqual(Object.keys(await served(t, port, 12)).sort(), ['a', 'b']);
    const [mine] = await sessionsAt(t, port, 'a', 1);
    assert.ok(mine !== undefined);
    assert.equal((await change(bal, 'remove', a.address)).active_connections, 1);
    assert.deepEqual(await served(t, port, 8), { b: 8 });
    await goesOn(mine, 'still here');
    const shown = await statusOf(bal, a.address);
    assert.deepEqual([shown?.state, shown?.administrative, shown?.weight], ['draining', 'removed', null]);
    const refused = await bal.cli('backend', 'drain', a.address);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /what_happened: .* has left the configuration/);
    assert.equal((await change(bal, 'reset', a.address)).cut, 1, 'what is left of it can be ended');
    await mine.over;
    await bal.statusWhen('it is forgotten', ({ backends }) => backends.length === 1);

    assert.equal((await change(bal, 'add', a.address)).changed, true);
    const { live_changes } = await bal.status();
    assert.deepEqual(
      live_changes.map(({ address, kind }) => [address, kind]),
      [[b.address, 'added']],
      'one that was removed comes back as the file has it',
    );
    assert.deepEqual(await bal.workerPids(), workers);
  },
);

forEitherEngine('drain --wait shows what remains and returns at none; --timeout ends the rest', async (t, engine) => {
  const [a, b] = [await backend(t, who('a')), await backend(t, who('b'))];
  const port = await freePort();
  const bal = await startBal(t, { engine, config: configFor(port, [a, b]) });
  await bal.checked();
  const [one] = await sessionsAt(t, port, 'a', 1);
  const waiting = running(t, bal, 'backend', 'drain', a.address, '--wait');
  await until('it waits', () => waiting.said().includes(`waiting for 1 connection to ${a.address} to finish\n`));
  one?.end();
  assert.equal(await waiting.exited, 0);
  assert.match(waiting.said(), /has no connection any more\n$/);

  await change(bal, 'ready', a.address);
  const [two, three] = await sessionsAt(t, port, 'a', 2);
  const impatient = await bal.cli('backend', 'drain', a.address, '--timeout', '300ms', '--wait');
  assert.equal(impatient.code, 0, impatient.stderr);
  await Promise.all([two?.over, three?.over]);
  const event = await bal.logged('backend.reset');
  assert.deepEqual([event.fields['cut'], event.fields['why']], [2, 'drain_timeout']);
  await until('its time is over', async () => (await bal.status()).live_changes[0]?.until === null);
  assert.deepEqual(await served(t, port, 6), { b: 6 }, 'it stays drained');

  await change(bal, 'ready', a.address);
  const [four] = await sessionsAt(t, port, 'a', 1);
  const outdone = running(t, bal, 'backend', 'drain', a.address, '--wait');
  await until('it waits', () => outdone.said().includes('waiting for 1 connection'));
  await change(bal, 'ready', a.address);
  assert.equal(await outdone.exited, 1);
  assert.match(outdone.said(), /what_happened: .* is not drained any more/);
  four?.end();
});

forEitherEngine("'bal doctor' looks at the backends that bal uses, not at those of the file", async (t, engine) => {
  const [a, b] = [await backend(t, who('a')), await backend(t, who('b'))];
  const bal = await startBal(t, { engine, config: configFor(await freePort(), [a]) });
  await bal.checked();
  await change(bal, 'add', b.address);
  await change(bal, 'remove', a.address);
  await a.die();
  const well = await bal.cli('doctor', '--verbose');
  assert.equal(well.code, 0, well.stdout);
  assert.match(well.stdout, new RegExp(`ok +backend:default/${b.address} `));
  assert.ok(!well.stdout.includes(`backend:default/${a.address}`));
  await b.die();
  const ill = await bal.cli('doctor');
  assert.equal(ill.code, 1);
  assert.match(ill.stdout, new RegExp(`critical +backend:default/${b.address} `));
});

forEitherEngine(
  'what was changed survives reload, the death of the primary, and restart, until the file says it',
  async (t, engine) => {
    const [a, b, c] = [await backend(t, who('a')), await backend(t, who('b')), await backend(t, who('c'))];
    const port = await freePort();
    const config = configFor(port, [a, b]);
    const first = await startBal(t, { engine, daemon: true, config });
    await first.checked();
    await change(first, 'drain', a.address, '--timeout', '6h');
    await change(first, 'weight', b.address, '5');
    await change(first, 'add', c.address);
    const { live_changes: changed } = await first.status();
    assert.deepEqual(
      changed.map(({ address, kind }) => [address, kind]),
      [
        [a.address, 'drained'],
        [b.address, 'weight'],
        [c.address, 'added'],
      ],
    );
    const { verdict } = await first.graceful();
    assert.deepEqual([verdict.changed, verdict.live_changes], [[], { kept: changed, dropped: [] }]);
    assert.match(
      (await first.cli('graceful')).stdout,
      /changes by 'bal backend' in effect, not in the file:\n  default 127.*drained/,
    );
    assert.match(
      (await first.cli('status')).stdout,
      /changes by 'bal backend' that are not in the file:\n  default 127/,
    );
    const doctor = await first.cli('doctor');
    assert.match(doctor.stdout, /warn\s+live_changes\s+3 changes by 'bal backend'/);
    assert.match(doctor.stdout, /ok\s+config_drift/);
    assert.equal((await served(t, port, 24))['a'], undefined);

    await first.killPrimary();
    const second = await startBal(t, { engine, daemon: true, home: first.home.dir, config });
    await second.checked();
    assert.deepEqual((await second.status()).live_changes, changed, 'with the times that they had');
    assert.deepEqual(Object.keys(await served(t, port, 24)).sort(), ['b', 'c']);
    assert.equal((await second.stop()).code, 0);
    const third = await startBal(t, { engine, daemon: true, home: first.home.dir, config });
    await third.checked();
    assert.deepEqual((await third.status()).live_changes, changed);
    const listed = await third.cli('backend', 'list');
    assert.match(listed.stdout, new RegExp(`${a.address} +up +drained +1 +0 +${changed[0]?.since}`));
    assert.match(listed.stdout, new RegExp(`${b.address} +up +ready +5 +0 +${changed[1]?.since}`));
    const json = JSON.parse((await third.cli('backend', '--json')).stdout);
    assert.deepEqual([json.backends.length, json.live_changes], [3, changed]);

    // The file now contains two of the changes, and no longer has the third backend.
    third.configure({ ...configFor(port, [c]), backends: [{ ...where(b), weight: 5 }, where(c)] });
    const reloaded = await third.graceful();
    assert.equal(reloaded.verdict.ok, true);
    assert.deepEqual(reloaded.verdict.live_changes.kept, []);
    assert.deepEqual(
      reloaded.verdict.live_changes.dropped.map(({ address, why }) => [address, why]),
      [[a.address, 'it is gone from the file']],
    );
    await third.logged('backends.dropped');
    assert.equal(existsSync(third.home.backendsFile), false, 'nothing is left to be kept');
  },
);

function where({ host, port }: { readonly host: string; readonly port: number }) {
  return { host, port };
}

forEitherEngine(
  'a change that cannot be is refused with the three parts and exit 1, and changes nothing',
  async (t, engine) => {
    const [a, b] = [await backend(t, who('a')), await backend(t, who('b'))];
    const [port, other] = [await freePort(), await freePort()];
    const services = {
      web: { port, backends: [where(a), where(b)] },
      db: { port: other, backends: [where(a)] },
    };
    const bal = await startBal(t, { engine, config: { bind_address: '127.0.0.1', workers: 1, services } });
    const refusals: readonly (readonly [args: string[], what: RegExp])[] = [
      [['drain', '127.0.0.1:1'], /no service has a backend 127\.0\.0\.1:1/],
      [['drain', a.address], /is a backend of 2 services: web, db/],
      [['drain', b.address, '--service', 'db'], /service db has no backend/],
      [['drain', b.address, '--service', 'wbe'], /did you mean web\?/],
      [['weight', b.address, '257'], /a weight of 257 is not possible/],
      [['add', b.address, '--service', 'web'], /service web has .* already/],
      [['add', '127.0.0.1:1'], /name one with --service/],
      [['add', `127.0.0.1:${port}`, '--service', 'web'], /a loop: .* is where bal itself listens/],
    ];
    for (const [args, what] of refusals) {
      const { code, stderr, stdout } = await bal.cli('backend', ...args);
      assert.deepEqual([code, stdout], [1, ''], args.join(' '));
      assert.match(stderr, what);
      assert.match(stderr, /what_happened: .*\n {2}why_likely: .*\n {2}do_this_now: /);
    }
    for (const args of [
      ['explode', 'a:1'],
      ['drain'],
      ['weight', 'a:1'],
      ['weight', 'a:1', 'x'],
      ['ready', 'a:1', '--wait'],
    ]) {
      const { code, stderr } = await bal.cli('backend', ...args);
      assert.equal(code, 2, args.join(' '));
      assert.match(stderr, /^bal: .*\n$/);
    }
    assert.deepEqual((await bal.status()).live_changes, []);
    const both = await change(bal, 'drain', b.address);
    assert.deepEqual(both.warnings, []);
    const last = await bal.cli('backend', 'drain', a.address, '--service', 'web');
    assert.equal(last.code, 0, 'the last one may be drained');
    assert.match(last.stderr, /warning: service web has no other backend that takes clients/);
    // Clients that were refused since do not hide the reason.
    for (let i = 0; i < 5; i++) assert.equal((await (await connectTo(t, port)).over).how, 'reset');
    await bal.statusWhen('the refused are counted', ({ totals }) => (totals?.failed_total ?? 0) >= 5);
    const { stdout: why } = await bal.cli('why');
    assert.match(why, /what_happened: no backend of web takes clients/);
    assert.doesNotMatch(why, /DNS/);
    for (const undo of [`${a.address} --service web`, b.address]) {
      assert.ok(why.includes(`ends when 'bal backend ready ${undo}' takes it back`), 'the command that works');
    }

    assert.equal((await bal.stop()).code, 0);
    writeFileSync(bal.home.backendsFile, readFileSync(bal.home.backendsFile, 'utf8').replace('"drained"', '"drowned"'));
    const again = await startBal(t, {
      engine,
      home: bal.home.dir,
      config: { bind_address: '127.0.0.1', workers: 1, services },
    });
    const aside = await again.logged('backends.set_aside');
    assert.match(aside.message, /change 1 in it is none.*backends\.json\.aside now/);
    assert.deepEqual((await again.status()).live_changes, [], 'it starts as the file says');
    await again.stop();
    const none = await again.cli('backend', 'drain', a.address);
    assert.equal(none.code, 3);
  },
);
