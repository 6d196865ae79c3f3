import assert from 'node:assert/strict';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { loadConfig } from '../../../config/load.ts';
import { backendText } from '../../../config/diff.ts';
import type { Plan } from '../../../config/plan.ts';
import type { Override } from './overrides.ts';
import { prepareSave, type Saving } from './save.ts';

const TEXT = '# mine\nbackends:\n  - {host: a, port: 1}   # one\n  - {host: b, port: 2}\n';

async function written(t: TestContext, text = TEXT): Promise<{ dir: string; path: string; plan: Plan }> {
  const dir = mkdtempSync(join(tmpdir(), 'bal-save-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 'config.yaml');
  writeFileSync(path, text);
  return { dir, path, plan: await planIn(path) };
}

async function planIn(path: string): Promise<Plan> {
  const { plan, errors } = await loadConfig(path);
  assert.ok(plan !== null, JSON.stringify(errors));
  return plan;
}

function override(address: string, its: Partial<Override>, service = 'default'): Override {
  return { service, address, drained: null, weight: null, presence: null, ...its };
}
const weight = (value: number): Partial<Override> => ({ weight: { value, since: 1 } });
const removed: Partial<Override> = { presence: { kind: 'removed', since: 1 } };
const drained: Partial<Override> = { drained: { since: 1, cutAt: null } };

async function saving(plan: Plan, its: Override): Promise<Saving> {
  const prepared = await prepareSave(plan, its);
  assert.ok(prepared.ok, JSON.stringify(prepared));
  return prepared.saving;
}

async function problem(plan: Plan, its: Override): Promise<string> {
  const prepared = await prepareSave(plan, its);
  assert.ok(!prepared.ok);
  return prepared.problem.what_happened;
}

test('nothing is changed before it is committed, then all of it, with the mode that it had', async (t) => {
  const { dir, path, plan } = await written(t);
  chmodSync(path, 0o640);
  const its = await saving(plan, override('a:1', weight(4)));
  assert.equal(readFileSync(path, 'utf8'), TEXT);
  assert.equal(await its.commit(), null);
  assert.equal(readFileSync(path, 'utf8'), TEXT.replace('port: 1}', 'port: 1, weight: 4}'));
  assert.equal(statSync(path).mode & 0o777, 0o640);
  assert.deepEqual(readdirSync(dir), ['config.yaml']);
  assert.deepEqual(its.file, await planIn(path), 'what the instance is to take for the file is the file');
});

test('variables stay as they are written, and a backend that one of them names is not changed', async (t) => {
  process.env['SAVE_TEST'] = 'b';
  t.after(() => delete process.env['SAVE_TEST']);
  const text = 'backends:\n  - {host: a, port: 1}\n  - host: ${SAVE_TEST}\n    port: 2\n';
  const { path, plan } = await written(t, text);
  assert.equal(await (await saving(plan, override('a:1', weight(4)))).commit(), null);
  assert.equal(readFileSync(path, 'utf8'), text.replace('port: 1}', 'port: 1, weight: 4}'));
  const now = await planIn(path);
  for (const its of [weight(4), drained, removed]) {
    const said = await problem(now, override('b:2', its));
    assert.equal(said, `the change cannot be saved: ${path}:3 writes b:2 as "\${SAVE_TEST}:2"`);
  }
});

test('the owner stays', { skip: process.getuid?.() !== 0 && 'only root may give a file away' }, async (t) => {
  const { path, plan } = await written(t);
  const { chownSync } = await import('node:fs');
  chownSync(path, 65_534, 65_533);
  assert.equal(await (await saving(plan, override('a:1', weight(4)))).commit(), null);
  assert.deepEqual([statSync(path).uid, statSync(path).gid], [65_534, 65_533]);
});

test('a link is followed, and stays a link', async (t) => {
  const { dir, path, plan } = await written(t);
  const link = join(dir, 'link.yaml');
  symlinkSync('config.yaml', link);
  assert.equal(await (await saving({ ...plan, configPath: link }, override('b:2', drained))).commit(), null);
  assert.ok(lstatSync(link).isSymbolicLink());
  assert.equal(readFileSync(path, 'utf8'), TEXT.replace('port: 2}', 'port: 2, weight: 0}'));
});

test('a drained backend gets weight 0, one that was added its line, one that was removed loses it', async (t) => {
  const { path, plan } = await written(t);
  const off = await saving(plan, override('a:1', { ...drained, ...weight(3) }));
  assert.match(off.warnings[0] ?? '', /the file says weight 0 now: 'bal backend weight a:1 1 --save' takes it back/);
  assert.equal(await off.commit(), null);
  const more = await saving(
    off.file,
    override('c:3', { presence: { kind: 'added', host: 'c', port: 3, since: 1 }, ...weight(2) }),
  );
  assert.match(more.warnings[0] ?? '', /other defaults hold/, 'three backends are tuned otherwise than two');
  assert.equal(await more.commit(), null);
  const less = await saving(more.file, override('b:2', removed));
  assert.equal(await less.commit(), null);
  assert.equal(
    readFileSync(path, 'utf8'),
    '# mine\nbackends:\n  - {host: a, port: 1, weight: 0}   # one\n  - {host: c, port: 3, weight: 2}\n',
  );
  assert.deepEqual(less.file.services[0]?.backends.map(backendText), ['a:1 weight 0', 'c:3 weight 2']);
});

test('what a bal left that died while it saved is removed, and what others are writing is not', async (t) => {
  const { dir, path, plan } = await written(t);
  const [old, now, other] = ['.config.yaml.bal-7', '.config.yaml.bal-8', '.config.yaml.bal-x'];
  for (const name of [old, now, other]) writeFileSync(join(dir, name), 'half of i');
  for (const name of [old, other]) utimesSync(join(dir, name), 1e9, 1e9);
  const its = await saving(plan, override('a:1', weight(4)));
  assert.equal(await its.commit(), null);
  assert.deepEqual(readdirSync(dir), [now, other, 'config.yaml']);
  assert.match(readFileSync(path, 'utf8'), /weight: 4/);
});

test('what the file says already is saved without a touch', async (t) => {
  const { path, plan } = await written(t);
  const { mtimeMs } = statSync(path);
  const its = await saving(plan, override('a:1', {}));
  assert.equal(await its.commit(), null);
  assert.equal(statSync(path).mtimeMs, mtimeMs);
});

test('what cannot be saved is refused, and nothing is left behind', async (t) => {
  const { dir, path, plan } = await written(t);
  const gone = override('a:1', removed);
  const all = await saving(plan, gone);
  await all.abandon();
  assert.match(await problem({ ...plan, configPath: join(dir, 'no.yaml') }, gone), /ENOENT/);
  const draft = join(dir, `.config.yaml.bal-${process.pid}`);
  mkdirSync(draft);
  assert.match(await problem(plan, gone), /cannot be saved: .*EISDIR|EEXIST|directory/);
  rmSync(draft, { recursive: true });
  writeFileSync(path, TEXT.replace('host: b', 'host: c'));
  assert.match(await problem(plan, gone), /are not those that bal has loaded/);
  writeFileSync(path, 'backends: [\n');
  assert.match(await problem(plan, gone), /are not those that bal has loaded/);
  writeFileSync(path, TEXT);
  const late = await saving(plan, gone);
  writeFileSync(path, `${TEXT}# somebody was faster\n`);
  assert.match((await late.commit())?.what_happened ?? '', /are not those that bal has loaded/);
  assert.equal(readFileSync(path, 'utf8'), `${TEXT}# somebody was faster\n`);
  assert.deepEqual(readdirSync(dir), ['config.yaml']);
});

test('an edit that would mean more than was asked for, or nothing valid, is refused', async (t) => {
  const zero = await written(t, 'backends: [{host: a, port: 1, weight: 0}, {host: b, port: 2}]\n');
  assert.match(await problem(zero.plan, override('b:2', drained)), /cannot be saved: every backend has weight 0/);
  const twice: Partial<Override> = { presence: { kind: 'added', host: 'A', port: 1, since: 1 } };
  assert.match(await problem(zero.plan, override('A:1', twice)), /duplicate backend a:1; it is already on line 1$/);
  const text =
    'services:\n  web: {port: 80, backends: [&a {host: a, port: 1}, {host: b, port: 2}]}\n  db: {port: 81, backends: [*a]}\n';
  const shared = await written(t, text);
  assert.match(await problem(shared.plan, override('a:1', weight(2), 'web')), /it would change db\.backends, too/);
  assert.equal(readFileSync(shared.path, 'utf8'), text);
});

test('what is included is changed in its own file, and the others stay', async (t) => {
  const { dir, path } = await written(
    t,
    'include: "*.d/*"\nservices: {main: {port: 1, backends: [a:1]}}\n'.replace('*.d', 'x.d'),
  );
  mkdirSync(join(dir, 'x.d'));
  const piece = join(dir, 'x.d', 'web.yaml');
  writeFileSync(piece, '# mine\nservices:\n  web:\n    port: 2\n    backends:\n      - b:1 # one\n');
  const plan = await planIn(path);
  const before = readFileSync(path, 'utf8');
  const its = await saving(plan, override('b:1', weight(4), 'web'));
  assert.deepEqual((await loadConfig(path)).errors, [], 'what is about to be written is no included file');
  assert.equal(await its.commit(), null);
  assert.equal(
    readFileSync(piece, 'utf8'),
    '# mine\nservices:\n  web:\n    port: 2\n    backends:\n      - {host: b, port: 1, weight: 4} # one\n',
  );
  assert.equal(readFileSync(path, 'utf8'), before);
  assert.equal(its.file.services[1]?.backends[0]?.weight, 4);
  writeFileSync(piece, 'services: {web: {port: 2, backends: [c:1]}}\n');
  assert.match(await problem(plan, override('b:1', weight(5), 'web')), /web\.yaml/);
});
