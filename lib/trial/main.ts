// Helper processes of a trial: clients, and a guard that cleans up after all of them, whatever happens to the command. Each
// ends when its stdin does, which includes the command's death.
//   load.js MODE PORT CLIENTS PAUSE_MS    prints "ready", and its result when stdin ends
//   load.js guard HOME PROGRAM            stops the bal of that home and removes it
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { MODES, startLoad, type Mode } from './load.ts';

/** Time for workers of a dead primary to exit. */
const LEAVE_MS = 300;

const [what = '', ...rest] = process.argv.slice(2);
// The command handles Ctrl-C.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.stdout.on('error', () => undefined);
const inputEnds = new Promise<void>((resolve) => {
  process.stdin
    .on('end', () => resolve())
    .on('error', () => resolve())
    .resume();
});

if (what === 'guard') await guard(rest[0] ?? '', rest[1] ?? '');
else await load(what, rest.map(Number));
process.exit(0);

async function load(mode: string, [port = 0, clients = 1, pauseMs = 0]: readonly number[]): Promise<void> {
  if (!isMode(mode)) throw new Error(`Cannot run a load: there is no mode "${mode}"`);
  const running = startLoad({ mode, port, clients, pauseMs });
  void running.ready.then(() => process.stdout.write('"ready"\n'));
  await inputEnds;
  const result = await running.stop();
  await new Promise((resolve) => process.stdout.write(`${JSON.stringify(result)}\n`, resolve));
}

function isMode(mode: string): mode is Mode {
  return MODES.some((it) => it === mode);
}

async function guard(home: string, program: string): Promise<void> {
  await inputEnds;
  const env = { ...process.env, BAL_HOME: home };
  spawnSync(process.execPath, [program, 'stop', '--now'], { env, stdio: 'ignore', timeout: 20_000, cwd: '/' });
  await sleep(LEAVE_MS);
  rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}
