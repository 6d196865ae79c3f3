// The keepalived check script: its exit code is right, with curl as well as with wget.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { newHome, startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { atEnd } from '../lib/testing/owner.ts';
import { freePort } from '../lib/testing/ports.ts';
import { find, lacking, run, workFolder } from '../lib/testing/program.ts';
import { ROOT } from '../lib/testing/root.ts';
import { until } from '../lib/testing/until.ts';

const SCRIPT = join(ROOT, 'sample', 'keepalived-check.sh');

/** Runs the script with only these programs in PATH; returns its exit code. */
function check(folder: string, programs: readonly string[], ...args: readonly string[]): Promise<number | null> {
  const bin = join(folder, ['only', ...programs].join('-'));
  try {
    mkdirSync(bin);
    for (const name of programs) symlinkSync(find(name) ?? name, join(bin, name));
  } catch {
    // exists from an earlier check
  }
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', [SCRIPT, ...args], {
      // The script must not go through a proxy for this machine.
      env: { PATH: bin, http_proxy: 'http://127.0.0.1:1', no_proxy: '' },
      stdio: 'ignore',
      timeout: 60_000,
      killSignal: 'SIGKILL',
    });
    child.once('error', reject);
    child.once('close', resolve);
  });
}

for (const programs of [['curl'], ['wget', 'env', 'timeout'], ['wget', 'env']]) {
  const missing = lacking(...programs);
  const title = `with ${programs[0]}${programs.includes('timeout') ? ' and timeout' : ''}: ready, no backend, draining, down`;
  test(missing === null ? title : `${title} (skipped: ${missing})`, { skip: missing ?? false }, async (t) => {
    const folder = newHome(t);
    const [web, db] = [await backend(t, echo), await backend(t, echo)];
    const [webPort, dbPort, admin] = [await freePort(), await freePort(), await freePort()];
    const { port: _port, backends: _backends, ...top } = configFor(0, [], { runtime: { drain_timeout_ms: 60_000 } });
    const services = {
      web: { port: webPort, backends: [{ host: web.host, port: web.port }] },
      db: { port: dbPort, backends: [{ host: db.host, port: db.port }] },
    };
    const bal = await startBal(t, { config: { ...top, admin: `127.0.0.1:${admin}`, services } });
    const url = `http://127.0.0.1:${admin}/readyz`;
    const says = (): Promise<number | null> => check(folder, programs, url);
    await bal.checked();
    assert.equal(await says(), 0, 'ready');

    await db.die();
    await bal.statusWhen('the second service has no backend', ({ services }) => services[1]?.backend_reachable === 0);
    assert.notEqual(await says(), 0, 'one service of two has no usable backend');
    await db.recover();
    await bal.statusWhen('the backend is back', ({ services }) => services[1]?.backend_reachable === 1);
    assert.equal(await says(), 0, 'ready again');

    const client = await connectTo(t, webPort);
    await client.send('x');
    await client.reads(1);
    const stopping = bal.stop();
    await bal.statusWhen('bal drains', ({ state }) => state === 'draining');
    assert.notEqual(await says(), 0, 'draining');
    client.end();
    assert.equal((await stopping).code, 0);
    assert.notEqual(await says(), 0, 'down');
  });

  test(
    `with ${programs.join(', ')}: a bal that accepts and never answers is not ready`,
    { skip: missing ?? false },
    async (t) => {
      const folder = newHome(t);
      const sockets = new Set<Socket>();
      const mute = createServer((socket) => sockets.add(socket.on('error', () => undefined)));
      const port = await freePort();
      await new Promise<void>((resolve) => mute.listen(port, '127.0.0.1', resolve));
      atEnd(t, () => {
        for (const socket of sockets) socket.destroy();
        mute.close();
      });
      assert.notEqual(await check(folder, programs, `http://127.0.0.1:${port}/readyz`, '1'), 0);
      await until('it was asked', () => sockets.size > 0);
    },
  );
}

test('without curl and wget it fails rather than guess', async (t) => {
  assert.equal(await check(newHome(t), []), 2);
});

test('the configuration names the script, and gives it longer than it gives itself', () => {
  const conf = readFileSync(join(ROOT, 'sample', 'keepalived.conf'), 'utf8');
  const script = readFileSync(SCRIPT, 'utf8');
  assert.match(conf, /script "\/etc\/keepalived\/keepalived-check\.sh"/);
  const [, timeout] = /^\s*timeout (\d+)/m.exec(conf) ?? [];
  const [, own] = /seconds=\$\{2:-(\d+)\}/.exec(script) ?? [];
  assert.ok(Number(timeout) > Number(own));
  // Every block is closed.
  assert.equal(conf.split('{').length, conf.split('}').length);
  const name = /^vrrp_script (\w+) \{/m.exec(conf)?.[1] ?? 'none';
  assert.match(conf, new RegExp(`track_script \\{\\s+${name}\\s+\\}`));
});

const noShellcheck = lacking('shellcheck');
const plain = 'the script is plain sh';
test(
  noShellcheck === null ? plain : `${plain} (skipped: ${noShellcheck})`,
  { skip: noShellcheck ?? false },
  async (t) => {
    const cwd = workFolder(t);
    cpSync(SCRIPT, join(cwd, 'check.sh'));
    const { code, stdout } = await run('shellcheck', ['--shell', 'sh', 'check.sh'], { cwd });
    assert.equal(code, 0, stdout.toString());
  },
);
