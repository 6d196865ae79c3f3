// The clients of idle-crowd.test.ts: opens as many as it is told to, and later asks each whether it is alive.
import { type Crowd, disperse, offer } from './crowd.ts';

export type CrowdTask =
  | { readonly kind: 'open'; readonly port: number; readonly count: number }
  | { readonly kind: 'ask' }
  | { readonly kind: 'leave' };

export interface CrowdReport {
  readonly served: number;
  readonly refused: number;
  readonly others: number;
  /** Ended although nobody here ended them. */
  readonly over: number;
}

let crowd: Crowd = { served: [], refused: 0, others: 0, leave: () => undefined };

/** How many of the crowd get an answer to one more byte. */
async function alive(): Promise<number> {
  const answers = crowd.served.map(
    (socket) =>
      new Promise<number>((resolve) => {
        socket.once('data', () => resolve(1));
        socket.once('close', () => resolve(0));
        if (!socket.write('?') && socket.destroyed) resolve(0);
      }),
  );
  return (await Promise.all(answers)).reduce((sum, one) => sum + one, 0);
}

async function perform(task: CrowdTask): Promise<void> {
  if (task.kind === 'open') crowd = await offer(task.port, task.count);
  const served = task.kind === 'ask' ? await alive() : crowd.served.length;
  const over = crowd.served.filter((socket) => socket.readableEnded || socket.destroyed).length;
  if (task.kind === 'leave') disperse(crowd);
  process.send?.({ served, refused: crowd.refused, others: crowd.others, over } satisfies CrowdReport);
}

process.on('message', (task: CrowdTask) => void perform(task));
process.on('disconnect', () => process.exit(0));
