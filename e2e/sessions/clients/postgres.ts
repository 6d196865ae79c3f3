// PostgreSQL: psql, libpq and pgbench.
import assert from 'node:assert/strict';
import { POSTGRES_PROGRAMS, postgresAt, psql, startPostgres } from '../../harness/postgres.ts';
import { lacking, run } from '../../../lib/testing/program.ts';
import { words } from '../../../lib/testing/shape.ts';
import { talkTo, type Talk } from '../../harness/talk.ts';
import { asking, type Kind, type Place, receiving, type Server, type Session, telling } from '../kind.ts';
import { PSYCOPG, python } from './python.ts';

const postgres: Server = {
  name: 'postgres',
  lacks: lacking(...POSTGRES_PROGRAMS, 'pgbench'),
  async start(owner) {
    const port = await startPostgres(owner);
    const made = await run('pgbench', [...postgresAt(port), '-i', '-q', 'postgres']);
    assert.equal(made.code, 0, made.stderr);
    return { port, folder: '' };
  },
};

function session({ owner, through }: Place): Talk {
  return talkTo(owner, 'psql', [...postgresAt(through), ...words('-d postgres -X -A -t')]);
}

export const psqlAtPrompt: Kind = {
  name: 'psql at its prompt',
  server: postgres,
  lacks: null,
  connections: 1,
  open: (place) => asking(session(place), `select 'backend ' || pg_backend_pid();`, /backend (\d+)\n/),
};

export const psqlInTransaction: Kind = {
  name: 'psql in a transaction',
  server: postgres,
  lacks: null,
  connections: 1,
  open(place) {
    const talk = session(place);
    talk.type('begin;');
    return asking(talk, `select 'transaction ' || txid_current();`, /transaction (\d+)\n/);
  },
};

/** Longer than bal's former idle timeout. */
export const psqlLongQuery: Kind = {
  name: 'psql with a query of 150 s',
  server: postgres,
  lacks: null,
  connections: 1,
  async open(place) {
    const talk = session(place);
    talk.type(`select 'begun'; select pg_sleep(150); select 'done';`);
    await talk.says(/begun\n/);
    return { works: async () => void (await talk.says(/done\n/)) };
  },
};

export const listener: Kind = {
  name: 'psycopg2 with LISTEN',
  server: postgres,
  lacks: lacking(PSYCOPG),
  connections: 1,
  async open({ owner, engine, through, server }) {
    const talk = python(owner, LISTENER, String(through), engine);
    await talk.says(/ready\n/);
    return receiving(talk, async (text) => {
      const { code, stderr } = await psql(server.port, `notify ${engine}, '${text}'`);
      assert.equal(code, 0, stderr);
    });
  },
};

const CONNECT = `
import psycopg2, select, sys
c = psycopg2.connect(host='127.0.0.1', port=sys.argv[1], user='bal', dbname='postgres')
k = c.cursor()
`;
const LISTENER = `${CONNECT}
c.autocommit = True
k.execute('listen ' + sys.argv[2])
print('ready')
while select.select([c], [], []):
    c.poll()
    while c.notifies:
        print(c.notifies.pop(0).payload)
`;
const POOLED = `${CONNECT}
for line in sys.stdin:
    k.execute('select pg_backend_pid()')
    print('backend', k.fetchone()[0])
    c.commit()
`;

export const pooled: Kind = {
  name: 'a psycopg2 connection that an application keeps',
  server: postgres,
  lacks: lacking(PSYCOPG),
  connections: 1,
  open: ({ owner, through }) => asking(python(owner, POOLED, String(through)), '', /backend (\d+)\n/),
};

/** Few queries, only reads: what matters is that they go on. */
function bench({ owner, through }: Place, args: string): Talk {
  const all = words(`-n -S -P 1 -T 600 ${args}`);
  return talkTo(owner, 'pgbench', [...postgresAt(through), ...all, 'postgres']);
}

const PROGRESS = /progress: .* [1-9][\d.]* tps, .* 0 failed/;
const TROUBLE = /error|abort|closed|[1-9]\d* failed/i;

async function benchSession(talk: Talk): Promise<Session> {
  await talk.says(PROGRESS);
  return telling(talk, PROGRESS, TROUBLE);
}

export const pgbench: Kind = {
  name: 'pgbench with 4 clients',
  server: postgres,
  lacks: null,
  connections: 4,
  open: (place) => benchSession(bench(place, '-R 20 -c 4')),
};

export const pgbenchReconnecting: Kind = {
  name: 'pgbench with a connection for each transaction',
  server: postgres,
  lacks: null,
  connections: 0,
  open: (place) => benchSession(bench(place, '-R 2 -c 2 -C')),
};
