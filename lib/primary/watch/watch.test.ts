import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../../../config/load.ts';
import { problemAt } from '../../../config/problem.ts';
import { readConfig } from '../../../config/read.ts';
import { until } from '../../testing/until.ts';
import type { Log } from '../log/log.ts';
import type { Open } from './folders.ts';
import { signatureOf } from './signature.ts';
import { createWatching, type Times, type WatchingParts } from './watch.ts';

const QUICK: Partial<Times> = { restMs: 20, oddRestMs: 60, distanceMs: 20, seldomMs: 60_000, oftenMs: 20 };
/** Far longer than a look takes; after it, nothing more is due. */
const CALM_MS = 150;

const service = (name: string, port: number): string =>
  `services: {${name}: {port: ${port}, backends: [127.0.0.1:1]}}\n`;

interface Scene {
  readonly dir: string;
  readonly events: string[];
  /** What each reload has read: the names of the services, or the number of errors. */
  readonly reloads: string[];
  path(name: string): string;
  write(name: string, text: string): void;
  /** Waits for exactly that many reloads. */
  come(count: number): Promise<void>;
  /** Reloads like `bal graceful`. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

async function scene(
  t: TestContext,
  main: string,
  parts: Partial<Pick<WatchingParts, 'open' | 'read' | 'times'>> = {},
): Promise<Scene> {
  const dir = mkdtempSync(join(tmpdir(), 'bal-watch-'));
  const path = (name: string): string => join(dir, name);
  const events: string[] = [];
  const reloads: string[] = [];
  const write = (name: string, text: string): void => writeFileSync(path(name), text);
  mkdirSync(path('conf.d'));
  write('config.yaml', main);
  const state = { serves: (await loadConfig(path('config.yaml'))).fingerprint, refused: null as string | null };
  async function reload(): Promise<void> {
    const { plan, fingerprint, errors } = await loadConfig(path('config.yaml'), parts.read);
    reloads.push(plan?.services.map(({ name, port }) => `${name}:${port}`).join(' ') ?? `${errors.length} errors`);
    if (plan === null) state.refused = fingerprint;
    else Object.assign(state, { serves: fingerprint, refused: null });
  }
  const report = (event: string): void => void events.push(event);
  const log: Log = { debug: report, info: report, warn: report, error: report, for: () => log };
  const contents = { known: () => state, restored: () => void (state.refused = null) };
  let isIncludedWatched = false;
  const open: Open = (folder, ...rest) => {
    isIncludedWatched ||= basename(folder) === 'conf.d';
    return (parts.open ?? watch)(folder, ...rest);
  };
  const watching = createWatching({
    log,
    configPath: path('config.yaml'),
    contents,
    reload,
    times: QUICK,
    ...parts,
    open,
  });
  watching.begin();
  t.after(async () => {
    await watching.close();
    rmSync(dir, { recursive: true });
  });
  // The directory of the included files is the last that it comes to know.
  await until('it watches', () => isIncludedWatched);
  await sleep(CALM_MS);
  return {
    dir,
    events,
    reloads,
    path,
    write,
    reload,
    close: () => watching.close(),
    async come(count) {
      await until(`${count} reloads`, () => reloads.length >= count);
      await sleep(CALM_MS);
      assert.equal(reloads.length, count, reloads.join(', '));
    },
  };
}

const MAIN = `include: conf.d/*.yaml\n${service('a', 1000)}`;

test('a file that says something else is reloaded once, however it was replaced', async (t) => {
  const it = await scene(t, MAIN);
  assert.deepEqual(it.reloads, []);
  it.write('config.yaml', MAIN.replace('1000', '1001'));
  await it.come(1);
  it.write('new', MAIN.replace('1000', '1002'));
  renameSync(it.path('new'), it.path('config.yaml'));
  await it.come(2);
  // The way vim writes a file.
  renameSync(it.path('config.yaml'), it.path('config.yaml~'));
  it.write('config.yaml', MAIN.replace('1000', '1003'));
  await it.come(3);
  const { atime, mtime } = statSync(it.path('config.yaml'));
  it.write('config.yaml', MAIN.replace('1000', '1004'));
  utimesSync(it.path('config.yaml'), atime, mtime);
  await it.come(4);
  rmSync(it.path('config.yaml'));
  it.write('config.yaml', MAIN.replace('1000', '1005'));
  await it.come(5);
  for (let i = 0; i < 20; i++) it.write('config.yaml', MAIN.replace('1000', String(1100 + i)));
  await it.come(6);
  assert.deepEqual(
    it.reloads,
    [1001, 1002, 1003, 1004, 1005, 1119].map((port) => `a:${port}`),
  );
});

test('files that a pattern names are watched: new ones, changed ones, and those that go', async (t) => {
  const it = await scene(t, MAIN);
  it.write('conf.d/b.yaml', service('b', 2000));
  await it.come(1);
  it.write('conf.d/b.yaml', service('b', 2001));
  await it.come(2);
  it.write('conf.d/b.txt', 'nothing of ours');
  rmSync(it.path('conf.d/b.yaml'));
  await it.come(3);
  rmSync(it.path('conf.d'), { recursive: true });
  await it.come(3);
  mkdirSync(it.path('conf.d'));
  it.write('conf.d/c.yaml', service('c', 3000));
  await it.come(4);
  it.write('conf.d/c.yaml', service('c', 3001));
  await it.come(5);
  assert.deepEqual(it.reloads, ['a:1000 b:2000', 'a:1000 b:2001', 'a:1000', 'a:1000 c:3000', 'a:1000 c:3001']);
});

test('a file that appears just before its directory is watched is not overlooked', async (t) => {
  const open: Open = (folder, ...rest) => {
    if (basename(folder) === 'conf.d') writeFileSync(join(folder, 'b.yaml'), service('b', 2000));
    return watch(folder, ...rest);
  };
  const it = await scene(t, MAIN, { open });
  await it.come(1);
  assert.deepEqual(it.reloads, ['a:1000 b:2000']);
});

test('a directory that was replaced at once is watched anew, also under the same inode', async (t) => {
  const it = await scene(t, MAIN);
  for (let i = 1; i < 8; i += 2) {
    rmSync(it.path('conf.d'), { recursive: true });
    mkdirSync(it.path('conf.d'));
    it.write('conf.d/b.yaml', service('b', 2000 + i));
    await it.come(i);
    it.write('conf.d/b.yaml', service('b', 2001 + i));
    await it.come(i + 1);
  }
});

for (const { what, failing } of [
  { what: 'what could not be read', failing: [1, 2] },
  { what: 'what the reload could not read', failing: [2] },
]) {
  test(`${what} is read again, though nobody touches it`, async (t) => {
    let [reads, before] = [0, Infinity];
    const read: typeof readConfig = async (path) =>
      failing.includes(++reads - before)
        ? { ok: false, problem: problemAt(null, [], 'cannot read: EMFILE') }
        : await readConfig(path);
    const it = await scene(t, MAIN, { read, times: { ...QUICK, seldomMs: 50 } });
    before = reads;
    it.write('config.yaml', MAIN.replace('1000', '1001'));
    await it.come(2);
    assert.deepEqual(it.reloads, ['1 errors', 'a:1001']);
  });
}

test('links that are swapped, as Kubernetes does, are a change of what they lead to', async (t) => {
  const it = await scene(t, MAIN);
  mkdirSync(it.path('..1'));
  it.write('..1/config.yaml', MAIN);
  symlinkSync('..1', it.path('..data'));
  symlinkSync('..data/config.yaml', it.path('link'));
  renameSync(it.path('link'), it.path('config.yaml'));
  await it.come(0);
  mkdirSync(it.path('..2'));
  it.write('..2/config.yaml', MAIN.replace('1000', '1001'));
  symlinkSync('..2', it.path('..tmp'));
  renameSync(it.path('..tmp'), it.path('..data'));
  await it.come(1);
  it.write('..2/config.yaml', MAIN.replace('1000', '1002'));
  await it.come(2);
  assert.deepEqual(it.reloads, ['a:1001', 'a:1002']);
});

test('a link to the directory of the file is watched, too', async (t) => {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'bal-watch-')));
  t.after(() => rmSync(dir, { recursive: true }));
  mkdirSync(join(dir, 'releases', '1'), { recursive: true });
  symlinkSync('releases/1', join(dir, 'current'));
  const { folders } = await signatureOf({ configPath: join(dir, 'current/config.yaml'), patterns: [], included: [] });
  assert.deepEqual(folders, [join(dir, 'current'), dir]);
});

test('what is not valid is tried once, and when it is gone nothing has to be reloaded', async (t) => {
  const it = await scene(t, MAIN);
  it.write('config.yaml', 'rubbish: [');
  await it.come(1);
  it.write('config.yaml', 'rubbish: [');
  await it.come(1);
  it.write('config.yaml', MAIN);
  await until('it is seen that nothing has to be reloaded', () => it.events.includes('config.restored'));
  await it.come(1);
  assert.deepEqual(it.events, ['config.changed', 'config.restored']);
  it.write('config.yaml', `${MAIN}# more\n`);
  await it.come(2);
  rmSync(it.path('config.yaml'));
  await it.come(3);
  it.write('config.yaml', `${MAIN}# more\n`);
  await it.come(3);
  assert.deepEqual(it.reloads, ['1 errors', 'a:1000', '1 errors']);
});

test('what another one has reloaded or refused is known, and the same content is no news', async (t) => {
  const it = await scene(t, MAIN);
  it.write('config.yaml', MAIN.replace('1000', '1001'));
  await it.reload();
  await it.come(1);
  it.write('config.yaml', 'rubbish: [');
  await it.reload();
  await it.come(2);
  it.write('config.yaml', MAIN.replace('1000', '1001'));
  await it.come(2);
});

test('a file that is being written is left alone until it is at rest', async (t) => {
  const it = await scene(t, MAIN, { times: { ...QUICK, oddRestMs: 5000 } });
  it.write('config.yaml', '');
  await it.come(0);
  it.write('config.yaml', MAIN.replace('1000', '1001'));
  await it.come(1);
  assert.deepEqual(it.reloads, ['a:1001']);
});

test('where the kernel does not tell, bal looks by itself, and says so once', async (t) => {
  const none = (): never => {
    throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
  };
  const it = await scene(t, MAIN, { open: none });
  it.write('config.yaml', MAIN.replace('1000', '1001'));
  await it.come(1);
  it.write('conf.d/b.yaml', service('b', 2000));
  await it.come(2);
  assert.deepEqual(
    it.events.filter((event) => event === 'config.watch_polls'),
    ['config.watch_polls'],
  );
});

test('one that never comes to rest is read all the same, at a distance, and closing does not wait for it', async (t) => {
  const it = await scene(t, MAIN, { times: { ...QUICK, restMs: 100, longestMs: 300 } });
  let port = 2000;
  const writing = setInterval(() => it.write('config.yaml', MAIN.replace('1000', String(port++))), 5);
  await until('it is reloaded', () => it.reloads.length > 0);
  await it.close();
  clearInterval(writing);
  const { length } = it.reloads;
  it.write('config.yaml', MAIN);
  await sleep(CALM_MS);
  assert.equal(it.reloads.length, length);
});

test('a watch that a defect has ended is not told as one that watches', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'bal-watch-'));
  t.after(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'config.yaml'), MAIN);
  const events: string[] = [];
  const report = (event: string): void => void events.push(event);
  const log: Log = { debug: report, info: report, warn: report, error: report, for: () => log };
  const known = (): never => {
    throw new Error('a defect');
  };
  const contents = { known, restored: () => undefined };
  const reload = (): Promise<void> => Promise.resolve();
  const watching = createWatching({ log, configPath: join(dir, 'config.yaml'), contents, reload, times: QUICK });
  watching.begin();
  assert.notEqual(watching.status, null);
  await until('it has ended', () => events.includes('config.watch_ended'));
  assert.equal(watching.status, null);
  await watching.close();
});
