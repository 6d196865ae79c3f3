// HTTP: a download, a benchmark on kept connections, and an unused kept connection.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { Agent, get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { startNginx } from '../../harness/nginx.ts';
import { atEnd } from '../../../lib/testing/owner.ts';
import { pattern } from '../../harness/pattern.ts';
import { lacking, workFolder } from '../../../lib/testing/program.ts';
import { words } from '../../../lib/testing/shape.ts';
import { talkTo } from '../../harness/talk.ts';
import type { Kind, Server } from '../kind.ts';
import { slowDownload } from './download.ts';

const LARGE = 512 * 1024 * 1024;

const nginx: Server = {
  name: 'http',
  lacks: lacking('nginx', 'openssl'),
  async start(owner) {
    const { http } = await startNginx(owner, { small: pattern(1, 1000), large: LARGE });
    return { port: http, folder: '' };
  },
};

export const curlDownload: Kind = {
  name: 'curl with a download of 512 MiB',
  server: nginx,
  lacks: lacking('curl'),
  connections: 1,
  async open({ owner, through }) {
    const curl = slowDownload(owner, `http://127.0.0.1:${through}/large`);
    return {
      async works() {
        assert.deepEqual(await curl.rest(), { code: 0, stderr: '', bytes: LARGE });
      },
    };
  },
};

export const wrk: Kind = {
  name: 'wrk with 2 kept connections',
  server: nginx,
  lacks: lacking('wrk'),
  connections: 2,
  async open({ owner, through }) {
    const script = join(workFolder(owner), 'slowly.lua');
    writeFileSync(script, 'function delay() return 100 end\n');
    const talk = talkTo(owner, 'wrk', words(`-t1 -c2 -d600 -s ${script} http://127.0.0.1:${through}/small`));
    return {
      async works() {
        talk.interrupt();
        const { code, said } = await talk.ends();
        assert.equal(code, 0, said);
        assert.match(said, /[1-9]\d* requests in/);
        assert.doesNotMatch(said, /Socket errors|Non-2xx/);
      },
    };
  },
};

export const keptAlive: Kind = {
  name: 'a kept HTTP connection',
  server: nginx,
  lacks: null,
  connections: 1,
  async open({ owner, through }) {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    atEnd(owner, () => agent.destroy());
    const request = async (): Promise<boolean> => {
      const asked = get({ agent, host: '127.0.0.1', port: through, path: '/small' });
      const [response]: IncomingMessage[] = await once(asked, 'response');
      assert.ok(response !== undefined);
      // Reading the response to its end returns the connection to the pool.
      await once(response.resume(), 'end');
      return asked.reusedSocket;
    };
    await request();
    return {
      async works() {
        assert.ok(await request(), 'it is another connection than before');
      },
    };
  },
};
