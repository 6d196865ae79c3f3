// The sample systemd units are valid, stay hardened, and give bal the time it needs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ROOT } from '../lib/testing/root.ts';

const units = ['bal.service', 'bal-foreground.service', 'bal@.service'];
const analyze = spawnSync('systemd-analyze', ['--version'], { stdio: 'ignore' });
const skip = analyze.error === undefined ? false : 'systemd-analyze is not installed';

function settings(unit: string): Map<string, string> {
  const lines = readFileSync(join(ROOT, 'sample', unit), 'utf8').matchAll(/^(\w+)=(.*)$/gm);
  return new Map(Array.from(lines, ([, key = '', value = '']) => [key, value]));
}

/** Returns the unit with an existing program in place of bal, because systemd-analyze looks for it. */
function checkable(t: TestContext, unit: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'bal-unit-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, unit);
  const text = readFileSync(join(ROOT, 'sample', unit), 'utf8');
  writeFileSync(file, text.replaceAll('/usr/local/bin/bal', process.execPath));
  return file;
}

for (const unit of units) {
  test(`systemd-analyze verify finds nothing wrong with ${unit}`, { skip }, (t) => {
    const checked = spawnSync('systemd-analyze', ['verify', '--man=no', checkable(t, unit)], { encoding: 'utf8' });
    // An unknown key is only a warning; other units of the machine do not matter.
    const complaints = checked.stderr.split('\n').filter((line) => line.includes(unit.replace('@.', '@i.')));
    assert.deepEqual([checked.status, complaints], [0, []]);
  });

  test(`the exposure level of ${unit} is at most 2 of 10`, { skip }, (t) => {
    const args = ['security', '--offline=yes', '--no-pager', '--threshold=20', checkable(t, unit)];
    const checked = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
    assert.equal(checked.status, 0, checked.stdout.split('\n').slice(-3).join('\n') + checked.stderr);
  });

  test(`${unit} runs bal as a user of its own, with no right but that to ports below 1024`, () => {
    const all = settings(unit);
    assert.equal(all.get('DynamicUser'), 'yes');
    assert.deepEqual([all.get('User'), all.get('Group')], [undefined, undefined], 'systemd makes one up');
    assert.equal(all.get('NoNewPrivileges'), 'yes');
    for (const key of ['AmbientCapabilities', 'CapabilityBoundingSet'])
      assert.equal(all.get(key), 'CAP_NET_BIND_SERVICE', key);
    // With a prefix such as + or ! a command runs with root's rights all the same.
    for (const key of ['ExecStart', 'ExecReload', 'ExecStop', 'ExecStartPre'])
      assert.match(all.get(key) ?? '/', /^\//, key);
  });

  test(`${unit} gives bal longer to stop than connections may take to finish`, () => {
    // The default of drain_timeout_ms, in seconds.
    assert.ok(Number(settings(unit).get('TimeoutStopSec')) > 30);
  });
}

test('systemd-analyze verify finds nothing wrong with bal.socket beside its service', { skip }, (t) => {
  const service = checkable(t, 'bal-foreground.service');
  const socket = join(dirname(service), 'bal.socket');
  cpSync(join(ROOT, 'sample', 'bal.socket'), socket);
  renameSync(service, join(dirname(service), 'bal.service'));
  const checked = spawnSync('systemd-analyze', ['verify', '--man=no', socket], { encoding: 'utf8' });
  const complaints = checked.stderr.split('\n').filter((line) => line.includes('bal.'));
  assert.deepEqual([checked.status, complaints], [0, []]);
});

test('the units differ only in how bal is started and watched, and where it is', () => {
  const [daemon, foreground, template] = units.map((unit) => settings(unit));
  const own = new Set(['Type', 'PIDFile', 'ExecStart', 'TimeoutStartSec', 'NotifyAccess', 'WatchdogSec']);
  const shared = (unit?: Map<string, string>) => [...(unit ?? [])].filter(([key]) => !own.has(key));
  assert.deepEqual(shared(daemon), shared(foreground));
  const places = new Set(['Description', 'Environment', 'ExecStart', 'StateDirectory', 'RuntimeDirectory']);
  const elsewhere = (unit?: Map<string, string>) => [...(unit ?? [])].filter(([key]) => !places.has(key));
  assert.deepEqual(elsewhere(template), elsewhere(foreground));
  for (const key of places) assert.match(template?.get(key) ?? '', /%i/, `${key} is the instance's own`);
});
