// An owner for what is started outside node:test.
import type { Owner } from '../../lib/testing/owner.ts';

/** Lives as long as `body` runs. */
export async function owned<T>(body: (owner: Owner) => Promise<T>): Promise<T> {
  let end: () => void | Promise<void> = () => undefined;
  try {
    return await body({ after: (last) => (end = last) });
  } finally {
    await end();
  }
}
