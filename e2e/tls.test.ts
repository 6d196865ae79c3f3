// TLS passes through untouched: nginx holds the certificate, bal only sees bytes.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { startBal } from './harness.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { type Nginx, startNginx } from './harness/nginx.ts';
import { thisFile } from '../lib/testing/owner.ts';
import { pattern } from './harness/pattern.ts';
import { freePort } from '../lib/testing/ports.ts';
import { find, lacking, run, workFolder } from '../lib/testing/program.ts';

const FILE = pattern(11, 32 * 1024 * 1024);
const hashOf = (data: Buffer): string => createHash('sha256').update(data).digest('hex');
const WANTED = hashOf(FILE);

function download(port: number, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = get(
      { host: '127.0.0.1', port, path: '/big', ca, servername: 'localhost', agent: false },
      (response) => {
        const hash = createHash('sha256');
        response.on('data', (chunk: Buffer) => hash.update(chunk));
        response.on('error', reject);
        response.on('end', () => resolve(hash.digest('hex')));
      },
    );
    asking.on('error', reject);
  });
}

const owner = thisFile();
let server: Promise<Nginx> | null = null;

forEachEngine(
  'an HTTPS download through bal is the file, with node and with curl',
  async (t, engine) => {
    const nginx = await (server ??= startNginx(owner, { big: FILE }));
    const port = await freePort();
    const bal = await startBal(t, { engine, config: configFor(port, [{ host: '127.0.0.1', port: nginx.https }]) });
    const hashes = await Promise.all(Array.from({ length: 4 }, () => download(port, nginx.certificate)));
    assert.deepEqual(new Set(hashes), new Set([WANTED]));
    if (find('curl') !== null) {
      const folder = workFolder(t);
      const trusted = join(folder, 'ca.pem');
      writeFileSync(trusted, nginx.certificate);
      const { code, stdout, stderr } = await run('curl', ['-sS', '--cacert', trusted, `https://127.0.0.1:${port}/big`]);
      assert.equal(code, 0, stderr);
      assert.equal(hashOf(stdout), WANTED);
    }
    const { totals } = await bal.statusWhen(
      'no connection is left',
      (status) => status.totals?.active_connections === 0,
    );
    assert.ok(Number(totals?.bytes_out) > 4 * FILE.length);
    assert.equal(totals?.failed_total, 0);
  },
  lacking('nginx', 'openssl'),
);
