// Watches directories for events (inotify). Owns the watchers. Reports each kind of failure once; the user must poll then.

import { watch, type FSWatcher } from 'node:fs';
import { stat } from 'node:fs/promises';

export interface Folders {
  /**
   * Watches exactly these paths from now on. Watches a directory anew if it was replaced by another. Never rejects. Returns whether
   * a directory is watched that was not before: what happened in it until now caused no event.
   */
  follow(paths: readonly string[]): Promise<boolean>;
  /** Whether all of them are watched. */
  readonly areWatched: boolean;
  close(): void;
}

export type Open = (path: string, options: { readonly persistent: false }, touched: () => void) => FSWatcher;

export interface FoldersParts {
  readonly touched: () => void;
  /** Called once for each kind of failure: `ENOSPC`, … */
  readonly failed: (code: string, path: string) => void;
  /** `fs.watch`. */
  readonly open?: Open;
}

/** Far more than a configuration has. */
const MAX_FOLDERS = 128;

interface Watched {
  readonly id: string;
  readonly watcher: FSWatcher;
}

export function createFolders({ touched, failed, open = watch }: FoldersParts): Folders {
  const all = new Map<string, Watched>();
  const reported = new Set<string>();
  let areWatched = false;
  let isClosed = false;

  function drop(path: string): void {
    all.get(path)?.watcher.close();
    all.delete(path);
  }

  function fail(error: unknown, path: string): void {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    areWatched = false;
    if (reported.has(code)) return;
    reported.add(code);
    failed(code, path);
  }

  /** Returns whether the directory is watched. */
  function start(path: string, id: string): boolean {
    try {
      const watcher = open(path, { persistent: false }, touched);
      all.set(path, { id, watcher });
      watcher.on('error', (error) => {
        if (all.get(path)?.watcher === watcher) drop(path);
        fail(error, path);
      });
      return true;
    } catch (error) {
      fail(error, path);
      return false;
    }
  }

  return {
    get areWatched() {
      return areWatched;
    },
    async follow(paths) {
      const wanted = new Set(paths.slice(0, MAX_FOLDERS));
      for (const path of all.keys()) if (!wanted.has(path)) drop(path);
      areWatched = paths.length <= MAX_FOLDERS;
      let isNew = false;
      for (const path of wanted) {
        // Compare the birth time too: the inode number of a removed directory may be reused.
        const id = await stat(path, { bigint: true }).then(
          ({ dev, ino, birthtimeNs }) => `${dev} ${ino} ${birthtimeNs}`,
          () => null,
        );
        if (isClosed) return false;
        if (all.get(path)?.id !== id) drop(path);
        // A missing directory is noticed through its parent, or at the next look.
        if (id !== null && !all.has(path) && start(path, id)) isNew = true;
      }
      return isNew;
    },
    close() {
      isClosed = true;
      for (const path of all.keys()) drop(path);
    },
  };
}
