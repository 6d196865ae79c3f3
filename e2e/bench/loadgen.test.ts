// The load generator must notice a faulty proxy, so a relay with faults is put in between.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { helloFor } from '../../lib/testing/hello.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { PROXY_HEADER } from './features/features.ts';
import { type Backends, buildLoadgen, holdOpen, missingCompiler, runClient, startBackends } from './loadgen.ts';

/** Gets each chunk of one direction and returns what to pass on. */
type Fault = (chunk: Buffer, to: Socket) => Buffer;

const skip = process.platform === 'linux' ? missingCompiler() : 'needs Linux';
const title = (text: string): string => (skip === null ? text : `${text} (skipped: ${skip})`);
const scratch = mkdtempSync(join(tmpdir(), 'bal-loadgen-'));
let program = '';
let port = 0;
let backends: Backends | null = null;

before(async () => {
  if (skip !== null) return;
  program = buildLoadgen(scratch);
  port = await freePort();
  backends = await startBackends(program, [port]);
});
after(async () => {
  await backends?.stop();
  rmSync(scratch, { recursive: true, force: true });
});

/** Starts a relay to the backends with these faults; returns its port. */
async function relay(
  t: TestContext,
  requests: Fault,
  answers: Fault,
  onClient: (address: string) => void = () => undefined,
): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    onClient(client.remoteAddress ?? '');
    const backend = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    for (const [from, to, fault] of [
      [client, backend, requests],
      [backend, client, answers],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk: Buffer) => to.write(fault(chunk, to)));
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}

const faithful: Fault = (chunk) => chunk;
const flipping: Fault = (chunk) => {
  chunk[chunk.length - 1] = ~(chunk.at(-1) ?? 0);
  return chunk;
};
const losing: Fault = (chunk) => chunk.subarray(0, -1);
const NONE = { connect: 0, reset: 0, end: 0, timeout: 0 };
const RR = ['rr', '-c', '4'];
const PUSH = ['stream', '-c', '2', '-d', 'push'];
const PULL = ['stream', '-c', '2', '-d', 'pull'];

for (const load of [
  ['conn', '-c', '4'],
  ['conn', '-c', '4', '-r'],
  RR,
  ['rr', '-c', '4', '-n', '16384', '-m', '200000'],
  PUSH,
  [...PUSH, '-v'],
  PULL,
  [...PULL, '-v'],
  ['stream', '-c', '4', '-d', 'both', '-v'],
])
  test(title(`a faithful relay shows no fault: ${load.join(' ')}`), { skip: skip ?? false }, async (t) => {
    const result = await runClient(program, load, [await relay(t, faithful, faithful)], 0.2);
    assert.ok(result.done > 0 && result.bytes > 0 && result.seconds > 0);
    assert.deepEqual(result.failures, NONE);
    assert.equal(result.wrong_bytes, 0);
  });

for (const [load, requests, answers] of [
  [RR, flipping, faithful],
  [RR, faithful, flipping],
  [[...PUSH, '-v'], flipping, faithful],
  [[...PULL, '-v'], faithful, flipping],
  [PUSH, losing, faithful],
  [[...PULL, '-v'], faithful, losing],
] as const) {
  const fault = requests === faithful ? `${answers.name} in answers` : `${requests.name} in requests`;
  test(title(`wrong bytes are counted: ${load.join(' ')}, ${fault}`), { skip: skip ?? false }, async (t) => {
    // Keep the header intact: it is in the first chunk, possibly alone.
    const seen = new WeakSet<Socket>();
    const later: Fault = (chunk, to) => (seen.has(to) ? requests(chunk, to) : (seen.add(to), chunk));
    const result = await runClient(program, load, [await relay(t, later, answers)], 0.2);
    assert.ok(result.wrong_bytes > 0);
  });
}

test(
  title('the backends skip a PROXY header and a TLS record, however they arrive'),
  { skip: skip ?? false },
  async (t) => {
    const file = join(scratch, 'prologue');
    writeFileSync(file, Buffer.concat([PROXY_HEADER, helloFor('localhost', [], 300)]));
    const load = ['conn', '-c', '4', '-p', file];
    const slow: Fault = (chunk, to) => {
      for (const byte of chunk.subarray(0, 40)) to.write(Buffer.from([byte]));
      return chunk.subarray(40);
    };
    for (const at of [port, await relay(t, slow, faithful)]) {
      const result = await runClient(program, load, [at], 0.2);
      assert.ok(result.done > 0);
      assert.deepEqual([result.failures, result.wrong_bytes], [NONE, 0]);
    }
  },
);

test(title('clients come from as many addresses as wanted'), { skip: skip ?? false }, async (t) => {
  const seen = new Set<string>();
  const at = await relay(t, faithful, faithful, (address) => seen.add(address));
  // On a busy machine a run is too short for all of them.
  for (let run = 0; run < 30 && seen.size < 40; run++)
    await runClient(program, ['conn', '-c', '4', '-s', '40'], [at], 0.2);
  assert.equal(seen.size, 40);
});

for (const [kind, end] of [
  ['reset', (to: Socket) => void to.resetAndDestroy()],
  ['end', (to: Socket) => void to.end()],
] as const)
  test(title(`an answer that is cut by ${kind} is a failure of that kind`), { skip: skip ?? false }, async (t) => {
    const cut: Fault = (chunk, to) => {
      end(to);
      return chunk.subarray(0, 0);
    };
    const result = await runClient(program, RR, [await relay(t, faithful, cut)], 0.2);
    assert.ok(result.failures[kind] > 0);
    assert.equal(result.done, 0);
  });

test(title('where nobody listens every connect fails'), { skip: skip ?? false }, async () => {
  const result = await runClient(program, RR, [await freePort()], 0.2);
  assert.ok(result.failures.connect > 0);
  assert.equal(result.done, 0);
});

test(title('held connections are all asked again'), { skip: skip ?? false }, async () => {
  const held = await holdOpen(program, [port], 300);
  const result = await held.release();
  assert.equal(result.done, 600);
  assert.deepEqual(result.failures, NONE);
});

test(title('a held connection that is cut is a failure'), { skip: skip ?? false }, async (t) => {
  const open: Socket[] = [];
  const at = await relay(t, faithful, (chunk, to) => (open.push(to), chunk));
  const held = await holdOpen(program, [at], 10);
  open[0]?.resetAndDestroy();
  const result = await held.release();
  assert.equal(result.failures.reset, 1);
  assert.equal(result.done, 19);
});
