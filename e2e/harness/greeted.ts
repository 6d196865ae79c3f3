// Clients of backends that identify themselves with one letter.
import type { Owner } from '../../lib/testing/owner.ts';
import { connectTo, type Client } from './client.ts';

export interface Greeted {
  readonly client: Client;
  /** The backend's letter. */
  readonly by: string;
}

export async function greeted(t: Owner, port: number): Promise<Greeted> {
  const client = await connectTo(t, port);
  return { client, by: (await client.reads(1)).toString() };
}

/** Runs `count` clients in sequence; returns how many each backend served. */
export async function served(t: Owner, port: number, count: number): Promise<Record<string, number>> {
  const answers: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const { client, by } = await greeted(t, port);
    answers[by] = (answers[by] ?? 0) + 1;
    client.end();
    await client.over;
  }
  return answers;
}
