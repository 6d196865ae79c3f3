// The Containerfile: its instructions, and what its image would run: as PID 1, as an unprivileged user, on this machine's files.
// Needs no container runtime.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { atEnd } from '../lib/testing/owner.ts';
import { freePort } from '../lib/testing/ports.ts';
import { lacking } from '../lib/testing/program.ts';
import { ROOT } from '../lib/testing/root.ts';
import { until } from '../lib/testing/until.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { missing } from './harness/engines.ts';
import { newMachine, noMachine } from './harness/machine.ts';
import { firstBelow, signal, zombiesOf } from './harness/processes.ts';
import { newFolder, newSite } from './harness/release.ts';
import { lives, session } from './harness/session.ts';

interface Line {
  readonly instruction: string;
  readonly rest: string;
}

const lines: readonly Line[] = readFileSync(join(ROOT, 'Containerfile'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => ({ instruction: line.split(' ', 1)[0] ?? '', rest: line.slice(line.indexOf(' ') + 1) }));
/** The image itself: the lines from the last FROM on. */
const image = lines.slice(lines.findLastIndex(({ instruction }) => instruction === 'FROM'));

function only(instruction: string): string {
  const found = image.filter((line) => line.instruction === instruction);
  assert.equal(found.length, 1, `${instruction} stands once in the last stage`);
  return found[0]?.rest ?? '';
}

/** Parses the exec form, which runs without a shell. */
const words = (text: string): string[] => JSON.parse(text) as string[];

test('the image runs bal itself, as a user without rights, and nothing of the build is in it', () => {
  const [uid = '', gid = ''] = only('USER').split(':');
  assert.ok(Number(uid) > 0 && Number(gid) > 0, 'numbers, so that runAsNonRoot can see it');
  assert.deepEqual([...words(only('ENTRYPOINT')), ...words(only('CMD'))], ['/usr/local/bin/bal', 'start']);
  assert.equal(only('STOPSIGNAL'), 'SIGTERM');
  assert.match(only('COPY'), /^--from=build --chown=0:0 /);
  assert.equal(lines.filter(({ instruction }) => instruction === 'FROM').length, 2);
  const text = lines.map(({ instruction, rest }) => `${instruction} ${rest}`).join('\n');
  assert.doesNotMatch(text, /^ADD|password|secret|token|curl|wget/im);
  const left = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n');
  for (const folder of ['.git', 'node_modules', 'dist']) assert.ok(left.includes(folder), folder);
});

const reason = missing('native') ?? lacking('nsenter', 'setpriv') ?? noMachine();
test(
  `what the image runs serves, is healthy, reaps what docker exec leaves, and drains at SIGTERM${reason === null ? '' : ` (skipped: ${reason})`}`,
  { skip: reason ?? false },
  async (t) => {
    const folder = newFolder({ after }, 'container');
    const site = newSite(folder);
    const [target, port] = [await backend(t, echo), await freePort()];
    writeFileSync(join(folder, 'config.yaml'), JSON.stringify(configFor(port, [target], { workers: 1 })));
    const machine = await newMachine(t, folder);
    const to = `/mnt/latest/download/${basename(site.tarball())}`;
    const built = `mkdir -p /opt/bal /etc/bal && tar -xzf ${to} -C /opt/bal --strip-components=1 && cp /mnt/config.yaml /etc/bal/`;
    const made = await machine.sh(`${built} && ${only('RUN')} && cd ${only('WORKDIR')}`);
    assert.equal(made.code, 0, made.stderr);

    const [uid = '', gid = ''] = only('USER').split(':');
    const as = ['setpriv', '--reuid', uid, '--regid', gid, '--clear-groups', '--no-new-privs', '--bounding-set=-all'];
    const env = ['env', '-i', 'PATH=/usr/local/bin:/usr/bin:/bin', only('ENV')];
    const [program, ...enter] = machine.command;
    const contained = [...enter, 'unshare', '--pid', '--fork', '--mount-proc', '--kill-child', ...as, ...env];
    const outer = spawn(program, [...contained, ...words(only('ENTRYPOINT')), ...words(only('CMD'))], {
      env: machine.env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    atEnd(t, () => signal(outer.pid ?? 0, 'SIGKILL'));
    const exit = once(outer, 'exit');
    let out = '';
    outer.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    await until('it serves', () => out.includes('"bal.started"'));
    const client = await session(t, port);

    const [, health = ''] = /CMD (\[.*)$/.exec(only('HEALTHCHECK')) ?? [];
    const healthy = await machine.inside(...(as as [string, ...string[]]), ...env, ...words(health));
    assert.equal(healthy.code, 0, healthy.stdout + healthy.stderr);

    const first = firstBelow(outer.pid ?? 0) ?? 0;
    assert.match(readFileSync(`/proc/${first}/status`, 'utf8'), new RegExp(`^Uid:\t${uid}\t${uid}\t`, 'm'));
    const entered = ['--target', String(first), '--pid', '--mount', 'sh', '-c', '(sleep 0.2 &)'];
    assert.equal(spawnSync('nsenter', entered).status, 0);
    await until('what was left to it has ended', () => zombiesOf(first) > 0);
    await until('and is no zombie any more', () => zombiesOf(first) === 0);

    signal(first, 'SIGTERM');
    await until('it drains', () => out.includes('"bal.stopping"'));
    await lives(client);
    client.end();
    assert.deepEqual(await exit, [0, null]);
    const ill = await machine.inside(...(as as [string, ...string[]]), ...env, ...words(health));
    assert.notEqual(ill.code, 0);
  },
);
