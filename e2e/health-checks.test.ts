// Health checks that send a request, against third-party servers, each in its own protocol.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { freePort } from '../lib/testing/ports.ts';
import { lacking, run, workFolder } from '../lib/testing/program.ts';
import { words } from '../lib/testing/shape.ts';
import { startBal } from './harness.ts';
import { QUICK } from './harness/config.ts';
import { forEitherEngine } from './harness/engines.ts';
import { startNginx } from './harness/nginx.ts';
import { POSTGRES_PROGRAMS, startPostgres } from './harness/postgres.ts';
import { startRedis } from './harness/redis.ts';
import { mariadbAtPrompt } from './sessions/clients/mariadb.ts';

type Check = Readonly<Record<string, unknown>>;

/** Returns the HTTP status that a client gets. */
async function ask(port: number): Promise<unknown> {
  const asking = get({ host: '127.0.0.1', port, path: '/missing', agent: false });
  const [response] = await once(asking, 'response');
  response.resume();
  await once(response, 'end');
  return Object(response).statusCode;
}

/** Makes one service per check, with a single backend at its port. */
async function servicesOf(checks: Readonly<Record<string, readonly [port: number, check: Check]>>) {
  const services: Record<string, unknown> = {};
  for (const [name, [port, health_check]] of Object.entries(checks)) {
    services[name] = { port: await freePort(), backends: [{ host: '127.0.0.1', port }], health_check };
  }
  return { bind_address: '127.0.0.1', workers: 1, runtime: QUICK, services };
}

forEitherEngine(
  'nginx and Redis are asked what they answer, in the clear and over TLS, and why tells what was wrong with it',
  async (t, engine) => {
    const nginx = await startNginx(t, { health: Buffer.from('fine\n') });
    const redis = await startRedis(t);
    const trusted = join(workFolder(t), 'ca.pem');
    writeFileSync(trusted, nginx.certificate);
    const http = { type: 'http', path: '/health' };
    const tls = { ...http, tls: true };
    const checks = {
      http: [nginx.http, http],
      secure: [nginx.https, { ...tls, host: 'localhost' }],
      named: [nginx.https, { ...tls, server_name: 'localhost' }],
      any: [nginx.https, { ...tls, server_name: 'other.internal', verify: false }],
      redis: [redis, { type: 'expect', send: 'PING\r\n', expect: '+PONG' }],
      // The check goes to the port of another server.
      elsewhere: [redis, { ...http, port: nginx.http }],
      missing: [nginx.http, { type: 'http', path: '/missing' }],
      other: [nginx.https, { ...tls, server_name: 'other.internal' }],
      clear: [nginx.https, http],
      banner: [redis, { type: 'expect', send: 'PING\r\n', expect: 'PONG' }],
      strange: [redis, http],
    } as const;
    const config = await servicesOf(checks);
    const bal = await startBal(t, { engine, config, env: { NODE_EXTRA_CA_CERTS: trusted } });
    const states = async (): Promise<Record<string, unknown>> => {
      const { services } = await bal.status();
      return Object.fromEntries(services.map(({ name, backends }) => [name, backends[0]?.state]));
    };
    const up = { http: 'up', secure: 'up', named: 'up', any: 'up', redis: 'up', elsewhere: 'up' };
    const down = { missing: 'down', other: 'down', clear: 'down', banner: 'down', strange: 'down' };
    assert.deepEqual(await states(), { ...up, ...down });

    const why: unknown = JSON.parse((await bal.cli('why', '--json')).stdout);
    const facts = Object.fromEntries(
      Object(why).services.map(({ name, backends }: { name: string; backends: { evidence: Check[] }[] }) => {
        const { cause, fact } = Object(backends[0]?.evidence.at(-1));
        return [name, cause === null ? null : `${cause}: ${fact}`];
      }),
    );
    assert.equal(facts['http'], null);
    assert.equal(facts['missing'], 'bad_answer: HTTP status 404, expected 200-399');
    assert.equal(facts['clear'], 'bad_answer: HTTP status 400, expected 200-399');
    assert.match(facts['other'], /^bad_answer: TLS: .*other\.internal.* altnames: DNS:localhost/);
    assert.match(facts['banner'], /^bad_answer: the answer "\+PONG\\r\\n" does not begin with "PONG"$/);
    assert.match(facts['strange'], /^bad_answer: the answer "-ERR .*" is no HTTP$|closed without an answer/);
    const { stdout } = await bal.cli('why', `127.0.0.1:${nginx.http}`);
    assert.match(stdout, /health checks? failed: HTTP status 404, expected 200-399/);
    assert.match(stdout, /what_happened: .* failed: HTTP status 404/);
    const reported = await bal.logged('backend.down', ({ fields }) => fields['service'] === 'missing');
    assert.deepEqual(
      [reported.fields['cause'], reported.fields['fact']],
      ['bad_answer', 'HTTP status 404, expected 200-399'],
    );

    // Its only backend is down, so clients go there anyway: their successful connects do not bring it up.
    const { port } = Object(config.services['missing']);
    for (let count = 0; count < 5; count++) assert.equal(await ask(port), 404);
    const [asked, isMissing] = [new Date().toISOString(), ({ name }: { name: string }) => name === 'missing'];
    await bal.statusWhen('it is checked once more', ({ services }) =>
      services.some((service) => isMissing(service) && (service.last_check_time ?? '') > asked),
    );
    assert.deepEqual(
      bal.logs().filter(({ event, fields }) => event === 'backend.up' && fields['service'] === 'missing'),
      [],
    );

    const accepting = { ...config, services: { ...config.services } };
    accepting.services['missing'] = {
      ...Object(config.services['missing']),
      health_check: { ...checks.missing[1], expect_status: [404] },
    };
    bal.configure({ ...accepting, engine });
    const { code, verdict } = await bal.graceful();
    assert.equal(code, 0);
    assert.deepEqual(verdict.changed, [{ what: 'missing.health_check.expect_status', from: '200-399', to: '404' }]);
    await bal.statusWhen('what was missing is expected', ({ services }) =>
      services.some((service) => isMissing(service) && service.backends[0]?.state === 'up'),
    );
  },
  lacking('nginx', 'openssl', 'redis-server'),
);

