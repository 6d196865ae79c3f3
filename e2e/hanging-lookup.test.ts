// The name server accepts queries and never answers: a lookup takes as long as resolv.conf allows, here two minutes.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { newHome } from './harness.ts';
import type { CliResult } from './harness/cli.ts';
import { lackingNamespace, runInNamespace } from './soak/namespace.ts';

const lacking = lackingNamespace();

interface Finding {
  readonly name: string;
  readonly level: string;
  readonly summary: string;
}

function isCritical({ code, stdout, stderr }: CliResult, name: RegExp, says: RegExp): void {
  assert.equal(code, 1, `${stdout}${stderr}`);
  const { checks }: { checks: readonly Finding[] } = JSON.parse(stdout);
  const found = checks.find((check) => name.test(check.name));
  assert.equal(found?.level, 'critical', stdout);
  assert.match(found?.summary ?? '', says);
}

test('a lookup that hangs: doctor and start say so and end', { skip: lacking ?? false }, async (t) => {
  const resolvConf = join(newHome(t), 'resolv.conf');
  writeFileSync(resolvConf, 'nameserver 127.0.0.1\noptions timeout:30 attempts:4\n');
  const said: Record<'backend' | 'listen' | 'start' | 'daemon', CliResult> = JSON.parse(
    await runInNamespace(resolvConf, join(import.meta.dirname, 'hanging-lookup-main.js'), []),
  );
  isCritical(said.backend, /backend\.bal\.test/, /the name backend\.bal\.test cannot be resolved \(ETIMEDOUT\)/);
  isCritical(said.listen, /listen:default/, /cannot listen on listener\.bal\.test:\d+: ETIMEDOUT/);
  for (const { code, stderr } of [said.start, said.daemon]) {
    assert.equal(code, 1, stderr);
    assert.match(stderr, /what_happened: cannot listen on listener\.bal\.test:\d+: ETIMEDOUT/);
    assert.match(stderr, /why_likely: .*DNS/);
  }
});
