// HAProxy or nginx with a configuration, and bal with the output of `bal import` for it: clients see the same.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { atEnd, type Owner } from '../lib/testing/owner.ts';
import { freePort } from '../lib/testing/ports.ts';
import { helloFor } from '../lib/testing/hello.ts';
import { lacking, serve, workFolder } from '../lib/testing/program.ts';
import { newHome, startBal } from './harness.ts';
import { backend } from './harness/backend.ts';
import { named } from './harness/behaviours.ts';
import { cli } from './harness/cli.ts';
import { names } from './harness/exchange.ts';
import { troubles, visits } from './harness/load.ts';

/** Its ports: balanced by weight, with a backup for a dead server, restricted by address, chosen by server name. */
interface Ports {
  readonly weighed: number;
  readonly backed: number;
  readonly guarded: number;
  readonly named: number;
}

/** Ports of two live servers and a dead one. */
type Servers = readonly [a: number, b: number, gone: number];

const haproxy = ({ weighed, backed, guarded, named: byName }: Ports, [a, b, gone]: Servers): string => `
global
  nbthread 1
defaults
  mode tcp
  timeout connect 2s
  timeout client 1m
  timeout server 1m
listen weighed
  bind 127.0.0.1:${weighed}
  balance roundrobin
  server a 127.0.0.1:${a} weight 3
  server b 127.0.0.1:${b} weight 1
listen backed
  bind 127.0.0.1:${backed}
  option redispatch
  default-server inter 100 fall 1
  server gone 127.0.0.1:${gone} check
  server b 127.0.0.1:${b} check backup
frontend guarded
  bind 127.0.0.1:${guarded}
  acl friend src 127.0.0.0/24
  tcp-request connection accept if { src 127.0.0.4 127.0.0.8 }
  tcp-request content reject if { src 127.0.0.8 }
  tcp-request connection reject if { src 127.0.0.4/30 }
  tcp-request connection reject unless friend
  default_backend of_a
frontend named
  bind 127.0.0.1:${byName}
  tcp-request inspect-delay 5s
  tcp-request content accept if { req.ssl_hello_type 1 }
  use_backend of_b if { req.ssl_sni -i b.example } || { req.ssl_sni -i -m end .b.example }
  default_backend of_a
backend of_a
  server a 127.0.0.1:${a}
backend of_b
  server b 127.0.0.1:${b}
`;

const NGINX_STREAM = '/usr/lib/nginx/modules/ngx_stream_module.so';

const nginx = ({ weighed, backed, guarded, named: byName }: Ports, [a, b, gone]: Servers): string => `
load_module ${NGINX_STREAM};
daemon off; worker_processes 1; pid nginx.pid; error_log stderr crit;
events { worker_connections 512; }
stream {
  map $ssl_preread_server_name $by_name { hostnames; default of_a; .b.example of_b; }
  upstream of_a { server 127.0.0.1:${a}; }
  upstream of_b { server 127.0.0.1:${b}; }
  server { listen 127.0.0.1:${byName}; ssl_preread on; proxy_pass $by_name; }
  upstream weighed { server 127.0.0.1:${a} weight=3; server 127.0.0.1:${b}; }
  upstream backed { server 127.0.0.1:${gone}; server 127.0.0.1:${b} backup; }
  server { listen 127.0.0.1:${weighed}; proxy_pass weighed; }
  server { listen 127.0.0.1:${backed}; proxy_pass backed; }
  server {
    listen 127.0.0.1:${guarded};
    deny 127.0.0.8;
    allow 127.0.0.4;
    deny 127.0.0.4/30;
    allow 127.0.0.0/24;
    deny all;
    proxy_pass 127.0.0.1:${a};
  }
}
`;

/** Returns the answer to a client that connects from `localAddress` and sends `said`. */
async function answerTo(t: Owner, port: number, localAddress: string, said: Buffer | null): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  if (said !== null) socket.write(said);
  atEnd(t, () => socket.destroy());
  let got = '';
  socket.on('data', (chunk: Buffer) => (got += chunk.toString()));
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('close', resolve));
  return got;
}

async function freePorts(): Promise<Ports> {
  return { weighed: await freePort(), backed: await freePort(), guarded: await freePort(), named: await freePort() };
}

for (const [name, file, text, args, needed] of [
  ['haproxy', 'haproxy.cfg', haproxy, ['-db', '-q', '-f'], ['haproxy']],
  ['nginx', 'nginx.conf', nginx, ['-e', 'stderr', '-p', '.', '-c'], ['nginx', NGINX_STREAM]],
] as const) {
  test(`${name} and bal with its configuration serve alike`, { skip: lacking(...needed) ?? false }, async (t) => {
    const [a, b] = [await backend(t, named('a')), await backend(t, named('b'))];
    const servers: Servers = [a.port, b.port, await freePort()];
    const [theirs, ours] = [await freePorts(), await freePorts()];

    const folder = workFolder(t);
    writeFileSync(join(folder, file), text(theirs, servers));
    await serve(t, name, [...args, file], { port: theirs.guarded, cwd: folder });

    const home = newHome(t);
    writeFileSync(join(home, file), text(ours, servers));
    const imported = await cli(['import', file, '--strict'], { home });
    assert.equal(imported.code, 0, imported.stderr);
    const config = `${imported.stdout.replace(/^workers:.*\n/m, '')}workers: 1\n`;
    const bal = await startBal(t, { home, config });
    const checked = await bal.cli('check');
    assert.equal(checked.code, 0, checked.stderr);

    const seen = [];
    for (const { weighed, backed, guarded, named: byName } of [theirs, ours]) {
      const shares = await visits(weighed, names('a', 'b'), 200, { clients: 1 });
      const backup = await visits(backed, names('b'), 20, { clients: 1 });
      const served = [];
      for (const from of ['127.0.0.1', '127.0.0.4', '127.0.0.5', '127.0.0.8', '127.0.1.1']) {
        served.push(await answerTo(t, guarded, from, null));
      }
      for (const name of ['b.example', 'X.B.example', 'ab.example', null]) {
        served.push(await answerTo(t, byName, '127.0.0.1', helloFor(name)));
      }
      assert.ok(Math.abs(Number(shares.answers['a']) - 150) <= 2, JSON.stringify(shares.answers));
      seen.push({ troubles: troubles(shares), backup: backup.answers['b'], served });
    }
    assert.deepEqual(seen[0], { troubles: {}, backup: 20, served: ['a', 'a', '', '', '', 'b', 'b', 'a', 'a'] });
    assert.deepEqual(seen[1], seen[0]);
  });
}
