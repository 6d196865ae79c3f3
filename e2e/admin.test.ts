// The admin listener: each path serves its purpose, and nothing can be changed through it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test, type TestContext } from 'node:test';
import { type Bal, newHome, startBal, writeConfig } from './harness.ts';
import { ask, follow } from './harness/admin.ts';
import { type Backend, backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { cli, environment } from './harness/cli.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { type EngineName, forEachEngine, forEitherEngine } from './harness/engines.ts';
import { atEnd } from '../lib/testing/owner.ts';
import { freePort } from '../lib/testing/ports.ts';
import { gone, pidsOf } from './harness/processes.ts';
import { until } from '../lib/testing/until.ts';
import { ownProgram } from './soak/own-program.ts';

const PATHS = ['/', '/metrics', '/healthz', '/readyz', '/status', '/events'];

interface Scene {
  readonly bal: Bal;
  readonly admin: number;
  readonly port: number;
  readonly target: Backend;
  readonly config: Record<string, unknown>;
}

async function scene(t: TestContext, engine?: EngineName, runtime: Record<string, number> = {}): Promise<Scene> {
  const target = await backend(t, echo);
  const [port, admin] = [await freePort(), await freePort()];
  const config = configFor(port, [target], { admin: `127.0.0.1:${admin}`, runtime });
  const bal = await startBal(t, { config, ...(engine && { engine }) });
  await bal.checked();
  return { bal, admin, port, target, config };
}

forEachEngine('every path answers what it is for', async (t, engine) => {
  const { admin, bal, port } = await scene(t, engine);
  const client = await connectTo(t, port);
  await client.send('hello');
  await client.reads(5);

  const page = await ask(admin, '/');
  assert.equal(page.headers['content-type'], 'text/html; charset=utf-8');
  assert.match(page.body, /^<!doctype html>/i);
  const metrics = await ask(admin, '/metrics');
  assert.equal(metrics.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  assert.match(metrics.body, new RegExp(`^bal_info\\{.*engine="${engine}".*\\} 1$`, 'm'));
  assert.match(metrics.body, /^bal_listener_connections_active\{listener="default"\} 1$/m);
  assert.deepEqual(JSON.parse((await ask(admin, '/healthz')).body), { alive: true });
  assert.deepEqual(JSON.parse((await ask(admin, '/readyz')).body), { ready: true, reasons: [] });
  const status: Record<string, unknown> = JSON.parse((await ask(admin, '/status')).body);
  const { problem: _, ...printed }: Record<string, unknown> = JSON.parse((await bal.cli('status', '--json')).stdout);
  assert.deepEqual(Object.keys(status), Object.keys(printed));
  assert.deepEqual([status['pid'], status['engine'], status['active_connections']], [bal.pid, engine, 1]);
  const { fields } = await bal.logged('bal.started');
  assert.equal(fields['admin'], `127.0.0.1:${admin}`, 'the log says where it is');
});

test('a target in the absolute form is as good as its path', async (t) => {
  const { admin } = await scene(t);
  for (const path of PATHS.filter((each) => each !== '/events')) {
    const { status } = await ask(admin, `http://127.0.0.1:${admin}${path}?some=thing`);
    assert.equal(status, 200, path);
  }
  assert.match((await ask(admin, 'HTTP://somewhere.example')).body, /^<!doctype html>/i);
  assert.equal((await ask(admin, `http://127.0.0.1:${admin}/nothing`)).status, 404);
});

test('every answer has the headers of a page that needs nobody else, and may not be kept', async (t) => {
  const { admin } = await scene(t);
  for (const path of [...PATHS.filter((path) => path !== '/events'), '/nothing']) {
    const { headers } = await ask(admin, path);
    assert.match(String(headers['content-security-policy']), /^default-src 'none'; .*frame-ancestors 'none'/, path);
    assert.equal(headers['x-content-type-options'], 'nosniff', path);
    assert.equal(headers['x-frame-options'], 'DENY', path);
    assert.equal(headers['referrer-policy'], 'no-referrer', path);
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin', path);
    assert.equal(headers['cache-control'], 'no-store', path);
    assert.equal(headers['access-control-allow-origin'], undefined, path);
    assert.equal(headers['connection'], 'close', path);
  }
  const policy = String((await ask(admin, '/')).headers['content-security-policy']);
  assert.doesNotMatch(policy, /unsafe|https?:|\*/);
});

test('HEAD gives the head of what GET gives', async (t) => {
  const { admin } = await scene(t);
  for (const path of PATHS) {
    const head = await ask(admin, path, { method: 'HEAD' });
    assert.deepEqual([head.status, head.body], [200, ''], path);
    if (path === '/events') continue;
    const { headers } = await ask(admin, path);
    assert.equal(head.headers['content-type'], headers['content-type'], path);
  }
});

test('other methods, paths and names are refused, and nothing has changed', async (t) => {
  const { admin, bal, config } = await scene(t);
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE']) {
    for (const path of PATHS) {
      const { status, headers } = await ask(admin, path, { method });
      assert.deepEqual([status, headers['allow']], [405, 'GET, HEAD'], `${method} ${path}`);
    }
  }
  // Paths of the control socket, and invented ones.
  for (const path of ['/stop', '/reload', '/plan', '/why', '/events/follow', '/metrics/', '//', '/../status', '/%2e']) {
    for (const method of ['GET', 'POST']) {
      const said = method === 'POST' ? { method, body: '{"timeout_ms":null,"now":true}' } : { method };
      const { status, body } = await ask(admin, path, said);
      assert.equal(status, 404, `${method} ${path}`);
      assert.ok(body.includes('/readyz'), 'it says what there is');
    }
  }
  // A web site whose name points here must not read it (DNS rebinding).
  for (const host of ['evil.example', `evil.example:${admin}`, '127.0.0.1.evil.example']) {
    assert.equal((await ask(admin, '/status', { headers: { host } })).status, 421, host);
  }
  for (const host of ['localhost', `localhost:${admin}`, '192.0.2.1', '[::1]', `[::1]:${admin}`]) {
    assert.equal((await ask(admin, '/status', { headers: { host } })).status, 200, host);
  }
  const host = `LB.example:${admin}`;
  assert.match((await ask(admin, '/status', { headers: { host } })).body, /admin_hosts/, 'it says what to do');
  bal.configure({ ...config, admin_hosts: ['lb.Example.'] });
  assert.equal((await bal.graceful()).code, 0);
  assert.equal((await ask(admin, '/status', { headers: { host } })).status, 200, host);
  assert.equal((await ask(admin, '/status?what=ever')).status, 200, 'a query is nothing to it');
  const { state, generation } = await bal.status();
  assert.deepEqual([state, generation], ['running', 2]);
});

test('readiness: not while it starts, not without a backend, not while it drains', async (t) => {
  const { program, muteWorkers } = ownProgram(t);
  muteWorkers();
  const home = newHome(t);
  const early = await freePort();
  writeConfig(home, configFor(await freePort(), [{ host: '127.0.0.1', port: 1 }], { admin: `127.0.0.1:${early}` }));
  const child = spawn(process.execPath, [program, 'start'], { env: environment(home), stdio: 'ignore' });
  atEnd(t, () => child.kill('SIGKILL'));
  const starting = await until('the admin listener of a bal that starts answers', () => ask(early, '/readyz'));
  assert.equal(starting.status, 503);
  assert.match(starting.body, /"bal is starting"/);
  assert.equal((await ask(early, '/healthz')).status, 200, 'it lives');
  await cli(['stop', '--now'], { home });
  await Promise.all(pidsOf(home).map(gone));

  const { admin, bal, target, port } = await scene(t, undefined, { drain_timeout_ms: 60_000 });
  assert.equal((await ask(admin, '/readyz')).status, 200);
  await target.die();
  await bal.statusWhen('the backend is down', ({ backend_reachable }) => backend_reachable === 0);
  const without = await ask(admin, '/readyz');
  assert.equal(without.status, 503);
  assert.deepEqual(JSON.parse(without.body), {
    ready: false,
    reasons: ['service default has no backend that is up'],
  });
  await target.recover();
  await bal.statusWhen('the backend is up', ({ backend_reachable }) => backend_reachable === 1);
  assert.equal((await ask(admin, '/readyz')).status, 200);

  const client = await connectTo(t, port);
  await client.send('x');
  await client.reads(1);
  const stopped = bal.stop();
  await bal.statusWhen('it drains', ({ state }) => state === 'draining');
  const draining = await ask(admin, '/readyz');
  assert.equal(draining.status, 503);
  assert.match(draining.body, /bal is stopping/);
  assert.equal((await ask(admin, '/metrics')).status, 200, 'figures are there until the end');
  client.end();
  assert.equal((await stopped).code, 0);
  await assert.rejects(ask(admin, '/healthz'), /ECONNREFUSED/);
});

forEitherEngine('the stream tells a flip as the log does, and status and readiness with it', async (t, engine) => {
  const { admin, bal, target } = await scene(t, engine);
  const stream = await follow(t, admin);
  await stream.event('bal.started');
  await stream.message('readiness', (it) => Object(it).ready === true);
  await target.die();
  const reported = await stream.event('backend.down');
  const logged = await bal.logged('backend.down');
  assert.deepEqual(reported.fields, logged.fields);
  assert.equal(reported.message, logged.message);
  assert.equal(reported.level, logged.level);
  await stream.message('readiness', (it) => Object(it).ready === false);
  await stream.message('status', (it) => Object(it).backend_reachable === 0);
  await target.recover();
  const up = await stream.event('backend.up', ({ seq }) => seq > reported.seq);
  assert.equal(up.fields['backend'], target.address);
});

forEitherEngine('a reload moves it, keeps it where the new place is taken, and takes it away', async (t, engine) => {
  const { admin, bal, config, target } = await scene(t, engine);
  const [next, six] = [await freePort(), await freePort()];
  const stream = await follow(t, admin);

  bal.configure({ ...config, admin: target.address });
  const refused = await bal.graceful();
  assert.equal(refused.code, 1);
  assert.equal((await ask(admin, '/healthz')).status, 200);
  await stream.event('config.rejected');

  bal.configure({ ...config, admin: `127.0.0.1:${next}` });
  assert.equal((await bal.graceful()).code, 0);
  assert.equal((await ask(next, '/healthz')).status, 200);
  await assert.rejects(ask(admin, '/healthz'), /ECONNREFUSED/);

  bal.configure({ ...config, admin: `[::1]:${six}` });
  const { verdict } = await bal.graceful();
  assert.deepEqual(verdict.changed, [{ what: 'admin', from: `127.0.0.1:${next}`, to: `[::1]:${six}` }]);
  assert.equal((await ask(six, '/readyz', { host: '::1' })).status, 200);

  const { admin: _, ...without } = config;
  bal.configure(without);
  assert.equal((await bal.graceful()).code, 0);
  await assert.rejects(ask(six, '/healthz', { host: '::1' }), /ECONNREFUSED/);
});

test('check warns about an address that other machines can reach, and about no other', async (t) => {
  const home = newHome(t);
  const check = async (admin: string): Promise<readonly [number | null, string, number]> => {
    writeConfig(home, { ...configFor(9295, [{ host: '127.0.0.1', port: 9000 }]), admin });
    const { stdout } = await cli(['check', '--json'], { home });
    const { warnings }: { warnings: { path: string; message: string }[] } = JSON.parse(stdout);
    const found = warnings.filter(({ path }) => path === 'admin');
    return [(await cli(['check', '--strict'], { home })).code, found[0]?.message ?? '', found.length];
  };
  for (const open of ['0.0.0.0:9296', '[::]:9296', '192.0.2.1:9296']) {
    assert.deepEqual(await check(open), [1, `${open} can be reached from other machines`, 1]);
  }
  for (const own of ['127.0.0.1:9296', '127.0.0.2:9296', '[::1]:9296', 'localhost:9296']) {
    assert.deepEqual(await check(own), [0, '', 0]);
  }
});
