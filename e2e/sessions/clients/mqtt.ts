// MQTT: Mosquitto's subscriber.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../../lib/testing/ports.ts';
import { lacking, run, serve, workFolder } from '../../../lib/testing/program.ts';
import { words } from '../../../lib/testing/shape.ts';
import { talkTo } from '../../harness/talk.ts';
import { type Kind, receiving, type Server } from '../kind.ts';

const mosquitto: Server = {
  name: 'mqtt',
  lacks: lacking('mosquitto'),
  async start(owner) {
    const [folder, port] = [workFolder(owner), await freePort()];
    const file = join(folder, 'conf');
    writeFileSync(file, `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\n`);
    await serve(owner, 'mosquitto', ['-c', file], { port, cwd: folder });
    return { port, folder: '' };
  },
};

/** It pings every minute. */
export const mosquittoSubscriber: Kind = {
  name: 'mosquitto_sub',
  server: mosquitto,
  lacks: lacking('mosquitto_sub', 'mosquitto_pub', 'stdbuf'),
  connections: 1,
  async open({ owner, engine, through, server }) {
    const talk = talkTo(owner, 'stdbuf', words(`-oL mosquitto_sub -h 127.0.0.1 -p ${through} -t ${engine} -d`));
    await talk.says(/SUBACK/);
    const session = receiving(talk, async (text) => {
      const message = [...words(`-h 127.0.0.1 -p ${server.port} -t ${engine} -m`), text];
      const { code, stderr } = await run('mosquitto_pub', message);
      assert.equal(code, 0, stderr);
    });
    return {
      async works() {
        await session.works();
        assert.equal(talk.said().split('sending CONNECT').length - 1, 1, 'it has connected once');
      },
    };
  },
};
