// Sessions that stay, through an echoing backend, and what the log says of those that were cut.
import assert from 'node:assert/strict';
import type { Bal } from '../harness.ts';
import { type Client, connectTo } from './client.ts';
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

/** Connections of workers that took no more clients, by the log. */
export const cutBy = (bal: Bal): number =>
  bal
    .logs()
    .filter(({ event, level }) => event === 'worker.exited' && level === 'WARN')
    .reduce((sum, { fields }) => sum + Number(fields['cut']), 0);
