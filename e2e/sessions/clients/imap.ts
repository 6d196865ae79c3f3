// IMAP: Dovecot, and a client that waits for mail with IDLE.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../../lib/testing/ports.ts';
import { lacking, run, serve, workFolder } from '../../../lib/testing/program.ts';
import { programUser } from '../../../lib/testing/program-user.ts';
import type { Kind, Server } from '../kind.ts';
import { PYTHON, python } from './python.ts';

/** For a Dovecot without root: one user for everything, and no chroot. */
function configuration(folder: string, port: number, user: string, group: string): string {
  return `
    base_dir = ${folder}/run
    state_dir = ${folder}/run
    log_path = /dev/stderr
    protocols = imap
    listen = 127.0.0.1
    ssl = no
    disable_plaintext_auth = no
    mail_location = maildir:~/mail
    first_valid_uid = 1
    default_internal_user = ${user}
    default_internal_group = ${group}
    default_login_user = ${user}
    service anvil {
      chroot =
    }
    service stats {
      chroot =
    }
    service imap-login {
      chroot =
      inet_listener imap {
        port = ${port}
      }
    }
    passdb {
      driver = static
      args = password=p
    }
    userdb {
      driver = static
      args = uid=${user} gid=${group} home=${folder}/home/%u
    }
  `;
}

const dovecot: Server = {
  name: 'imap',
  lacks: lacking('dovecot', '/usr/lib/dovecot/imap', PYTHON),
  async start(owner) {
    const [folder, port] = [workFolder(owner), await freePort()];
    const group = (await run('id', ['-gn'])).stdout.toString().trim();
    const file = join(folder, 'conf');
    writeFileSync(file, configuration(folder, port, programUser?.name ?? '', group));
    await serve(owner, 'dovecot', ['-F', '-c', file], { port, cwd: folder });
    return { port, folder: '' };
  },
};

const LOG_IN = `
import imaplib, sys
c = imaplib.IMAP4('127.0.0.1', int(sys.argv[1]))
c.login(sys.argv[2], 'p')
`;
const WAIT = `${LOG_IN}
c.select('INBOX')
c.send(b'1 IDLE\\r\\n')
while line := c.readline():
    print(line.decode().strip())
`;
const DELIVER = `${LOG_IN}
c.append('INBOX', None, None, b'Subject: news\\r\\n\\r\\n')
`;

/** The server sends a sign of life every two minutes. */
export const imapIdle: Kind = {
  name: 'an IMAP client with IDLE',
  server: dovecot,
  lacks: null,
  connections: 1,
  async open({ owner, engine, through, server }) {
    const talk = python(owner, WAIT, String(through), engine);
    await talk.says(/\+ idling/);
    return {
      async works() {
        const { code, stderr } = await run(PYTHON, ['-c', DELIVER, String(server.port), engine]);
        assert.equal(code, 0, stderr);
        await talk.says(/EXISTS/);
      },
    };
  },
};
