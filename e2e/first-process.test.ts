// bal as PID 1 of a PID namespace, as in a container without an init: signals, upgrade, and adopted orphans.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { atEnd, type Owner } from '../lib/testing/owner.ts';
import { freePort } from '../lib/testing/ports.ts';
import { find } from '../lib/testing/program.ts';
import { BAL } from '../lib/testing/root.ts';
import { until } from '../lib/testing/until.ts';
import { newHome, writeConfig } from './harness.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { environment } from './harness/cli.ts';
import { configFor } from './harness/config.ts';
import { missing } from './harness/engines.ts';
import { childrenOf, signal, zombiesOf } from './harness/processes.ts';
import { lives, session } from './harness/session.ts';

const INSIDE = ['--pid', '--fork', '--mount-proc', '--kill-child'];
const mayUnshare =
  find('nsenter') !== null && spawnSync('unshare', [...INSIDE, 'true'], { stdio: 'ignore' }).status === 0;
const reason = mayUnshare ? missing('native') : 'no PID namespace can be made here';

/** Starts bal as the first process of its own PID namespace. `out` returns what it has said so far. */
function startInside(t: Owner, home: ReturnType<typeof newHome>, ...nodeOptions: readonly string[]) {
  const outer = spawn('unshare', [...INSIDE, process.execPath, ...nodeOptions, BAL, 'start'], {
    env: environment(home),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  outer.stdout.setEncoding('utf8').on('data', (more: string) => (text += more));
  atEnd(t, () => signal(outer.pid ?? 0, 'SIGKILL'));
  return { outer, exit: once(outer, 'exit'), out: () => text };
}

test(
  `bal as the first process reaps others' orphans and its own workers, is upgraded, and ends by SIGTERM${reason === null ? '' : ` (skipped: ${reason})`}`,
  { skip: reason ?? false },
  async (t) => {
    const home = newHome(t);
    const target = await backend(t, echo);
    const port = await freePort();
    writeConfig(home, configFor(port, [target], { workers: 1 }));
    const { outer, exit, out } = startInside(t, home);
    await until('it serves', () => out().includes('"bal.started"'));
    const [first = 0] = childrenOf(outer.pid ?? 0);
    const events = (): (string | undefined)[] => Array.from(out().matchAll(/"event":"([^"]+)"/g), ([, event]) => event);
    const client = await session(t, port);

    // Inside the namespace, so that bal adopts the orphans: five processes that outlive their parents.
    const orphans = 'for i in 1 2 3 4 5; do (sleep 0.2 &); done';
    const enter = ['--target', String(first), '--pid', '--mount', 'sh', '-c', orphans];
    assert.equal(spawnSync('nsenter', enter).status, 0);
    await until('they are with bal, and have ended', () => zombiesOf(first) > 0);
    await until('none of them is left', () => zombiesOf(first) === 0);

    // A worker's exit is still reported correctly.
    const [worker = 0] = childrenOf(first);
    await lives(client);
    const upgraded = spawnSync(
      'nsenter',
      ['-t', String(first), '-p', '-m', process.execPath, BAL, 'upgrade', '--json'],
      {
        env: environment(home),
        encoding: 'utf8',
      },
    );
    assert.equal(upgraded.status, 0, upgraded.stdout + upgraded.stderr);
    await lives(client);
    await until('the old worker is gone', () => !childrenOf(first).includes(worker));
    const [successor = 0] = childrenOf(first);
    const [its = 0] = childrenOf(successor);
    signal(its, 'SIGKILL');
    await until('the end of the worker is told as it was', () => /"event":"worker\.exited".*SIGKILL/.test(out()));

    // It drains the open connection first.
    const last = await until('the new worker serves', () => session(t, port).catch(() => false as const));
    signal(first, 'SIGTERM');
    await until('it drains', () => events().includes('bal.stopping'));
    await lives(last);
    last.end();
    assert.deepEqual(await exit, [0, null]);
  },
);

/** Sends the process one SIGTERM when it begins to load more than the first file of the program. */
const EARLY = `
  const hooks = "let isSent = false; export async function load(url, context, next) {" +
    "if (!isSent && (isSent = /\\\\/dist\\\\/(?!bal\\\\.js)/.test(url))) process.kill(process.pid, 'SIGTERM');" +
    "return next(url, context); }";
  (await import('node:module')).register('data:text/javascript,' + encodeURIComponent(hooks));
`;

test(
  `SIGTERM ends bal as the first process while it is being loaded${reason === null ? '' : ` (skipped: ${reason})`}`,
  { skip: reason ?? false },
  async (t) => {
    const home = newHome(t);
    writeConfig(home, configFor(await freePort(), [await backend(t, echo)], { workers: 1 }));
    const early = `data:text/javascript,${encodeURIComponent(EARLY)}`;
    const { outer, exit, out } = startInside(t, home, '--import', early);
    await until('it ends or serves', () => outer.exitCode !== null || out().includes('"bal.started"'));
    assert.equal(out(), '');
    assert.deepEqual(await exit, [128 + 15, null]);
  },
);
