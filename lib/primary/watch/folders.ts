// Directories in which the kernel tells that something happens (inotify). Owner of what tells it. A directory that cannot be watched
// is reported once; whoever uses this has to look by itself then.

import { watch, type FSWatcher } from 'node:fs';
import { stat } from 'node:fs/promises';

export interface Folders {
  /** These and no others from now on; one that was replaced by another directory is watched anew. Never rejects. */
  follow(paths: readonly string[]): Promise<void>;
  /** Each of them is watched. */
  readonly areWatched: boolean;
  close(): void;
}

export interface FoldersParts {
  readonly touched: () => void;
  /** Said once for each kind of failure: `ENOSPC`, … */
  readonly failed: (code: string, path: string) => void;
  readonly open?: typeof watch;
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

  function start(path: string, id: string): void {
    try {
      const watcher = open(path, { persistent: false }, touched);
      all.set(path, { id, watcher });
      watcher.on('error', (error) => {
        if (all.get(path)?.watcher === watcher) drop(path);
        fail(error, path);
      });
    } catch (error) {
      fail(error, path);
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
      for (const path of wanted) {
        // The inode's number may be that of one that was removed before.
        const id = await stat(path, { bigint: true }).then(
          ({ dev, ino, birthtimeNs }) => `${dev} ${ino} ${birthtimeNs}`,
          () => null,
        );
        if (isClosed) return;
        if (all.get(path)?.id !== id) drop(path);
        // One that is not there yet shows in the one above it, or when somebody looks.
        if (id !== null && !all.has(path)) start(path, id);
      }
    },
    close() {
      isClosed = true;
      for (const path of all.keys()) drop(path);
    },
  };
}
