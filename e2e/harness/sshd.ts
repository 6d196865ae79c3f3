// An OpenSSH server with its own keys, run as the program user; clients log in as that user too.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Owner } from '../../lib/testing/owner.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { find, lacking, run, serve, workFolder } from '../../lib/testing/program.ts';
import { programUser } from '../../lib/testing/program-user.ts';
import { words } from '../../lib/testing/shape.ts';

export interface Sshd {
  readonly port: number;
  /** Contains the login key; removed with the server. */
  readonly folder: string;
}

/** Returns why no login is possible here, or null. */
export function noSsh(): string | null {
  const shell = basename(programUser?.shell ?? '');
  const nobody = ['', 'nologin', 'false'].includes(shell) ? 'there is no user to log in as' : null;
  return lacking('sshd', 'ssh', 'ssh-keygen') ?? nobody;
}

/** Returns sshd's version; null: not installed. */
export function sshdVersion(): { readonly major: number; readonly minor: number } | null {
  const sshd = find('sshd');
  if (sshd === null) return null;
  const { stderr } = spawnSync(sshd, ['-V'], { encoding: 'utf8' });
  const [, major, minor] = /OpenSSH_(\d+)\.(\d+)/.exec(stderr) ?? [];
  return { major: Number(major), minor: Number(minor) };
}

/** Settings for newer versions, which are several programs. An sshd that was unpacked, not installed, has them next to it. */
function parts(): string[] {
  const folder = join(dirname(find('sshd') ?? ''), '..', 'lib', 'openssh');
  const known = { SshdSessionPath: join(folder, 'sshd-session'), SshdAuthPath: join(folder, 'sshd-auth') };
  return Object.entries(known).flatMap(([key, path]) => (existsSync(path) ? [`${key} ${path}`] : []));
}

/** Starts sshd with its defaults except for file paths. */
export async function startSshd(owner: Owner): Promise<Sshd> {
  const folder = workFolder(owner);
  const port = await freePort();
  for (const key of ['host', 'user']) {
    const made = await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, key)]);
    assert.equal(made.code, 0, made.stderr);
  }
  copyFileSync(join(folder, 'user.pub'), join(folder, 'authorized'));
  chmodSync(join(folder, 'authorized'), 0o644);
  const settings = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${join(folder, 'host')}`,
    `AuthorizedKeysFile ${join(folder, 'authorized')}`,
    'PidFile none',
    'StrictModes no',
    ...parts(),
  ];
  writeFileSync(join(folder, 'config'), `${settings.join('\n')}\n`);
  await serve(owner, 'sshd', ['-D', '-e', '-f', join(folder, 'config')], { port, cwd: folder });
  return { port, folder };
}

/** Returns ssh's arguments to log in at this port. */
export function sshArguments({ folder }: Sshd, port: number): string[] {
  const options = words(
    'StrictHostKeyChecking=no UserKnownHostsFile=/dev/null LogLevel=ERROR IdentitiesOnly=yes BatchMode=yes',
  );
  return [
    ...words(`-T -F /dev/null -p ${port} -i ${join(folder, 'user')}`),
    ...options.flatMap((option) => ['-o', option]),
    '127.0.0.1',
  ];
}
