// Each feature is configured as bal and haproxy understand it, and reported whether it was measured or not.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { lacking } from '../../../lib/testing/program.ts';
import { cli } from '../../harness/cli.ts';
import type { Place } from '../proxies/proxy.ts';
import { FEATURES, HEALTH_CHECKS } from './features.ts';
import { featureSection, featureTargets } from './report.ts';

const skip = lacking('haproxy');

for (const feature of FEATURES) {
  const { name, backends, bal, base } = feature;
  const ports = Array.from({ length: backends }, (_, i) => 20_000 + i);
  const prepared = (t: { after: (fn: () => void) => void }, proxy: typeof bal) => {
    const dir = mkdtempSync(join(tmpdir(), 'bal-features-'));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    const place: Place = { dir, port: 19_999, backends: ports, node: process.execPath };
    const command = proxy.prepare(place);
    assert.ok(command);
    return { dir, command };
  };
  test(`bal accepts the configuration of ${name}`, async (t) => {
    const { dir, command } = prepared(t, bal);
    const check = await cli(['check', ...command.args.slice(2)], { home: dir });
    assert.equal(check.code, 0, check.stdout + check.stderr);
  });
  if (feature.against === 'haproxy') {
    const title = `haproxy accepts the configuration of ${name}`;
    test(skip === null ? title : `${title} (skipped: ${skip})`, { skip: skip !== null }, (t) => {
      const { dir, command } = prepared(t, base);
      const check = spawnSync(command.program, ['-c', ...command.args], {
        cwd: dir,
        env: command.env,
        encoding: 'utf8',
      });
      assert.equal(check.status, 0, check.stderr);
    });
  }
}

test('each feature has its target, beside what was measured of it', () => {
  const none = { features: [], checks: null, problems: [] };
  assert.equal(featureSection(none, String), null);
  assert.ok(featureTargets(none).every(({ value }) => value === null));
  const spread = { median: 1.2, min: 1, max: 2, count: 3 };
  const [first] = FEATURES;
  assert.ok(first);
  const some = { ...none, features: [{ feature: first, cpu: spread, memory: null, faults: 7 }] };
  assert.deepEqual(featureTargets(some)[0], {
    title: `CPU per short connection, ${first.title}`,
    must: 1.03,
    unit: '× bal without',
    value: spread,
  });
  const section = featureSection(some, (value) => (value === null ? '–' : String(value.median))) ?? '';
  assert.match(section, new RegExp(`${first.name} .*× bal without .* 1\\.2 .* – .* 7 `));
  assert.doesNotMatch(section, new RegExp(HEALTH_CHECKS));
  const checks = {
    ...none,
    checks: { cpu: spread, bal: { ...spread, median: 2.5 }, haproxy: { ...spread, median: 2 } },
  };
  assert.match(featureSection(checks, (value) => String(value?.median)) ?? '', /2\.5 and 2 % of a core/);
});
