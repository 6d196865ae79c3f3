// The Debian package: reproducible, clean for lintian, and installed, upgraded with an open connection, removed and purged on a
// throwaway machine.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { freePort } from '../lib/testing/ports.ts';
import { lacking } from '../lib/testing/program.ts';
import { ROOT } from '../lib/testing/root.ts';
import { backend } from './harness/backend.ts';
import { echo } from './harness/behaviours.ts';
import { configFor } from './harness/config.ts';
import { missing } from './harness/engines.ts';
import { newMachine, noMachine } from './harness/machine.ts';
import { newFolder, newSite } from './harness/release.ts';
import { lives, session } from './harness/session.ts';

const NEXT = '9.9.9';
const reason = lacking('dpkg-deb', 'strip') ?? missing('native');
const titled = (title: string, why: string | null): string => (why === null ? title : `${title} (skipped: ${why})`);

const folder = newFolder({ after }, 'deb');
const site = reason === null ? newSite(folder) : null;

/** Builds the package of a release. */
function deb(into: string, tarball: string, env: NodeJS.ProcessEnv = process.env): string {
  const args = ['umask 077; exec "$0" "$@"', process.execPath, join(ROOT, 'bin', 'dev', 'deb.mjs'), join(folder, into)];
  return execFileSync('sh', ['-c', ...args, '--from', tarball], { encoding: 'utf8', env }).trim();
}

const first = site === null ? '' : deb('one', site.tarball());

test(titled('a package made twice has the same bytes', reason), { skip: reason ?? false }, () => {
  assert.ok(site !== null);
  const second = deb('two', site.tarball(), { ...process.env, TZ: 'Asia/Seoul', LC_ALL: 'C' });
  assert.ok(readFileSync(first).equals(readFileSync(second)));
});

const noLintian = reason ?? lacking('lintian');
test(titled('lintian finds nothing wrong with the package', noLintian), { skip: noLintian ?? false }, () => {
  const { status, stdout } = spawnSync('lintian', ['--fail-on', 'error,warning', first], { encoding: 'utf8' });
  assert.deepEqual([status, stdout], [0, '']);
});

const noMachineHere = reason ?? lacking('dpkg', 'adduser', 'runuser', 'nsenter') ?? noMachine();
test(
  titled('the package is installed, upgraded with a connection open, removed and purged', noMachineHere),
  { skip: noMachineHere ?? false },
  async (t) => {
    assert.ok(site !== null);
    site.publish(NEXT);
    const next = deb('next', site.tarball(NEXT));
    const { sh, inside } = await newMachine(t, folder);
    const done = async (script: string): Promise<string> => {
      const { code, stdout, stderr } = await sh(script);
      assert.equal(code, 0, `${script}\n${stdout}${stderr}`);
      return stdout.trim();
    };
    const dpkg = (...args: string[]) => done(`dpkg --no-triggers ${args.join(' ')}`);
    const before = await done('find /etc /usr /var/lib -xdev -maxdepth 4 ! -path "/var/lib/dpkg/*" | sort | sha256sum');

    await dpkg('--install', `/mnt/one/${basename(first)}`);
    assert.equal(await done('bal --version'), `bal ${site.first}`);
    assert.match(
      await done('getent passwd bal'),
      /^bal:x:\d+:\d+:bal TCP load balancer,*:\/var\/lib\/bal:\/usr\/sbin\/nologin$/,
    );
    assert.equal(await done('stat -c "%U %a" /var/lib/bal /etc/bal/config.yaml'), 'bal 700\nroot 644');
    assert.match(await done('zcat /usr/share/man/man1/bal.1.gz'), /^\.TH BAL 1/m);
    const named = await done("sed -n 's/^# yaml-language-server: \\$schema=//p' /etc/bal/config.yaml");
    assert.match(await done(`cat ${named}`), /"Configuration of bal"/);
    await done('test -s /usr/share/bash-completion/completions/bal && bal check -c /etc/bal/config.yaml');
    if (lacking('systemd-analyze') === null) await done('systemd-analyze verify --man=no bal.service bal@web.service');

    const target = await backend(t, echo);
    const port = await freePort();
    const config = JSON.stringify(configFor(port, [target], { workers: 1, runtime: { drain_timeout_ms: 1000 } }));
    await done(`cat >/etc/bal/config.yaml <<'EOF'\n${config}\nEOF`);
    const as = 'runuser -u bal -- env BAL_HOME=/var/lib/bal';
    await done(`${as} bal start -d`);
    const client = await session(t, port);

    // The new version rejects a configuration that the old one has not read: the old one goes on, and keeps its files.
    await done('echo "port: none" >/etc/bal/config.yaml');
    const refused = await sh(`dpkg --no-triggers --install /mnt/next/${basename(next)}`);
    assert.equal(refused.code, 0, refused.stderr);
    assert.match(refused.stderr, /what_happened: [^]*goes on with its version until 'bal upgrade' succeeds/);
    await lives(client);
    assert.equal(await done('ls -A /usr/lib/bal'), `${site.first}\n${NEXT}`);
    await dpkg('--install', `/mnt/one/${basename(first)}`, '2>/dev/null'); // a downgrade, rejected for the same reason

    // The operator's changes stay, without a prompt.
    await done(`cat >/etc/bal/config.yaml <<'EOF'\n${config}\nEOF`);
    assert.match(
      await dpkg('--install', `/mnt/next/${basename(next)}`),
      /is replaced by 9\.9\.9[\s\S]*1 connection taken over/,
    );
    await lives(client);
    const status: { version: string; active_connections: number } = JSON.parse(
      (await sh(`${as} bal status --json`)).stdout,
    );
    assert.deepEqual([status.version, status.active_connections], [NEXT, 1]);
    assert.equal(
      await done('cat /etc/bal/config.yaml; ls /etc/bal /usr/lib/bal'),
      `${config}\n/etc/bal:\nconfig.yaml\n\n/usr/lib/bal:\n${NEXT}`,
    );
    client.end();
    assert.equal((await client.over).how, 'fin');

    await dpkg('--remove', 'bal');
    assert.equal(
      (await sh('command -v bal; ls /usr/lib/bal; cat /var/lib/bal/bal.pid')).stdout,
      '',
      'it is stopped and gone',
    );
    await done('getent passwd bal && ls /etc/bal/config.yaml /var/lib/bal/logs');

    await dpkg('--install', `/mnt/next/${basename(next)}`);
    await dpkg('--purge', 'bal');
    assert.equal((await inside('getent', 'passwd', 'bal')).code, 2);
    assert.equal((await inside('getent', 'group', 'bal')).code, 2);
    const kept = await done('find /etc /usr /var/lib -xdev -maxdepth 4 ! -path "/var/lib/dpkg/*" | sort | sha256sum');
    assert.equal(kept, before, await done('find / -xdev -name "*bal*" -newer /mnt/one 2>/dev/null | head'));

    // A user that was there before the package outlives it.
    await done('useradd --system --user-group bal');
    const user = await done('getent passwd bal && getent group bal');
    await dpkg('--install', `/mnt/next/${basename(next)}`);
    await dpkg('--purge', 'bal');
    assert.equal(await done('getent passwd bal && getent group bal'), user);
  },
);
