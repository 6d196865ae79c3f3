// Returns memory to the system in a worker that only keeps long-lived connections: it no longer needs what new ones took.

/** With few allocations V8 keeps the heap of its busiest hour. This is the collection that it runs when memory is exhausted. */
const ALL = { type: 'major', execution: 'sync', flavor: 'last-resort' };

/** Never throws or rejects: if V8 cannot do it, the memory stays. */
export async function giveMemoryBack(): Promise<void> {
  try {
    const [v8, vm] = await Promise.all([import('node:v8'), import('node:vm')]);
    v8.setFlagsFromString('--expose-gc');
    const collect: unknown = vm.runInNewContext('gc');
    if (typeof collect === 'function') collect(ALL);
  } catch {
    // Best effort.
  }
}
