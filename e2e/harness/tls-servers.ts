// nginx as several TLS servers; each answers with its name and what its client asked for.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../lib/testing/ports.ts';
import type { Owner } from '../../lib/testing/owner.ts';
import { run, serve, workFolder } from '../../lib/testing/program.ts';
import { words } from '../../lib/testing/shape.ts';

/** Returns their ports. They answer with their name, the requested server name, and the versions of TLS and HTTP. */
export async function startTlsServers<const Name extends string>(
  owner: Owner,
  ...names: readonly Name[]
): Promise<Record<Name, number>> {
  const folder = workFolder(owner);
  const made = await run(
    'openssl',
    words('req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem'),
    { cwd: folder },
  );
  assert.equal(made.code, 0, made.stderr);
  const ports = await Promise.all(names.map(() => freePort()));
  const servers = names.map(
    (name, i) => `server {
      listen 127.0.0.1:${ports[i]} ssl http2;
      ssl_certificate cert.pem; ssl_certificate_key key.pem; ssl_protocols TLSv1.2 TLSv1.3;
      location / { return 200 "${name} $ssl_server_name $ssl_protocol $server_protocol"; }
    }`,
  );
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; worker_processes 1; pid nginx.pid; error_log stderr crit;
     events { worker_connections 512; }
     http {
       access_log off; default_type text/plain; server_tokens off; keepalive_timeout 1h;
       ${temporary.map((kind) => `${kind}_temp_path temp_${kind};`).join(' ')}
       ${servers.join('\n')}
     }`,
  );
  const first = ports[0] ?? 0;
  await serve(owner, 'nginx', ['-p', folder, '-e', 'stderr', '-c', 'nginx.conf'], { port: first, cwd: folder });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one port for each name
  return Object.fromEntries(names.map((name, i) => [name, ports[i]])) as Record<Name, number>;
}
