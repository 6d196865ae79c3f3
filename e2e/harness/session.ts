// Long-lived sessions through an echo backend, and the number of cut connections in the log.
import assert from 'node:assert/strict';
import type { Bal } from '../harness.ts';
import { type Client, connectTo } from './client.ts';
import { PatternCheck, patternAt } from './pattern.ts';
import type { Owner } from '../../lib/testing/owner.ts';

export async function session(t: Owner, port: number): Promise<Client> {
  const client = await connectTo(t, port);
  await lives(client);
  return client;
}

export async function lives(client: Client): Promise<void> {
  await client.send('x');
  assert.equal((await client.reads(1)).toString(), 'x');
}

/** Sends slices of the pattern and waits for each echo until `storm` is over; resolves to the bytes sent. */
export async function talk(storm: { readonly over: boolean }, client: Client, size: number): Promise<number> {
  const check = new PatternCheck(7);
  let sent = 0;
  for (; !storm.over || sent === 0; sent += size) {
    await client.send(patternAt(7, sent, size));
    check.take(await client.reads(size));
    assert.equal(check.wrongAt, null);
  }
  client.end();
  assert.equal((await client.over).how, 'fin');
  return sent;
}

/** Number of connections that draining workers cut, from the log. */
export const cutBy = (bal: Bal): number =>
  bal
    .logs()
    .filter(({ event, level }) => event === 'worker.exited' && level === 'WARN')
    .reduce((sum, { fields }) => sum + Number(fields['cut']), 0);
