// wrk against nginx through bal: no socket error, no answer other than 200.
import assert from 'node:assert/strict';
import { startBal } from './harness.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { type Nginx, startNginx } from './harness/nginx.ts';
import { thisFile } from '../lib/testing/owner.ts';
import { pattern } from './harness/pattern.ts';
import { freePort } from '../lib/testing/ports.ts';
import { lacking, run } from '../lib/testing/program.ts';
import { words } from '../lib/testing/shape.ts';

const owner = thisFile();
let server: Promise<Nginx> | null = null;

forEachEngine(
  'wrk over kept and over fresh connections sees no error',
  async (t, engine) => {
    const nginx = await (server ??= startNginx(owner, { small: pattern(1, 600), large: pattern(2, 100_000) }));
    const port = await freePort();
    const bal = await startBal(t, { engine, config: configFor(port, [{ host: '127.0.0.1', port: nginx.http }]) });
    for (const [path, ...args] of [['small'], ['large'], ['small', '-H', 'Connection: close']]) {
      const { code, stdout, stderr } = await run('wrk', [
        ...words('-t 1 -c 16 -d 1s --timeout 15s'),
        ...args,
        `http://127.0.0.1:${port}/${path}`,
      ]);
      const said = stdout.toString();
      assert.equal(code, 0, stderr);
      assert.ok(Number(/(\d+) requests in/.exec(said)?.[1]) > 50, said);
      assert.doesNotMatch(said, /Socket errors|Non-2xx/);
    }
    const { totals } = await bal.statusWhen(
      'no connection is left',
      (status) => status.totals?.active_connections === 0,
    );
    assert.equal(totals?.failed_total, 0);
    assert.equal(totals?.rejected_total, 0);
  },
  lacking('wrk', 'nginx', 'openssl'),
);
