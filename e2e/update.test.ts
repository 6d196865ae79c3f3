// A running bal survives installations of new versions: it keeps its own files and finds them when it has to restart a worker.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { freePort } from '../lib/testing/ports.ts';
import { gone, signal } from './harness/processes.ts';
import { atEnd } from '../lib/testing/owner.ts';
import { newFolder, newPlace, newSite } from './harness/release.ts';
import { until } from '../lib/testing/until.ts';

const folder = newFolder({ after }, 'releases');
const site = newSite(folder);
const V1 = site.first;

interface Seen {
  readonly version: string;
  readonly workers: readonly { readonly pid: number; readonly state: string }[];
}

function isSeen(value: unknown): value is Seen {
  return typeof value === 'object' && value !== null && 'version' in value && 'workers' in value;
}

/** A backend that ends each connection after a word. */
async function backend(t: TestContext): Promise<number> {
  const server = createServer((socket) => void socket.end('here'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(t, () => server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function answer(port: number): Promise<string> {
  const [word]: unknown[] = await once(connect(port, '127.0.0.1'), 'data');
  return String(word);
}

test('a running bal replaces a dead worker after two updates, and its files go only when it has ended', async (t) => {
  const place = newPlace(t);
  const release = { BAL_RELEASE_URL: site.url };
  await place.install([], release);
  const home = join(place.home, '.bal');
  const port = await freePort();
  mkdirSync(home);
  writeFileSync(
    join(home, 'config.yaml'),
    JSON.stringify({
      bind_address: '127.0.0.1',
      port,
      workers: 1,
      backends: [{ host: '127.0.0.1', port: await backend(t) }],
    }),
  );
  atEnd(t, () => place.bal('stop', '--now'));
  const started = await place.bal('start', '-d');
  assert.equal(started.code, 0, started.stderr);
  const status = async (): Promise<Seen> => {
    const seen: unknown = JSON.parse((await place.bal('status', '--json')).stdout);
    assert.ok(isSeen(seen));
    return seen;
  };

  for (const version of ['98.0.0', '99.0.0']) {
    site.publish(version);
    const updated = await place.install([], release);
    assert.match(updated.stdout, new RegExp(`^bal ${version} is installed`));
    assert.match(updated.stdout, /The bal that runs \(PID \d+\) goes on with its old version until/);
  }
  assert.deepEqual(readdirSync(place.lib).sort(), [V1, '98.0.0', '99.0.0'].sort());
  const [old] = (await status()).workers;
  assert.ok(old);
  signal(old.pid, 'SIGKILL');
  await gone(old.pid);
  const replaced = await until('the worker is replaced', async () => {
    const seen = await status();
    return seen.workers.some((worker) => worker.pid !== old.pid && worker.state === 'ready') ? seen : null;
  });
  assert.equal(replaced.version, V1, 'the running bal is still the old one');
  assert.equal(await answer(port), 'here');

  assert.equal((await place.bal('stop')).code, 0);
  await place.install(['--version', '98.0.0'], release);
  assert.deepEqual(readdirSync(place.lib).sort(), ['98.0.0', '99.0.0']);
});
