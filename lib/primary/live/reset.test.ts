import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENDPOINT_FIELDS } from '../../ipc/counters.ts';
import { createRegistry, endpointKey } from '../registry.ts';
import { createTotals } from '../stats/totals.ts';
import type { ResetParts } from './reset.ts';
import { createResetDown } from './reset.ts';

const ADDRESS = '127.0.0.1:1';

test('a backend that is down twice before the workers have answered has each connection counted once', async () => {
  const registry = createRegistry();
  const totals = createTotals(registry);
  const answers: (() => void)[] = [];
  const cuts: unknown[] = [];
  const resetDown = createResetDown({
    log: { warn: (_event: string, _text: string, { cut }: { cut: number }) => void cuts.push(cut) },
    registry: { endpoint: () => 1 },
    statistics: { totals, refresh: () => new Promise<number>((resolve) => answers.push(() => resolve(0))) },
    fleet: { all: () => [] },
  } as unknown as ResetParts);
  const counted = (count: number): void => {
    const fields = ENDPOINT_FIELDS.map((field) => (field === 'ended_backend_down_total' ? count : 0));
    totals.backends.set(endpointKey('web', ADDRESS), fields);
  };
  const answered = async (call: Promise<void>): Promise<void> => {
    answers.shift()?.();
    await call;
  };
  counted(1);
  const [first, second] = [resetDown('web', ADDRESS), resetDown('web', ADDRESS)];
  counted(4);
  await answered(first);
  counted(6);
  await answered(second);
  assert.deepEqual(cuts, [3, 2]);
  const third = resetDown('web', ADDRESS);
  await answered(third);
  assert.deepEqual(cuts, [3, 2], 'nothing was cut');
  const fourth = resetDown('web', ADDRESS);
  counted(7);
  await answered(fourth);
  assert.deepEqual(cuts, [3, 2, 1]);
});
