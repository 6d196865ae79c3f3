// nginx as a web server for one folder, over HTTP and, with a certificate made for the test, HTTPS.
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../lib/testing/ports.ts';
import type { Owner } from '../../lib/testing/owner.ts';
import { run, serve, workFolder } from '../../lib/testing/program.ts';
import { words } from '../../lib/testing/shape.ts';

export interface Nginx {
  readonly http: number;
  readonly https: number;
  /** For clients to trust; issued to `localhost` and 127.0.0.1. */
  readonly certificate: string;
}

const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  .map((kind) => `${kind}_temp_path temp_${kind};`)
  .join(' ');

/** Serves `files` by name; a number makes a sparse file of that many zeros. */
export async function startNginx(owner: Owner, files: Readonly<Record<string, Buffer | number>>): Promise<Nginx> {
  const folder = workFolder(owner);
  const [http, https] = [await freePort(), await freePort()];
  const made = await run(
    'openssl',
    [
      ...words('req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem'),
      ...words('-addext subjectAltName=DNS:localhost,IP:127.0.0.1'),
    ],
    { cwd: folder },
  );
  assert.equal(made.code, 0, made.stderr);
  for (const [name, bytes] of Object.entries(files)) {
    writeFileSync(join(folder, name), typeof bytes === 'number' ? '' : bytes);
    if (typeof bytes === 'number') truncateSync(join(folder, name), bytes);
    chmodSync(join(folder, name), 0o644);
  }
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; worker_processes 1; pid nginx.pid; error_log stderr warn;
     events { worker_connections 512; }
     http {
       access_log off; keepalive_requests 100000; keepalive_timeout 1h; sendfile on; ${temporary}
       server {
         listen 127.0.0.1:${http} backlog=2048;
         listen 127.0.0.1:${https} ssl backlog=2048;
         ssl_certificate cert.pem; ssl_certificate_key key.pem;
         root ${folder};
       }
     }`,
  );
  await serve(owner, 'nginx', ['-p', folder, '-e', 'stderr', '-c', 'nginx.conf'], { port: https, cwd: folder });
  return { http, https, certificate: readFileSync(join(folder, 'cert.pem'), 'utf8') };
}
