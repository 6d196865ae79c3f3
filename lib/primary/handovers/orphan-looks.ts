// When to look for orphans: workers that have outlived an earlier primary in this home.

/** A worker whose primary has just died may not listen yet. */
const FIRST_MS = [0, 500, 2000];
/** It may also be stopped for long: by a machine that swaps, or by a debugger. */
const EVERY_MS = 5000;

export interface OrphanLooks {
  begin(): void;
  end(): void;
}

export function createOrphanLooks(look: () => void): OrphanLooks {
  let timers: NodeJS.Timeout[] = [];
  return {
    begin() {
      timers = [...FIRST_MS.map((ms) => setTimeout(look, ms).unref()), setInterval(look, EVERY_MS).unref()];
    },
    end() {
      for (const timer of timers) clearInterval(timer);
    },
  };
}
