// `bal top`: in a terminal a live screen with keys, elsewhere plain text.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test, type TestContext } from 'node:test';
import { type Bal, startBal } from './harness.ts';
import { type Backend, backend } from './harness/backend.ts';
import { namedAndStays } from './harness/behaviours.ts';
import { environment } from './harness/cli.ts';
import { type Client, connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { atEnd } from '../lib/testing/owner.ts';
import { freePort } from '../lib/testing/ports.ts';
import { BAL } from '../lib/testing/root.ts';
import { noTerminal, openTerminal, type Terminal } from './harness/terminal.ts';
import { until } from '../lib/testing/until.ts';

const ESCAPE = '\u001b';

interface Scene {
  readonly bal: Bal;
  readonly a: Backend;
  readonly b: Backend;
  readonly config: Record<string, unknown>;
  /** Clients connected to b; none is connected to a. */
  readonly clients: readonly Client[];
}

/** Two services; the first has the backends a and b, and b has two connections. */
async function scene(t: TestContext): Promise<Scene> {
  const [a, b] = [await backend(t, namedAndStays('a')), await backend(t, namedAndStays('b'))];
  const [port, other] = [await freePort(), await freePort()];
  const { port: _port, backends, ...top } = configFor(port, [a, b]);
  const services = { web: { port, backends }, mail: { port: other, backends: [{ host: a.host, port: a.port }] } };
  const config = { ...top, services };
  const bal = await startBal(t, { config });
  await bal.checked();
  const clients: Client[] = [];
  while (clients.length < 2) {
    const client = await connectTo(t, port);
    if ((await client.reads(1)).toString() === 'b') clients.push(client);
    else client.reset();
  }
  await bal.statusWhen('b alone has connections', ({ services: [web] }) => {
    return web?.backends[0]?.active_connections === 0 && web.backends[1]?.active_connections === 2;
  });
  return { bal, a, b, config, clients };
}

test('plain text where it is no terminal: a block each second, until nobody reads it', async (t) => {
  const { bal, a, b } = await scene(t);
  const child = spawn(process.execPath, [BAL, 'top'], {
    env: environment(bal.home.dir),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  atEnd(t, () => child.kill('SIGKILL'));
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  await until('a second block comes', () => out.split(/^bal \S+ {2}/m).length > 2);
  assert.ok(!out.includes(ESCAPE), 'no escape sequence');
  const [first = ''] = out.split(/^(?=bal \S+ {2})/m);
  assert.match(first, /^bal \S+ {2}running {2}running for .*, engine \w+, generation 1, version /);
  assert.match(first, /^web 127\.0\.0\.1:\d+ +serving 2\/2 +2\b/m);
  assert.match(first, /^mail 127\.0\.0\.1:\d+ +serving 1\/1 +0\b/m);
  for (const [{ address }, active] of [
    [a, 0],
    [b, 2],
  ] as const) {
    assert.match(first, new RegExp(`^ +${address} +up +${active} +`, 'm'));
  }
  for (const { id, pid } of (await bal.status()).workers) {
    assert.match(first, new RegExp(`^${id} \\(PID ${pid}\\) +ready +`, 'm'));
  }
  assert.match(first, /bal\.started {2}every worker accepts connections/);
  await b.die();
  await until('it tells what happened', () => out.includes(`backend ${b.address} is down`));
  child.stdout.destroy();
  assert.equal(await ended, 0);
});

function inTerminal(title: string, body: (t: TestContext) => Promise<void>): void {
  test(noTerminal === null ? title : `${title} (skipped: ${noTerminal})`, { skip: noTerminal ?? false }, body);
}

function top(t: TestContext, bal: Bal, columns = 120, rows = 40): Terminal {
  return openTerminal(t, [process.execPath, BAL, 'top'], { env: environment(bal.home.dir), columns, rows });
}

/** Returns the order of the first service's two backends. */
function order(screen: string, { a, b }: Scene): 'ab' | 'ba' {
  const [, web = ''] = screen.split('\nweb ');
  return web.indexOf(a.address) < web.indexOf(b.address) ? 'ab' : 'ba';
}

inTerminal('in a terminal it shows services, backends, workers and events, and sorts', async (t) => {
  const at = await scene(t);
  const { bal, a, b } = at;
  const screen = top(t, bal);
  const lines = await screen.shows('the head', /q quit, s sort \(worst\)/);
  const text = lines.join('\n');
  assert.match(text, /^bal \S+ {2}running {2}running for /);
  assert.match(text, /^backends up 3 of 3 {3}open 2 of \d+ /m);
  for (const part of ['SERVICE', 'web', 'mail', a.address, b.address, 'WORKER', 'bal.started']) {
    assert.ok(text.includes(part), `${part}\n${text}`);
  }
  assert.ok(screen.coloured().includes(`${ESCAPE}[3`), 'in colour');
  assert.equal(order(text, at), 'ab');
  screen.press('s');
  await screen.shows('the order of the configuration', /s sort \(config\)/);
  screen.press('s');
  const sorted = await screen.shows('that it sorts', /s sort \(open\)/);
  assert.equal(order(sorted.join('\n'), at), 'ba', 'the one with connections is first');
  for (const by of ['rate', 'traffic', 'worst']) {
    screen.press('s');
    await screen.shows(`that it sorts by ${by}`, new RegExp(`s sort \\(${by}\\)`));
  }
  assert.equal(order(screen.lines().join('\n'), at), 'ab');
  await a.die();
  await screen.shows(
    'what is worst first',
    /^bal \S+ {2}failing .*[\s\S]*^mail .* failing 0\/1[\s\S]*^web .* degraded 1\/2/m,
  );
  screen.press('?');
  await screen.shows('the help', /\? back[\s\S]*^degraded +a service that serves though/m);
  screen.press('?');
  await screen.shows('the flip', new RegExp(`^ +${a.address} +down .*[\\s\\S]*backend ${a.address} is down`, 'm'));
});

for (const key of ['q', 'C-c', 'Escape']) {
  inTerminal(`${key} ends it and leaves the terminal as it was`, async (t) => {
    const { bal } = await scene(t);
    const screen = top(t, bal);
    await screen.shows('the head', /q quit/);
    assert.equal(screen.isRestored(), false);
    screen.press(key);
    assert.equal(await screen.ended(), 0);
    assert.ok(screen.isRestored(), 'the screen and the cursor are back');
    assert.doesNotMatch(screen.lines().join('\n'), /SERVICE/);
  });
}

inTerminal('it fits the terminal, also after it was resized', async (t) => {
  const { bal } = await scene(t);
  const screen = top(t, bal, 100, 30);
  await screen.shows('the head', /q quit/);
  screen.resize(40, 8);
  const small = await screen.shows('the small screen', (text) => text.startsWith('bal ') && /SERVICE/.test(text));
  assert.ok(small.length <= 8 && small.every((line) => line.length <= 40), small.join('\n'));
  screen.resize(160, 50);
  const large = await screen.shows('the large screen', /bal\.started {2}every worker accepts connections/);
  assert.match(large[0] ?? '', /^bal .* q quit, s sort/, 'the first line is the head, nothing has scrolled');
  screen.resize(2, 2);
  await screen.shows('what fits', (text) => text.startsWith('b…\n'));
  screen.resize(80, 24);
  screen.press('q');
  assert.equal(await screen.ended(), 0);
});

inTerminal('with more backends than lines it is scrolled, and the one that is down is found', async (t) => {
  const [up, gone] = [await backend(t, namedAndStays('a')), await backend(t, namedAndStays('b'))];
  await gone.die();
  const many = Array.from({ length: 60 }, (_, i) => ({ host: `127.0.1.${i + 1}`, port: gone.port }));
  const config = configFor(await freePort(), [up, ...many], { workers: 1 });
  const bal = await startBal(t, { config });
  await bal.checked();
  const screen = top(t, bal, 40, 10);
  const has = (text: RegExp) => (now: string) => now.startsWith('bal ') && text.test(now);
  const small = await screen.shows('which lines these are', has(/^1-5 of \d+ lines; arrows scroll$/m));
  assert.ok(
    small.every((line) => line.length <= 40),
    small.join('\n'),
  );
  screen.press('Down');
  await screen.shows('one line more', has(/^2-6 of /m));
  screen.press('NPage');
  await screen.shows('a page more', has(/^6-10 of /m));
  screen.press('End');
  await screen.shows('the end', has(/^\d+-(\d+) of \1 lines/m));
  screen.resize(120, 30);
  const last = await screen.shows('the workers and the last event', has(/WORKER[\s\S]*bal\.started/));
  assert.ok(!last.join('\n').includes('SERVICE'));
  screen.press('Home');
  await screen.shows('the start', has(/^1-25 of /m));
  const worst = await screen.shows('what is down first', has(/sort \(worst\)/));
  assert.match(worst[5] ?? '', /127\.0\.1\.1:\d+ +down/);
  screen.resize(60, 30);
  const narrow = await screen.shows('how many columns are hidden', has(/^SERVICE \+\d+ → +STATE +OPEN/m));
  assert.match(narrow[5] ?? '', /127\.0\.1\.1:\d+ +down/, 'the state is seen at any width');
  screen.press('Right');
  await screen.shows('the next columns', has(/^SERVICE \+\d+ ←→ +STATE +CONN\/S/m));
  screen.press('q');
  assert.equal(await screen.ended(), 0);
});

for (const [what, ...prefix] of [
  ['without keys (stdin is no terminal)', 'sh', '-c', 'exec "$@" </dev/null', 'sh'],
  ['where the terminal can do nothing (TERM=dumb)', 'env', 'TERM=dumb'],
]) {
  inTerminal(`${what} it prints plain blocks`, async (t) => {
    const { bal } = await scene(t);
    const command = [...prefix, process.execPath, BAL, 'top'];
    const screen = openTerminal(t, command, { env: environment(bal.home.dir), columns: 120, rows: 60 });
    await screen.shows('a second block', (text) => text.split(/^bal \S+ {2}/m).length > 2);
    assert.doesNotMatch(screen.lines().join('\n'), /q quit|internal error/);
    screen.press('C-c');
  });
}

inTerminal('a terminal that says it has no size is taken for one of 80 columns and 24 lines', async (t) => {
  const { bal } = await scene(t);
  const command = ['sh', '-c', 'stty rows 0 cols 0; exec "$@"', 'sh', process.execPath, BAL, 'top'];
  const screen = openTerminal(t, command, { env: environment(bal.home.dir), columns: 80, rows: 24 });
  await screen.shows('the head and the table', /^bal .*q quit[\s\S]*SERVICE/);
  screen.press('q');
  assert.equal(await screen.ended(), 0);
});

inTerminal('while bal is restarted it says so, and goes on', async (t) => {
  const { bal, config, clients } = await scene(t);
  const screen = top(t, bal);
  await screen.shows('the head', /q quit/);
  for (const client of clients) client.reset();
  assert.equal((await bal.stop()).code, 0);
  const note = await screen.shows('that bal is gone', /^bal \S+ {2}no answer since .*; these are the last figures/);
  assert.ok(note.join('\n').includes('web'), 'the last figures stay');
  const again = await startBal(t, { config, home: bal.home.dir });
  const [worker] = await again.workerPids();
  await screen.shows('the new workers', (text) => !text.includes('no answer') && text.includes(`(PID ${worker})`));
  screen.close();
});
