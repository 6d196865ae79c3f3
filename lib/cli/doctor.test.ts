import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { serveControl } from '../control/server.ts';
import { blackHole } from '../testing/black-hole.ts';
import { capturedIo } from '../testing/captured-io.ts';
import { handlers, PLAN, STATUS } from '../testing/control-server.ts';
import { fakeInOwnHome, ownHome } from '../testing/own-home.ts';
import { deferred } from '../deferred.ts';
import { freePort } from '../testing/ports.ts';
import { hasKeys, onlyJson } from '../testing/shape.ts';
import { run } from './program.ts';

/** Returns a port of 127.0.0.1 that accepts connections until the test ends. */
async function listening(t: TestContext): Promise<number> {
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

function configure(home: string, config: Readonly<Record<string, unknown>>): void {
  writeFileSync(join(home, 'config.yaml'), JSON.stringify({ bind_address: '127.0.0.1', ...config }));
}

function backends(...ports: readonly number[]): object[] {
  return ports.map((port) => ({ host: '127.0.0.1', port }));
}

interface Diagnosis {
  readonly code: number;
  /** Name → level and summary; the one of Node depends on the environment. */
  readonly checks: ReadonlyMap<string, string>;
}

/** Runs `bal doctor --json` and checks the form of its output. */
async function diagnose(...more: readonly string[]): Promise<Diagnosis> {
  const io = capturedIo();
  const code = await run(['doctor', '--json', ...more], io);
  assert.deepEqual(io.stderr, []);
  assert.equal(io.stdout.length, 1);
  const { checks: list, protection_mode } = onlyJson(io.stdout[0] ?? '');
  hasKeys(protection_mode, ['enabled', 'reason'], 'protection_mode');
  assert.ok(Array.isArray(list));
  const checks = new Map<string, string>();
  for (const check of list) {
    assert.ok(typeof check === 'object' && check !== null && !Array.isArray(check));
    const { name, level, summary, hint, ...rest } = check;
    assert.deepEqual(rest, {});
    assert.ok(typeof name === 'string' && typeof level === 'string' && typeof summary === 'string');
    assert.ok(['ok', 'warn', 'critical'].includes(level), `${name}: ${level}`);
    assert.equal(hint === null, level === 'ok', `${name} has a hint exactly when something is wrong`);
    assert.ok(!checks.has(name), `${name} comes once`);
    checks.set(name, `${level}: ${summary}`);
  }
  const critical = [...checks.values()].some((text) => text.startsWith('critical'));
  assert.equal(code, critical ? 1 : 0);
  return { code, checks };
}

test('before the first start all is ok when it could be started', async (t) => {
  const home = ownHome(t);
  const [port, backend] = [await freePort(), await listening(t)];
  configure(home, { port, backends: backends(backend) });
  const { code, checks } = await diagnose();
  assert.equal(code, 0);
  const trouble = [...checks].filter(([name, text]) => name !== 'node' && !text.startsWith('ok'));
  assert.deepEqual(trouble, []);
  assert.match(checks.get('listen:default') ?? '', /is free; bal is not running$/);
  assert.match(checks.get(`backend:default/127.0.0.1:${backend}`) ?? '', /accepts connections \(\d+ ms\)$/);
  for (const name of [
    'config',
    'node',
    'libuv',
    'pid_file',
    'control_socket',
    'descriptors',
    'log_directory',
    'log_space',
  ]) {
    assert.ok(checks.has(name), name);
  }
});

test('a backend that speaks first sees no reset', async (t) => {
  const home = ownHome(t);
  const ended = deferred<string>();
  const server = createServer((socket) => {
    socket.resume().write('SSH-2.0-sample\r\n');
    socket.once('end', () => ended.resolve('end'));
    socket.once('error', (error: NodeJS.ErrnoException) => ended.resolve(error.code ?? error.message));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  configure(home, { port: await freePort(), backends: backends((server.address() as AddressInfo).port) });
  await diagnose();
  assert.equal(await ended.promise, 'end');
});

test('one of two backends down is a warning, both is critical', async (t) => {
  const home = ownHome(t);
  const [port, up, down, alsoDown] = [await freePort(), await listening(t), await freePort(), await freePort()];
  configure(home, { port, backends: backends(up, down) });
  const half = await diagnose();
  assert.equal(half.code, 0);
  assert.equal(half.checks.get(`backend:default/127.0.0.1:${down}`), `warn: 127.0.0.1:${down} refuses connections`);
  configure(home, { port, backends: backends(down, alsoDown) });
  const dark = await diagnose();
  assert.equal(dark.code, 1);
  assert.equal(dark.checks.get(`backend:default/127.0.0.1:${down}`), `critical: 127.0.0.1:${down} refuses connections`);
});

test('a backend is asked what its health check asks, and what is wrong with the answer is told', async (t) => {
  const home = ownHome(t);
  let [status, connects] = [200, 0];
  const server = createServer((socket) => {
    connects++;
    socket.once('data', () => socket.end(`HTTP/1.1 ${status} X\r\n\r\n`));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port: web } = server.address() as AddressInfo;
  const [port, other, silent] = [await freePort(), await listening(t), await freePort()];
  const http = { type: 'http', path: '/health' };
  const config = { port, backends: backends(web), health_check: http };
  configure(home, config);
  const well = (await diagnose()).checks.get(`backend:default/127.0.0.1:${web}`) ?? '';
  assert.match(
    well,
    new RegExp(`^ok: 127\\.0\\.0\\.1:${web} accepts connections and passes its http check \\(\\d+ ms\\)$`),
  );
  assert.equal(connects, 1, 'some servers count each');
  status = 503;
  const ill = (await diagnose()).checks.get(`backend:default/127.0.0.1:${web}`) ?? '';
  assert.match(ill, /^critical: .* accepts connections, but its http check fails: HTTP status 503, expected 200-399$/);
  configure(home, { ...config, backends: backends(other), health_check: { ...http, port: web } });
  const aside = (await diagnose()).checks.get(`backend:default/127.0.0.1:${other}`) ?? '';
  assert.match(aside, new RegExp(`accepts connections, but its http check at port ${web} fails: HTTP status 503`));
  configure(home, { ...config, backends: backends(silent), health_check: { ...http, port: web } });
  const gone = (await diagnose()).checks.get(`backend:default/127.0.0.1:${silent}`) ?? '';
  assert.match(gone, /^critical: .* refuses connections$/, 'clients come to its own port');
});

test('a backend that drops packets is found after the configured timeout, all at once', async (t) => {
  const home = ownHome(t);
  const hole = await blackHole(t);
  const runtime = { health_check_timeout_ms: 400 };
  const services = Object.fromEntries(
    await Promise.all(
      Array.from({ length: 20 }, async (_, i) => [
        `s${i}`,
        { port: await freePort(), backends: backends(hole), runtime },
      ]),
    ),
  );
  configure(home, { services });
  const from = performance.now();
  const { checks } = await diagnose();
  assert.ok(performance.now() - from < 20 * 400, 'not one after the other');
  assert.equal(checks.get(`backend:s7/127.0.0.1:${hole}`), `critical: 127.0.0.1:${hole} does not answer within 400 ms`);
});

test('a name that does not resolve is told from a backend that is down', async (t) => {
  const home = ownHome(t);
  configure(home, { port: await freePort(), backends: [{ host: 'nowhere.invalid', port: 80 }] });
  const { checks } = await diagnose();
  assert.match(
    checks.get('backend:default/nowhere.invalid:80') ?? '',
    /^critical: nowhere.invalid:80: the name nowhere.invalid cannot be resolved \(E[A-Z_]+\)$/,
  );
});

test('a name that dns_servers do not know is to be looked up there, not with the system', async (t) => {
  const home = ownHome(t);
  const unused = await freePort();
  const port = await freePort();
  const named = [{ host: 'web.test', port: 80 }];
  configure(home, { port, dns_servers: [`127.0.0.1:${unused}`], backends: named });
  const io = capturedIo();
  await run(['doctor', '--json'], io);
  assert.ok(io.stdout.join().includes(`try: dig @127.0.0.1 -p ${unused} web.test; correct the name, or dns_servers`));
  configure(home, { port, backends: [{ host: 'nowhere.invalid', port: 80 }] });
  await run(['doctor', '--json'], io);
  assert.ok(io.stdout.join().includes('try: getent hosts nowhere.invalid;'));
});

test('a port in use is critical, and its holder is named', async (t) => {
  const home = ownHome(t);
  const port = await listening(t);
  configure(home, { port, backends: backends(await listening(t)) });
  const { checks } = await diagnose();
  const who = process.platform === 'linux' ? `.* \\(PID ${process.pid}\\)` : 'another program';
  assert.match(checks.get('listen:default') ?? '', new RegExp(`^critical: 127.0.0.1:${port} is in use by ${who}$`));
});

test('an address that this machine does not have is critical', async (t) => {
  const home = ownHome(t);
  configure(home, { bind_address: '192.0.2.1', port: await freePort(), backends: backends(await listening(t)) });
  assert.match((await diagnose()).checks.get('listen:default') ?? '', /^critical: .*EADDRNOTAVAIL/);
});

test('a configuration that is wrong or missing is critical', async (t) => {
  const home = ownHome(t);
  assert.match((await diagnose()).checks.get('config') ?? '', /^critical: 1 error, the first: .*config\.yaml/);
  configure(home, { port: 0, backends: [] });
  assert.match((await diagnose()).checks.get('config') ?? '', /^critical: 2 errors, the first: .*config\.yaml:1:/);
});

test('what lies in the place of the PID file is a warning when a start replaces it', async (t) => {
  const home = ownHome(t);
  configure(home, { port: await freePort(), backends: backends(await listening(t)) });
  writeFileSync(join(home, 'bal.pid'), '4194305\n1\n');
  assert.match((await diagnose()).checks.get('pid_file') ?? '', /^warn: .* is left over from a process that is gone$/);
  writeFileSync(join(home, 'bal.pid'), '-1');
  assert.match((await diagnose()).checks.get('pid_file') ?? '', /^warn: .* is no PID file$/);
});

test('a home that others may write to is a warning, and keeps its mode', async (t) => {
  const home = ownHome(t);
  configure(home, { port: await freePort(), backends: backends(await listening(t)) });
  assert.match((await diagnose()).checks.get('home') ?? '', /^ok: .* its owner only$/);
  chmodSync(home, 0o1777);
  assert.match((await diagnose()).checks.get('home') ?? '', /^warn: .* can be changed by other users \(mode 1777\)$/);
});

test('a log directory that cannot be used is a warning: traffic does not need it', async (t) => {
  const home = ownHome(t);
  configure(home, { port: await freePort(), backends: backends(await listening(t)) });
  writeFileSync(join(home, 'logs'), '');
  assert.match((await diagnose()).checks.get('log_directory') ?? '', /^warn: .*logs cannot be written to/);
});

test('a running instance is examined, and differences to the file are named', async (t) => {
  const fake = await fakeInOwnHome(t, 'normal');
  const home = process.env['BAL_HOME'] ?? '';
  configure(home, { port: await freePort(), backends: backends(await listening(t)) });
  const { checks } = await diagnose('--config', `${home}/config.yaml`);
  assert.equal(checks.get('pid_file'), `ok: ${home}/bal.pid names PID ${fake.pid}, which runs`);
  assert.equal(checks.get('control_socket'), `ok: ${home}/bal.sock answers`);
  assert.equal(checks.get('workers'), 'ok: 2 of 2 ready');
  assert.match(checks.get('engine') ?? '', /^ok: js/);
  assert.equal(checks.get('protection_mode'), 'ok: off in 1 service');
  assert.equal(checks.get('log_lines'), 'ok: none was lost');
  assert.match(
    checks.get('config_drift') ?? '',
    /^warn: the running instance uses \/etc\/bal\/config\.yaml, this looked at/,
  );
  assert.match(checks.get('listen:default') ?? '', /^ok: .* is free; the next 'bal graceful' can bind it$/);
});

test('an instance that reports its configuration in the form of another version is examined without it', async (t) => {
  const home = ownHome(t);
  const config_path = join(home, 'config.yaml');
  configure(home, { port: await freePort(), backends: backends(await listening(t)) });
  const plan = { ...PLAN, services: [{ name: 'web', port: 80 }] };
  const control = await serveControl(join(home, 'bal.sock'), {
    ...handlers({ status: () => Promise.resolve({ ...STATUS, config_path }) }),
    plan: () => Promise.resolve(JSON.parse(JSON.stringify(plan))),
  });
  t.after(() => control.close());
  const { checks } = await diagnose();
  assert.match(
    checks.get('config_drift') ?? '',
    /^ok: not compared: the running bal \(0\) reports .*\(\d+\.\d+\.\d+.*\)/,
  );
  assert.equal(checks.has('listen:web'), false);
});

test('a hung instance is critical, and its ports are not held against it', async (t) => {
  const fake = await fakeInOwnHome(t, 'hangs');
  configure(process.env['BAL_HOME'] ?? '', { port: await listening(t), backends: backends(await listening(t)) });
  const { checks } = await diagnose();
  assert.match(
    checks.get('control_socket') ?? '',
    new RegExp(`^critical: bal \\(PID ${fake.pid}\\) runs but does not answer`),
  );
  assert.equal(checks.has('listen:default'), false);
});

test('a removed PID file of a running instance is a warning', async (t) => {
  await fakeInOwnHome(t, 'nameless');
  assert.match((await diagnose()).checks.get('pid_file') ?? '', /^warn: bal runs, but .* does not name it \(none\)$/);
});

test('for people: one line a check, the diagnosis for what is wrong, sound backends in one line', async (t) => {
  const home = ownHome(t);
  mkdirSync(join(home, 'logs'));
  const [port, down] = [await freePort(), await freePort()];
  configure(home, { port, backends: backends(await listening(t), await listening(t), down) });
  const [text, verbose, brief] = [capturedIo(), capturedIo(), capturedIo()];
  assert.equal(await run(['doctor'], text), 0);
  assert.ok(text.stdout.some((line) => /^ok +backends +2 accept connections$/.test(line)));
  assert.ok(text.stderr.includes(`  what_happened: 127.0.0.1:${down} refuses connections`));
  await run(['doctor', '--verbose'], verbose);
  assert.equal(verbose.stdout.filter((line) => /^ok +backend:default/.test(line)).length, 2);
  await run(['doctor', '--brief'], brief);
  assert.equal(brief.stdout.length, 1);
  assert.match(brief.stdout[0] ?? '', /^bal doctor: 0 critical, \d warnings?, \d+ ok; /);
  assert.deepEqual(brief.stderr, []);
});

test('a home whose control socket cannot be made is told by doctor and check before a start', async (t) => {
  const home = ownHome(t);
  process.env['BAL_HOME'] = join(home, 'x'.repeat(100));
  const config = join(home, 'config.yaml');
  configure(home, { port: await freePort(), backends: backends(await listening(t)) });
  const { checks } = await diagnose('--config', config);
  assert.match(checks.get('home') ?? '', /^critical: no control socket fits into the home: .* the system allows 10\d$/);
  const io = capturedIo();
  assert.equal(await run(['check', '--strict', '--config', config], io), 1);
  assert.match(io.stderr.join('\n'), /warning: .*bal cannot start in this home.*set BAL_HOME/);
});

test('without any home what to set is told, and check of a named file needs none', async (t) => {
  const home = ownHome(t);
  const config = join(home, 'config.yaml');
  configure(home, { port: await freePort(), backends: backends(await listening(t)) });
  const before = process.env['HOME'];
  t.after(() => (process.env['HOME'] = before));
  process.env['BAL_HOME'] = '';
  process.env['HOME'] = '';
  const io = capturedIo();
  assert.equal(await run(['check', '--config', config], io), 0, io.stderr.join('\n'));
  assert.equal(await run(['status'], io), 1);
  assert.match(io.stderr.join('\n'), /what_happened: there is no home directory/);
  assert.match(io.stderr.join('\n'), /do_this_now: set BAL_HOME/);
});
