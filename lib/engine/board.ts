// A worker's view of the shared memory, mapped by the addon.

import type { Addon } from './addon.ts';
import type { Board } from './scoreboard.ts';
import { partOf, SHARED_AT, SHARED_BYTES } from './scoreboard.ts';
import type { SourcesMemory } from './sources.ts';
import { SOURCES_AT, SOURCES_BYTES, sourcesPartOf } from './sources.ts';

/** `counts`: the memory has room for the counts of sources.ts. Throws an Error with `code`. */
export function boardOf(addon: Addon, fd: number, row: number, counts: boolean): Board {
  const { at, bytes } = partOf(row);
  return {
    row,
    all: new Int32Array(addon.mapShared(fd, SHARED_AT, SHARED_BYTES)),
    own: new Int32Array(addon.mapShared(fd, at, bytes)),
    sources: () => (counts ? sourcesOf(addon, fd, row) : null),
    call: (other) => addon.callWorker(other),
  };
}

function sourcesOf(addon: Addon, fd: number, row: number): SourcesMemory {
  const { at, bytes } = sourcesPartOf(row);
  return {
    row,
    all: new Int32Array(addon.mapShared(fd, SOURCES_AT, SOURCES_BYTES)),
    own: new Int32Array(addon.mapShared(fd, at, bytes)),
  };
}
