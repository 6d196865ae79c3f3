// keepalived-pair.test.ts inside its namespaces: this process is on the first machine, and a veth cable leads to the second. The
// sample is unchanged except for the second machine's priority: paths, interface, ports and shared address are the sample's.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newHome, writeConfig } from './harness.ts';
import { ask } from './harness/admin.ts';
import { environment } from './harness/cli.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { atEnd, type Owner } from '../lib/testing/owner.ts';
import { find } from '../lib/testing/program.ts';
import { BAL, ROOT } from '../lib/testing/root.ts';
import { until } from '../lib/testing/until.ts';
import { owned } from './soak/owned.ts';

const SHARED = '192.0.2.10';
const [PORT, ADMIN, BACKEND] = [9295, 9296, 9000];
const CONFIG = configFor(PORT, [{ host: '127.0.0.1', port: BACKEND }], {
  admin: `127.0.0.1:${ADMIN}`,
  bind_address: '0.0.0.0',
  workers: 1,
  runtime: { drain_timeout_ms: 60_000 },
});

interface Machine {
  readonly name: string;
  /** Command prefix to run there. */
  readonly enter: readonly string[];
  readonly home: string;
}

function run(...[program = '', ...args]: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(find(program) ?? program, args, { encoding: 'utf8' });
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** Starts a command; the returned function gives its output. It ends with its owner. */
function start(
  t: Owner,
  command: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): [ChildProcess, () => string] {
  const [program = '', ...args] = command;
  const child = spawn(find(program) ?? program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  atEnd(t, async () => {
    child.kill('SIGTERM');
    await ended;
  });
  return [child, () => said];
}

/** Makes two machines with a cable between them. */
async function machines(t: Owner): Promise<[Machine, Machine]> {
  // For files at fixed paths of keepalived and the sample; the mount namespace is private to this test.
  for (const folder of ['/etc/keepalived', '/run']) run('mount', '-t', 'tmpfs', 'tmpfs', folder);
  const [other] = start(t, ['unshare', '--net', 'sleep', '600']);
  const own = readlinkSync('/proc/self/ns/net');
  await until('there is a second machine', () => readlinkSync(`/proc/${other.pid}/ns/net`) !== own);
  const first = { name: 'first', enter: [], home: newHome(t) };
  const second = { name: 'second', enter: ['nsenter', '-t', `${other.pid}`, '-n'], home: newHome(t) };
  run('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', `${other.pid}`);
  for (const [i, { enter, name, home }] of [first, second].entries()) {
    run(...enter, 'ip', 'link', 'set', 'lo', 'up');
    run(...enter, 'ip', 'addr', 'add', `192.0.2.${i + 1}/24`, 'dev', 'eth0');
    run(...enter, 'ip', 'link', 'set', 'eth0', 'up');
    writeConfig(home, CONFIG);
    sayer(t, { name, enter, home });
  }
  return [first, second];
}

/** Starts a backend that answers with its machine's name. */
function sayer(t: Owner, { name, enter }: Machine): ChildProcess {
  const program = join(ROOT, 'dist', 'backend.js');
  return start(t, [...enter, process.execPath, program, '--port', `${BACKEND}`, '--name', name])[0];
}

/** Starts bal and waits until its backend is up. */
async function startBal(t: Owner, { name, enter, home }: Machine): Promise<ChildProcess> {
  const [bal] = start(t, [...enter, process.execPath, BAL, 'start'], environment(home));
  const check = [...enter, join(ROOT, 'sample', 'keepalived-check.sh')];
  await until(`bal of the ${name} machine is ready`, () => {
    const [program = '', ...args] = check;
    return spawnSync(program, args).status === 0;
  });
  return bal;
}

/** Starts keepalived with the sample, changing only the priority. Returns a function that gives its output. */
function startKeepalived(t: Owner, { name, enter }: Machine, priority: number): () => string {
  const sample = readFileSync(join(ROOT, 'sample', 'keepalived.conf'), 'utf8');
  const file = `/etc/keepalived/${name}.conf`;
  const script = '/etc/keepalived/keepalived-check.sh';
  writeFileSync(file, sample.replace('priority 100', `priority ${priority}`));
  copyFileSync(join(ROOT, 'sample', 'keepalived-check.sh'), script);
  chmodSync(script, 0o755);
  const pids = ['-p', `/run/${name}.pid`, '-r', `/run/${name}-vrrp.pid`];
  return start(t, [...enter, 'keepalived', '-n', '-l', '-P', '-f', file, ...pids])[1];
}

function hasAddress({ enter }: Machine): boolean {
  return run(...enter, 'ip', '-br', 'addr', 'show', 'eth0').includes(` ${SHARED}/`);
}

/** Returns the last state that keepalived reported. */
function state(said: string): string | undefined {
  return [...said.matchAll(/Entering (\w+) STATE/g)].at(-1)?.[1];
}

/** Whether a client on the first machine gets an answer from this machine at the shared address. */
async function answers(name: string): Promise<boolean> {
  return (await ask(PORT, '/', { host: SHARED })).body.includes(name);
}

await owned(async (t) => {
  const [first, second] = await machines(t);
  const bal = await startBal(t, first);
  const firstSays = startKeepalived(t, first, 100);
  await until('the first machine takes the address', () => state(firstSays()) === 'MASTER' && hasAddress(first));
  await until('the first machine answers', () => answers('first'));

  await startBal(t, second);
  const secondSays = startKeepalived(t, second, 90);
  await until('the second machine stands by', () => state(secondSays()) === 'BACKUP');
  assert.ok(hasAddress(first) && !hasAddress(second));

  // A connection stays open, so bal drains instead of exiting.
  const client = await connectTo(t, PORT);
  await client.send('GET / HTTP/1.1\r\nHost: bal\r\n\r\n');
  await client.reads(1);
  bal.kill('SIGTERM');
  await until('the first machine gives the address up', () => state(firstSays()) === 'FAULT' && !hasAddress(first));
  assert.equal(bal.exitCode, null, 'while it still drains');
  await until('the second machine takes it', () => state(secondSays()) === 'MASTER' && hasAddress(second));
  await until('the second machine answers', () => answers('second'));
  client.end();
  await until('the first bal is stopped', () => bal.exitCode === 0);

  await startBal(t, first);
  await until('the first machine stands by', () => state(firstSays()) === 'BACKUP');
  assert.ok(!hasAddress(first) && hasAddress(second), 'the address does not move back by itself');

  run(...second.enter, 'sh', '-c', `BAL_HOME=${second.home} "$@"`, 'sh', process.execPath, BAL, 'stop', '--now');
  await until('the first machine takes it back', () => state(firstSays()) === 'MASTER' && hasAddress(first));
  assert.equal(state(secondSays()), 'FAULT');
  await until('the first machine answers again', () => answers('first'));
});
