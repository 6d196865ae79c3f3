// Memory of a worker whose last connections stay for long: what was needed for new ones goes back to the system.

/** V8 keeps the heap of its busiest hour where hardly anything is allocated any more; this is what it does when memory runs out. */
const ALL = { type: 'major', execution: 'sync', flavor: 'last-resort' };

/** Never throws or rejects: a V8 that will not do it keeps its memory. */
export async function giveMemoryBack(): Promise<void> {
  try {
    const [v8, vm] = await Promise.all([import('node:v8'), import('node:vm')]);
    v8.setFlagsFromString('--expose-gc');
    const collect: unknown = vm.runInNewContext('gc');
    if (typeof collect === 'function') collect(ALL);
  } catch {
    // It was worth a try.
  }
}
