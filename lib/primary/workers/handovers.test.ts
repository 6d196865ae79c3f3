import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import type { ToWorker } from '../../ipc/messages.ts';
import { processStandIn } from '../../testing/process-stand-in.ts';
import type { Log } from '../log/log.ts';
import { createHandovers } from './handovers.ts';

function scene(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'bal-handovers-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = (pid: number): string => join(folder, `h.${pid}`);
  const said: [number, string][] = [];
  const told: string[] = [];
  const say = (_: string, message: string): void => void told.push(message);
  const log: Log = { debug: say, info: say, warn: say, error: say, for: () => log };
  const make = (pid: number, id: number) => ({
    ...processStandIn(pid, (message: ToWorker) => {
      if (message.kind === 'take') said.push([pid, message.path]);
    }),
    id,
    engine: 'native' as 'native' | 'js',
  });
  const workers = [make(11, 1), make(12, 2), make(21, 1), make(22, 2)] as const;
  const live = new Set<(typeof workers)[number]>(workers);
  let all = true;
  const handovers = createHandovers({ log, path, workers: () => [...live], givesAll: () => all });
  return { handovers, workers, live, path, said, told, keeps: () => (all = false) };
}

const adopted = (path: string, why: string | null = null, connections = 1) =>
  ({ kind: 'adopted', path, connections, refused: 0, why }) as const;

test('the worker in its place takes, and another where there is none', (t) => {
  const { handovers, workers, live, path, said } = scene(t);
  const [first, second, third] = workers;
  first.state = second.state = 'draining';
  assert.equal(handovers.pathFor(first), path(11));
  handovers.receive(first, { kind: 'giving', error: null });
  assert.deepEqual(said, [[21, path(11)]]);
  live.delete(workers[3]);
  handovers.pathFor(second);
  handovers.receive(second, { kind: 'giving', error: null });
  assert.deepEqual(said[1], [21, path(12)], 'the only one that is left');
  // It dies: who gave to it gives to the next that serves.
  live.delete(third);
  handovers.gone(third);
  assert.equal(said.length, 2);
  live.add(workers[3]);
  handovers.ready();
  assert.deepEqual(said.slice(2), [
    [22, path(11)],
    [22, path(12)],
  ]);
});

test('another is asked when one could not, three times, and again when there is a new one', (t) => {
  const { handovers, workers, path, said, told } = scene(t);
  const [giver, , taker] = workers;
  giver.state = 'draining';
  handovers.pathFor(giver);
  handovers.receive(giver, { kind: 'giving', error: null });
  for (let i = 0; i < 5; i++) handovers.receive(taker, adopted(path(11), 'EACCES', 0));
  assert.equal(said.length, 3);
  assert.equal(told.length, 5, 'each is told');
  handovers.ready();
  assert.equal(said.length, 4, 'there is a new one to ask');
});

test('nothing is asked of a worker that cannot give, and its file goes with it', async (t) => {
  const { handovers, workers, path, said, told, keeps } = scene(t);
  const [giver, other] = workers;
  assert.equal(handovers.pathFor({ ...giver, engine: 'js' }), null);
  for (const it of workers) if (it !== giver) it.engine = 'js';
  assert.equal(handovers.pathFor(giver), null, 'nobody ever takes');
  for (const it of workers) it.engine = 'native';
  handovers.pathFor(giver);
  handovers.receive(giver, { kind: 'giving', error: 'EACCES' });
  handovers.ready();
  assert.deepEqual([said, told], [[], ['worker 1 keeps its connections: EACCES']]);
  await handovers.settled(0, 60_000);
  handovers.pathFor(other);
  writeFileSync(path(12), '');
  handovers.receive(other, { kind: 'giving', error: null });
  await handovers.settled(0, 20);
  keeps();
  handovers.receive(other, { kind: 'given' });
  await handovers.settled(0, 60_000);
  handovers.gone(other);
  assert.equal(existsSync(path(12)), false);
});
