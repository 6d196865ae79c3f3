// Tests of the native engine's channels over real sockets: whole messages with descriptors or none, and no leaks.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { until } from '../testing/until.ts';
import type { Channel, Channels } from './channel.ts';
import { loadNativeEngine } from './native.ts';

const loaded = loadNativeEngine();
const options = { skip: loaded.ok ? false : `no native engine: ${loaded.reason}` };
const descriptors = (): number => readdirSync('/proc/self/fd').length;

interface Scene {
  readonly channels: Channels;
  readonly path: string;
  /** Both ends of a channel, and how often each was woken. */
  readonly pair: () => Promise<{ a: Channel; b: Channel; woken: { a: number; b: number } }>;
}

function scene(t: TestContext): Scene {
  assert.ok(loaded.ok);
  const { channels } = loaded;
  const folder = mkdtempSync(join(tmpdir(), 'bal-channel-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'socket');
  return {
    channels,
    path,
    async pair() {
      const woken = { a: 0, b: 0 };
      const came: Channel[] = [];
      const listener = channels.listen(path, () => {
        const channel = listener.accept(() => void woken.b++);
        if (channel !== null) came.push(channel);
      });
      const a = channels.connect(path, () => void woken.a++);
      await until('somebody has come', () => came.length > 0);
      listener.close();
      const [b] = came;
      assert.ok(b !== undefined);
      t.after(() => [a, b].forEach((channel) => channel.close()));
      return { a, b, woken };
    },
  };
}

test(
  'a message arrives whole, with descriptors of the same files, and wakes until it is received',
  options,
  async (t) => {
    const { pair, channels, path } = scene(t);
    const before = descriptors();
    const { a, b, woken } = await pair();
    const file = openSync(path.replace('socket', 'file'), 'w+');
    const long = Buffer.alloc(100_000, 'x');
    assert.equal(b.peer, process.pid);
    assert.equal(a.send(long, [file, file]), 'sent');
    assert.equal(a.send(Buffer.from('short')), 'sent');
    await until('it is woken', () => woken.b > 1);
    const [first, second] = [b.receive(), b.receive()];
    assert.ok(typeof first === 'object' && typeof second === 'object');
    assert.ok(long.equals(first.bytes));
    assert.deepEqual([Buffer.from(second.bytes).toString(), second.descriptors], ['short', []]);
    assert.deepEqual(
      first.descriptors.map((fd) => fstatSync(fd).ino),
      [fstatSync(file).ino, fstatSync(file).ino],
    );
    assert.equal(b.receive(), 'nothing');
    channels.discard(first.descriptors);
    closeSync(file);
    a.close();
    await until('its end is seen', () => b.receive() === 'over');
    assert.equal(b.send(Buffer.from('late')), 'over');
    b.close();
    b.close();
    assert.deepEqual([b.receive(), b.send(long)], ['over', 'over'], 'a closed channel is over');
    await until('all descriptors are closed', () => descriptors() === before);
  },
);

test(
  'what is too long is refused, what does not fit waits, and what is never received is closed',
  options,
  async (t) => {
    const { pair, path } = scene(t);
    const before = descriptors();
    const { a, b } = await pair();
    assert.equal(a.send(Buffer.alloc(8 * 1024 * 1024)), 'too_long');
    assert.equal(a.send(Buffer.from('a descriptor that is none'), [100_000]), 'too_long');
    const file = openSync(path.replace('socket', 'file'), 'w+');
    const piece = Buffer.alloc(50_000);
    let sent = 0;
    while (a.send(piece, [file]) === 'sent') sent++;
    assert.ok(sent > 0 && sent < 1000);
    assert.equal(a.send(piece, [file]), 'full');
    const received = b.receive();
    assert.ok(typeof received === 'object');
    received.descriptors.forEach((fd) => closeSync(fd));
    b.close();
    assert.equal(a.send(piece), 'over');
    a.close();
    closeSync(file);
    await until('all descriptors are closed', () => descriptors() === before);
  },
);

test(
  'only this user may come, and a socket that was left at the path is replaced, and nothing else',
  options,
  async (t) => {
    const { channels, path } = scene(t);
    writeFileSync(path, 'not ours');
    assert.throws(() => channels.listen(path, () => undefined), { code: 'EEXIST' });
    assert.equal(readFileSync(path, 'utf8'), 'not ours');
    rmSync(path);
    channels.listen(path, () => undefined).close();
    assert.ok(statSync(path).isSocket(), 'its file stays');
    const listener = channels.listen(path, () => undefined);
    t.after(() => listener.close());
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(
      listener.accept(() => undefined),
      null,
      'nobody is there',
    );
    listener.close();
    assert.throws(() => channels.connect(path, () => undefined), { code: 'ECONNREFUSED' });
    assert.throws(() => channels.connect(`${path}.nowhere`, () => undefined), { code: 'ENOENT' });
    assert.throws(() => channels.listen(`${path}/${'x'.repeat(200)}`, () => undefined), { code: 'ENAMETOOLONG' });
  },
);

test('what was sent before the end is received, though the other side leaves something unread', options, async (t) => {
  const { pair } = scene(t);
  const { a, b } = await pair();
  for (const text of ['one', 'two']) assert.equal(a.send(Buffer.from(text)), 'sent');
  assert.ok(typeof b.receive() === 'object');
  assert.equal(b.send(Buffer.from('answer')), 'sent');
  b.close();
  const answer = a.receive();
  assert.ok(typeof answer === 'object' && Buffer.from(answer.bytes).toString() === 'answer');
  assert.equal(a.receive(), 'over');
});

test('a message that breaks the rules is torn, and its descriptors are closed', options, async (t) => {
  const { channels, path } = scene(t);
  const python = spawnSync('python3', ['--version']);
  if (python.status !== 0) return t.skip('there is no python3');
  const before = descriptors();
  const came: Channel[] = [];
  const listener = channels.listen(path, () => {
    const channel = listener.accept(() => undefined);
    if (channel !== null) came.push(channel);
  });
  const script = [
    'import socket, sys, array, os',
    's = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)',
    's.connect(sys.argv[1])',
    "fds = array.array('i', [os.open('/dev/null', os.O_RDONLY) for _ in range(30)])",
    "s.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])",
    's.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2000000)',
    "s.sendmsg([b'y'])",
  ].join('\n');
  // Without LD_PRELOAD, which may load a sanitizer.
  const env = { ...process.env, LD_PRELOAD: undefined };
  assert.equal(spawnSync('python3', ['-c', script, path], { env }).status, 0);
  await until('it has come', () => came.length > 0);
  const [channel] = came;
  assert.equal(channel?.receive(), 'torn');
  const next = channel?.receive();
  assert.ok(typeof next === 'object' && Buffer.from(next.bytes).toString() === 'y');
  assert.equal(channel?.receive(), 'over');
  channel?.close();
  listener.close();
  await until('all descriptors are closed', () => descriptors() === before);
});
