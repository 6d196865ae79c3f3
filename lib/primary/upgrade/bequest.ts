// What the workers of two processes count in together, during an upgrade or after a primary has died, so that `max_connections`,
// queues and the limits for each source stay exact: the scoreboard, and the ids under which services and endpoints are counted there.

import { closeSync, fstatSync } from 'node:fs';

import { LAYOUT, ROWS, SHARED_AT, SHARED_BYTES } from '../../engine/scoreboard.ts';
import { fieldsOf, isCount, isListOf } from '../../fields.ts';
import type { PermitBook } from '../limits/permits.ts';
import type { NamedIds, Registry } from '../registry.ts';
import { handoversIn, pidOfHandover } from '../../paths.ts';
import { scoreboardOf } from '../scoreboard/note.ts';
import { rowsInUse } from '../scoreboard/rows.ts';
import type { Shared } from '../scoreboard/scoreboard.ts';
import type { SharedScoreboard } from '../workers/fork.ts';
import {
  adoptScoreboard,
  keepNote,
  keepScoreboard,
  othersOnScoreboard,
  ownScoreboard,
  shareScoreboard,
} from '../workers/fork.ts';
import { countLeftBehind } from './left-behind.ts';

/** As in the message `begin`. The scoreboard's descriptor follows those of the listeners. */
export interface Bequest extends Shared {
  readonly layout: number;
  readonly ids: NamedIds;
}

export interface Inheritance {
  readonly scoreboard: SharedScoreboard;
  readonly ids: NamedIds;
}

/** For both processes; see estate.ts. */
export interface Sharing {
  /** Shares with a successor what the workers count in. Null: there is nothing. */
  bequeath(): { readonly fd: number; readonly bequest: Bequest } | null;
  /** Undoes bequeath(): the successor is gone. */
  keep(): void;
  /** Counts in what the predecessor's workers count in. Call before any worker is forked. */
  share(inheritance: Inheritance): void;
  /** The predecessor has no workers left, or is gone and its workers end on their own. */
  alone(): void;
  /**
   * Counts in what the workers of a dead primary in this home count in, if there are any, and their connections against the limits.
   * Call before any worker is forked, and before the first setPlan().
   */
  revive(dir: string): void;
}

/** Ids are small, because tables are as long as the largest one. */
const MAX_ID = 65_535;

/** `forget`: frees ids that are no longer in use. */
export function createSharing(
  registry: Pick<Registry, 'names' | 'inherit' | 'alone' | 'onChange'>,
  permits: Pick<PermitBook, 'occupied'>,
  forget: () => void,
): Sharing {
  const note = (): void => keepNote(() => ({ layout: LAYOUT, ids: registry.names() }));
  registry.onChange(note);

  function share({ scoreboard, ids }: Inheritance): void {
    registry.inherit(ids);
    adoptScoreboard(scoreboard);
  }

  function alone(): void {
    ownScoreboard(() => {
      registry.alone();
      // Else the next upgrade would pass them on, and each one would add some.
      forget();
    });
  }

  return {
    bequeath() {
      const shared = shareScoreboard();
      if (shared === null) return null;
      const { fd, rows, counting } = shared;
      return { fd, bequest: { layout: LAYOUT, rows, counting, ids: registry.names() } };
    },
    keep() {
      keepScoreboard();
      // The successor may have left its own.
      note();
    },
    share,
    alone,
    revive(dir) {
      for (const path of handoversIn(dir)) {
        const found = scoreboardOf(pidOfHandover(path) ?? 0);
        if (found === null) continue;
        const inheritance = inheritanceOf({ ...fieldsOf(found.note), rows: rowsInUse(found.fd) }, found.fd);
        if (inheritance === null) {
          closeSync(found.fd);
          continue;
        }
        share(inheritance);
        alone();
        return countLeftBehind(permits, registry, othersOnScoreboard);
      }
    },
  };
}

/** Null: the predecessor bequeaths nothing, or nothing that this version understands. The workers share with their own kind then. */
export function inheritanceOf(value: unknown, fd: number): Inheritance | null {
  const { layout, rows, counting, ids } = fieldsOf(value);
  const { services, endpoints } = fieldsOf(ids);
  const isWhole =
    layout === LAYOUT &&
    isListOf(rows, isRow) &&
    isListOf(counting, isRow) &&
    isListOf(services, (it) => isNamed(it, 1)) &&
    isListOf(endpoints, (it) => isNamed(it, 2)) &&
    areDistinct(services) &&
    areDistinct(endpoints) &&
    isScoreboard(fd);
  return isWhole ? ({ scoreboard: { fd, rows, counting }, ids: { services, endpoints } } as Inheritance) : null;
}

/** The same for a successor, which has inherited `fd` if there is a bequest: closes a scoreboard that it does not understand. */
export function inherited(bequest: unknown, fd: number): Inheritance | null {
  const inheritance = inheritanceOf(bequest, fd);
  if (inheritance === null && bequest !== undefined && sizeOf(fd) !== null) closeSync(fd);
  return inheritance;
}

function isScoreboard(fd: number): boolean {
  return (sizeOf(fd) ?? 0) >= SHARED_AT + SHARED_BYTES;
}

/** The size of the file; null: it is none. */
function sizeOf(fd: number): number | null {
  try {
    const file = fstatSync(fd);
    return file.isFile() ? file.size : null;
  } catch {
    return null;
  }
}

function isRow(value: unknown): boolean {
  return isIndex(value) && value > 0 && value < ROWS;
}

/** Some names, then an id. */
function isNamed(value: unknown, names: number): boolean {
  if (!Array.isArray(value) || value.length !== names + 1) return false;
  return value.slice(0, names).every((name) => typeof name === 'string') && isIndex(value[names]);
}

/** Whether each has an id of its own. */
function areDistinct(named: unknown): boolean {
  const ids: readonly unknown[] = Array.isArray(named) ? named.map((it: readonly unknown[]) => it.at(-1)) : [];
  return new Set(ids).size === ids.length;
}

function isIndex(value: unknown): value is number {
  return isCount(value) && value <= MAX_ID;
}
