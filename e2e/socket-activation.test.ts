// Sockets that a service manager binds and passes: used for their listeners, kept for reloads and upgrades; passed descriptors
// that are unusable are reported.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { once } from 'node:events';
import { test } from 'node:test';
import { freePort } from '../lib/testing/ports.ts';
import { find, lacking, workFolder } from '../lib/testing/program.ts';
import { BAL } from '../lib/testing/root.ts';
import { until } from '../lib/testing/until.ts';
import { newHome, startBal, writeConfig } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { connectTo } from './harness/client.ts';
import { environment } from './harness/cli.ts';
import { QUICK } from './harness/config.ts';
import { forEitherEngine } from './harness/engines.ts';
import { names } from './harness/exchange.ts';
import { troubles, visits } from './harness/load.ts';
import { gone } from './harness/processes.ts';

/** Opens the sockets listed in its first argument from descriptor 3 on, and execs the command after it. */
const LAUNCHER = `
import json, os, socket, sys
asked, command = json.loads(sys.argv[1]), sys.argv[2:]
held, passed = [], []
def stream(family, address, listens=True):
    s = socket.socket(family, socket.SOCK_STREAM)
    if family == socket.AF_INET6: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(address)
    if listens: s.listen(64)
    return s
for what in asked["sockets"]:
    if what == "udp": passed.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    elif what == "pipe": passed.append(os.fdopen(os.pipe()[0]))
    elif what == "connected": passed.extend(socket.socketpair()[:1])
    elif what == "silent": passed.append(stream(socket.AF_INET, ("127.0.0.1", 0), False))
    elif what.startswith("/"): passed.append(stream(socket.AF_UNIX, what))
    elif what.startswith("["): passed.append(stream(socket.AF_INET6, ("::", int(what.split("]:")[1]))))
    else: passed.append(stream(socket.AF_INET, ("127.0.0.1", int(what))))
high = [os.dup2(s.fileno(), 100 + i) for i, s in enumerate(passed)]
for i, fd in enumerate(high): os.dup2(fd, 3 + i)
os.closerange(3 + len(high), 100 + len(high))
env = dict(os.environ, LISTEN_PID=str(os.getpid()), LISTEN_FDS=asked["count"], LISTEN_FDNAMES=asked["names"])
os.execvpe(command[0], command, env)
`;

function launcher(sockets: readonly string[], fdnames = '', count = sockets.length): string[] {
  return [find('python3') ?? '', '-c', LAUNCHER, JSON.stringify({ sockets, count: String(count), names: fdnames })];
}