forEitherEngine(
  'a PostgreSQL that takes no clients is down for a check that begins a login, and up for one that does not',
  async (t, engine) => {
    const [ready, standby] = await Promise.all([startPostgres(t), startPostgres(t, 'standby')]);
    const login = String.raw`\x00\x00\x00$\x00\x03\x00\x00user\x00bal\x00database\x00postgres\x00\x00`;
    const sslRequest = String.raw`\x00\x00\x00\x08\x04\xd2\x16/`;
    const config = await servicesOf({
      ready: [ready, { type: 'expect', send: login, expect: 'R' }],
      standby: [standby, { type: 'expect', send: login, expect: 'R' }],
      overlooked: [standby, { type: 'expect', send: sslRequest, expect: 'N' }],
    });
    const bal = await startBal(t, { engine, config });
    const { services } = await bal.status();
    assert.deepEqual(
      services.map(({ name, backends }) => [name, backends[0]?.state]),
      [
        ['ready', 'up'],
        ['standby', 'down'],
        ['overlooked', 'up'],
      ],
    );
    // SQLSTATE 57P03: cannot_connect_now.
    assert.match(
      (await bal.cli('why', `127.0.0.1:${standby}`)).stdout,
      /failed: the answer "E.*C57P03.* does not begin/,
    );
  },
  lacking(...POSTGRES_PROGRAMS),
);

forEitherEngine(
  'PostgreSQL and MariaDB are asked in their own words, and MariaDB counts no failed login',
  async (t, engine) => {
    const [postgres, mariadb] = await Promise.all([startPostgres(t), mariadbAtPrompt.server.start(t)]);
    // The reply of a user without password and rights to the greeting, and COM_QUIT; the server's OK is expected.
    const login = {
      type: 'expect',
      send: String.raw`%\x00\x00\x01\x01\x82\x00\x00\x00\x00\x00\x01!${'\\x00'.repeat(23)}bal\x00\x00\x01\x00\x00\x00\x01`,
      expect: String.raw`\x07\x00\x00\x02\x00\x00\x00\x02`,
      match: 'contains',
    };
    const aborted = async (): Promise<string> => {
      const where = words(`--no-defaults -h 127.0.0.1 -P ${mariadb.port} --protocol=tcp -u bal -N -e`);
      const { code, stdout, stderr } = await run('mariadb', [...where, "show global status like 'Aborted_connects'"]);
      assert.equal(code, 0, stderr);
      return stdout.toString();
    };
    const before = await aborted();
    const sslRequest = { type: 'expect', send: String.raw`\x00\x00\x00\x08\x04\xd2\x16/` };
    const config = await servicesOf({
      postgres: [postgres, { ...sslRequest, expect: 'N' }],
      mariadb: [mariadb.port, login],
      secure: [postgres, { ...sslRequest, expect: 'S' }],
    });
    const bal = await startBal(t, { engine, config });
    const { services } = await bal.status();
    assert.deepEqual(
      services.map(({ name, backends }) => [name, backends[0]?.state]),
      [
        ['postgres', 'up'],
        ['mariadb', 'up'],
        ['secure', 'down'],
      ],
    );
    const { stdout } = await bal.cli('why', `127.0.0.1:${postgres}`);
    assert.match(stdout, /failed: the answer "N" does not begin with "S"/);
    const from = (await bal.status()).services[1]?.last_check_time ?? '';
    await bal.statusWhen('it is checked again', ({ services }) => (services[1]?.last_check_time ?? '') > from);
    assert.equal(await aborted(), before, 'MariaDB counts no check as a login that failed');
  },
  lacking(...POSTGRES_PROGRAMS) ?? mariadbAtPrompt.server.lacks,
);
