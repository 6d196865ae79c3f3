// Redis and its benchmark through bal.
import assert from 'node:assert/strict';
import { startBal } from './harness.ts';
import { connectTo } from './harness/client.ts';
import { configFor } from './harness/config.ts';
import { forEachEngine } from './harness/engines.ts';
import { pattern } from './harness/pattern.ts';
import { freePort } from '../lib/testing/ports.ts';
import { thisFile } from '../lib/testing/owner.ts';
import { lacking, run } from '../lib/testing/program.ts';
import { startRedis } from './harness/redis.ts';

const owner = thisFile();

let server: Promise<number> | null = null;

forEachEngine(
  'redis-benchmark runs through bal without an error, and a large value comes back as it was',
  async (t, engine) => {
    const direct = await (server ??= startRedis(owner));
    const port = await freePort();
    const bal = await startBal(t, { engine, config: configFor(port, [{ host: '127.0.0.1', port: direct }]) });
    for (const args of [
      ['-n', '4000', '-c', '20', '-t', 'ping,set,get,lpush,lrange_100'],
      ['-n', '20000', '-c', '20', '-P', '16', '-d', '1000', '-t', 'set,get'],
      ['-n', '300', '-c', '5', '-k', '0', '-t', 'ping'],
    ]) {
      const { code, stdout, stderr } = await run('redis-benchmark', [
        '-h',
        '127.0.0.1',
        '-p',
        String(port),
        '-q',
        ...args,
      ]);
      assert.equal(code, 0, stderr);
      assert.match(stdout.toString(), /requests per second/);
      assert.doesNotMatch(stdout.toString() + stderr, /err|reset|refused|closed/i);
    }

    const client = await connectTo(t, port);
    const value = pattern(8, 5_000_000);
    await client.send(Buffer.concat([Buffer.from(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${value.length}\r\n`), value]));
    await client.send('\r\n');
    assert.equal((await client.reads(5)).toString(), '+OK\r\n');
    await client.send('*2\r\n$3\r\nGET\r\n$1\r\nk\r\n');
    const head = `$${value.length}\r\n`;
    assert.equal((await client.reads(head.length)).toString(), head);
    assert.ok((await client.reads(value.length)).equals(value));
    client.reset();
    const { totals } = await bal.statusWhen(
      'no connection is left',
      (status) => status.totals?.active_connections === 0,
    );
    assert.equal(totals?.failed_total, 0);
  },
  lacking('redis-server', 'redis-benchmark'),
);
