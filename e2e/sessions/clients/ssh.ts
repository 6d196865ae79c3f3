// OpenSSH: shells and a command.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { noSsh, sshArguments, startSshd } from '../../harness/sshd.ts';
import { talkTo } from '../../harness/talk.ts';
import { asking, type Kind, type Server } from '../kind.ts';

const ssh: Server = {
  name: 'ssh',
  lacks: noSsh(),
  start: startSshd,
  // sshd would count the checks of two bals together.
  isForOne: true,
};

function shell(name: string, ...options: readonly string[]): Kind {
  return {
    name,
    server: ssh,
    lacks: null,
    connections: 1,
    open: ({ owner, through, server }) =>
      asking(
        talkTo(owner, 'ssh', [...options, ...sshArguments(server, through), 'sh']),
        'echo shell $$',
        /shell (\d+)\n/,
      ),
  };
}

export const sshShell = shell('ssh with a shell');
export const sshKeptAlive = shell('ssh with a shell and ServerAliveInterval 60', '-o', 'ServerAliveInterval=60');

export const sshSilentCommand: Kind = {
  name: 'ssh with a command that is silent',
  server: ssh,
  lacks: null,
  connections: 1,
  async open({ owner, through, server }) {
    const flag = join(server.folder, 'silent');
    writeFileSync(flag, '');
    const command = `echo begun; while [ -e ${flag} ]; do sleep 1; done; echo done`;
    const talk = talkTo(owner, 'ssh', [...sshArguments(server, through), command]);
    await talk.says(/begun\n/);
    return {
      async works() {
        rmSync(flag);
        await talk.says(/done\n/);
      },
    };
  },
};
