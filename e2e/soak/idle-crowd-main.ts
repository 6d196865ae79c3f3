// The clients of idle-crowd.test.ts: opens connections on command, and later checks that each is alive.
import { type Crowd, disperse, offer } from './crowd.ts';

export type CrowdTask =
  | { readonly kind: 'open'; readonly port: number; readonly count: number }
  | { readonly kind: 'ask' }
  /** From now on each sends 64 bytes `perSecond` times a second; 0: stop. */
  | { readonly kind: 'talk'; readonly perSecond: number }
  | { readonly kind: 'leave' };

export interface CrowdReport {
  readonly served: number;
  readonly refused: number;
  readonly others: number;
  /** Ended, but not by this program. */
  readonly over: number;
}

let crowd: Crowd = { served: [], refused: 0, others: 0, leave: () => undefined };

/** Counts the clients that get an answer to one more byte. */
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

let talking: NodeJS.Timeout | undefined;
const TICK_MS = 50;

/** In turn, so that they do not all send at once. */
function talk(perSecond: number): void {
  clearInterval(talking);
  const said = Buffer.alloc(64, '?');
  const { served } = crowd;
  for (const socket of served) socket.resume();
  let next = 0;
  const each = (served.length * perSecond * TICK_MS) / 1000;
  if (each === 0) return;
  talking = setInterval(() => {
    for (const until = next + each; next < until; next++) served[Math.floor(next) % served.length]?.write(said);
  }, TICK_MS);
}

async function perform(task: CrowdTask): Promise<void> {
  if (task.kind === 'open') crowd = await offer(task.port, task.count);
  if (task.kind === 'talk') talk(task.perSecond);
  const served = task.kind === 'ask' ? await alive() : crowd.served.length;
  const over = crowd.served.filter((socket) => socket.readableEnded || socket.destroyed).length;
  if (task.kind === 'leave') disperse(crowd);
  process.send?.({ served, refused: crowd.refused, others: crowd.others, over } satisfies CrowdReport);
}

process.on('message', (task: CrowdTask) => void perform(task));
process.on('disconnect', () => process.exit(0));