forEitherEngine(
  'sockets that are passed serve their listeners, come back after a reload without them, and go on over an upgrade',
  async (t, engine) => {
    const a = await backend(t, named('a'));
    const [one, two, three] = [await freePort(), await freePort(), await freePort()];
    const path = join(workFolder(t), 'app.sock');
    const service = (at: object) => ({ ...at, backends: [a.address] });
    const all = { a: service({ port: one }), b: service({ port: two }), c: service({ bind_unix: path }) };
    const base = { bind_address: '127.0.0.1', workers: 1, runtime: QUICK };
    const sockets = [String(one), 'udp', 'connected', 'pipe', path, String(two), 'silent'];
    const bal = await startBal(t, {
      engine,
      config: { ...base, services: { a: all.a } },
      // Announces one more than it passes.
      launcher: launcher(sockets, 'web:dns', sockets.length + 1),
    });
    assert.deepEqual(troubles(await visits(one, names('a'), 5)), {});
    const faults = bal.logs().filter(({ event }) => event === 'listener.not_passed');
    const told = faults.map(({ message }) => message.replace(/;.*/, ''));
    const none = 'is no stream socket that listens in this network namespace';
    const wrong = [
      `descriptor 4 ("dns") ${none}`,
      `descriptor 5 ${none}`,
      'descriptor 6 is no socket',
      `descriptor 9 ${none}`,
    ];
    assert.deepEqual(told.slice(0, 4), wrong);
    // A descriptor opened by Node itself may be where nothing was passed.
    assert.match(told[4] ?? '', /^descriptor 10 is (no socket|not open)$/);
    const unused = await bal.logged('listener.unused');
    assert.equal(unused.fields['addresses'], `unix:${path} 127.0.0.1:${two}`);
    for (const pid of [bal.pid, ...(await bal.workerPids())].slice(1)) {
      assert.doesNotMatch(
        readFileSync(`/proc/${pid}/environ`, 'utf8'),
        /LISTEN_/,
        'no other process takes them for its own',
      );
    }

    const reach = async (): Promise<void> => {
      assert.deepEqual(troubles(await visits(one, names('a'), 5)), {});
      assert.deepEqual(troubles(await visits(two, names('a'), 5)), {});
      const client = createConnection({ path });
      const [answer]: unknown[] = await once(client, 'data');
      assert.equal(String(answer).trim(), 'a');
      client.destroy();
    };
    const serve = async (services: object): Promise<void> => {
      bal.configure({ ...base, services });
      const { code, verdict } = await bal.graceful();
      assert.equal(code, 0, JSON.stringify(verdict));
    };
    await serve(all);
    await reach();
    await serve({ d: service({ port: three }) });
    await serve(all);
    await reach();
    bal.configure({ ...base, services: { ...all, a: service({ port: one, bind_address: '0.0.0.0' }) } });
    const refused = (await bal.graceful()).verdict;
    assert.match(refused.problem?.why_likely ?? '', new RegExp(`service manager has bound 127\\.0\\.0\\.1:${one}`));
    await serve({ a: all.a });
    const { pid }: { pid: number } = JSON.parse((await bal.cli('upgrade', '--json')).stdout);
    await serve(all);
    await reach();
    assert.equal((await bal.stop()).code, 0);
    await gone(pid);
    assert.ok(existsSync(path), 'the file of a socket that was passed is not ours to remove');
  },
  lacking('python3'),
);

test(
  'what cannot be used as it is passed is refused, with what to do',
  { skip: lacking('python3') ?? false },
  async (t) => {
    const home = newHome(t);
    const port = await freePort();
    writeConfig(home, { port, backends: ['127.0.0.1:9'] });
    const start = (words: readonly string[], command: readonly string[]): string => {
      const [file = '', ...args] = [...words, process.execPath, BAL, ...command];
      const { status, stderr } = spawnSync(file, args, { env: environment(home), encoding: 'utf8', timeout: 30_000 });
      assert.equal(status, 1, stderr);
      return stderr;
    };
    for (const count of [99_999, -1]) {
      assert.match(start(launcher([], '', count), ['start']), new RegExp(`LISTEN_FDS is "${count}": expected`));
    }
    assert.match(start(launcher([String(port)]), ['start', '-d']), /a daemon cannot take them/);
    const other = start(launcher([`[::]:${port}`]), ['start']);
    assert.match(other, new RegExp(`has bound \\[::\\]:${port}, which is another address`));
    assert.match(other, new RegExp(`write ListenStream=0\\.0\\.0\\.0:${port} in the socket unit`));
  },
);

test(
  'systemd-socket-activate starts bal with the first client, who is served',
  { skip: lacking('systemd-socket-activate') ?? false },
  async (t) => {
    const a = await backend(t, named('a'));
    const port = await freePort();
    const config = { port, bind_address: '127.0.0.1', workers: 1, runtime: QUICK, backends: [a.address] };
    const activate = ['systemd-socket-activate', '-l', `127.0.0.1:${port}`, '-E', 'BAL_HOME', '-E', 'PATH'];
    const starting = startBal(t, { config, launcher: activate });
    const client = await until('it listens', () => connectTo(t, port));
    await starting;
    assert.equal(String(await client.reads(1)), 'a');
    client.socket.destroy();
  },
);
