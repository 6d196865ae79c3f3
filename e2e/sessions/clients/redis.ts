// Redis: redis-cli in each of its ways to wait.
import assert from 'node:assert/strict';
import { lacking, run } from '../../../lib/testing/program.ts';
import { startRedis } from '../../harness/redis.ts';
import { words } from '../../../lib/testing/shape.ts';
import { talkTo } from '../../harness/talk.ts';
import { asking, type Kind, receiving, type Server } from '../kind.ts';

const redis: Server = {
  name: 'redis',
  lacks: lacking('redis-server', 'redis-cli'),
  start: async (owner) => ({ port: await startRedis(owner), folder: '' }),
};

function at(port: number): string[] {
  return words(`-h 127.0.0.1 -p ${port}`);
}

async function order(port: number, ...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run('redis-cli', [...at(port), ...words]);
  assert.equal(code, 0, stderr);
  return stdout.toString();
}

export const redisAtPrompt: Kind = {
  name: 'redis-cli at its prompt',
  server: redis,
  lacks: null,
  connections: 1,
  // redis-cli reconnects silently: the server's connection id reveals it.
  open: ({ owner, through }) => asking(talkTo(owner, 'redis-cli', at(through)), 'client id', /^(.*)\n/),
};

export const redisSubscriber: Kind = {
  name: 'redis-cli with SUBSCRIBE',
  server: redis,
  lacks: null,
  connections: 1,
  async open({ owner, engine, through, server }) {
    const talk = talkTo(owner, 'redis-cli', [...at(through), 'subscribe', engine]);
    await talk.says(/subscribe\n/);
    return receiving(talk, async (text) => void (await order(server.port, 'publish', engine, text)));
  },
};

export const redisBlocked: Kind = {
  name: 'redis-cli with BLPOP 0',
  server: redis,
  lacks: null,
  connections: 1,
  async open({ owner, engine, through, server }) {
    const queue = `queue-${engine}`;
    const talk = talkTo(owner, 'redis-cli', [...at(through), 'blpop', queue, '0']);
    return receiving(talk, async (text) => void (await order(server.port, 'rpush', queue, text)));
  },
};

export const redisConnectionEach: Kind = {
  name: 'redis-cli with a connection for each BLPOP',
  server: redis,
  lacks: null,
  connections: 0,
  async open({ through }) {
    const works = async (): Promise<void> => {
      assert.equal((await order(through, 'blpop', 'nothing', '0.5')).trim(), '');
    };
    await works();
    return { works };
  },
};
