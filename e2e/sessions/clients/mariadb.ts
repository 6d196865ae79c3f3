// MariaDB's own client.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../../lib/testing/ports.ts';
import { lacking, run, serve, workFolder } from '../../../lib/testing/program.ts';
import { words } from '../../../lib/testing/shape.ts';
import { talkTo, type Talk } from '../../harness/talk.ts';
import { asking, type Kind, type Place, type Server } from '../kind.ts';

const mariadb: Server = {
  name: 'mariadb',
  lacks: lacking('mariadb-install-db', 'mariadbd', 'mariadb'),
  async start(owner) {
    const [folder, port] = [workFolder(owner), await freePort()];
    // A starting MariaDB removes what it takes for its own files from the temporary folder, which others may be using.
    const data = [`--datadir=${join(folder, 'data')}`, `--tmpdir=${folder}`];
    const small = words('--innodb-log-file-size=8M --innodb-buffer-pool-size=16M --innodb-flush-method=nosync');
    const made = await run('mariadb-install-db', ['--no-defaults', ...data, ...small, '--skip-test-db']);
    assert.equal(made.code, 0, made.stderr);
    writeFileSync(join(folder, 'init'), "create user bal@'127.0.0.1';\n");
    const files = [`--init-file=${join(folder, 'init')}`, `--socket=${join(folder, 'socket')}`];
    const address = words(`--bind-address=127.0.0.1 --port=${port} --skip-name-resolve`);
    await serve(owner, 'mariadbd', ['--no-defaults', ...data, ...small, ...files, ...address], {
      port,
      cwd: folder,
      endedBy: 'SIGTERM',
    });
    return { port, folder: '' };
  },
};

function session({ owner, through }: Place): Talk {
  const where = words(`--no-defaults -h 127.0.0.1 -P ${through} --protocol=tcp -u bal`);
  return talkTo(owner, 'mariadb', [...where, ...words('-N -n --skip-reconnect')]);
}

export const mariadbAtPrompt: Kind = {
  name: 'mariadb at its prompt',
  server: mariadb,
  lacks: null,
  connections: 1,
  open: (place) => asking(session(place), `select concat('connection ', connection_id());`, /connection (\d+)\n/),
};

/** Longer than bal's former idle timeout. */
export const mariadbLongQuery: Kind = {
  name: 'mariadb with a query of 150 s',
  server: mariadb,
  lacks: null,
  connections: 1,
  async open(place) {
    const talk = session(place);
    talk.type(`select 'begun'; select 'done', sleep(150);`);
    await talk.says(/begun\n/);
    return { works: async () => void (await talk.says(/done\t0\n/)) };
  },
};
