// `bal start --watch`: reloads the configuration when the content of its files changes. Waits until the files are at rest, so that it
// reads no half-written file. Tries each content once, even if a reload command tried it, and spaces reloads out.

import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';

import { loadConfig, type Loaded } from '../../../config/load.ts';
import type { WatchStatus } from '../../control/watch.ts';
import type { Log } from '../log/log.ts';
import type { Contents } from '../reload/contents.ts';
import { createFolders, type Open } from './folders.ts';
import { signatureOf, type Signature, type Sources } from './signature.ts';

export interface Watching {
  /** Null before begin(), and after a defect has ended the watch. */
  readonly status: WatchStatus | null;
  /** Begins to watch, and checks for changes since the configuration was loaded. */
  begin(): void;
  /** Ends the watch. Resolves when nothing is under way. */
  close(): Promise<void>;
}

export interface WatchingParts {
  readonly log: Log;
  readonly configPath: string;
  readonly contents: Pick<Contents, 'known' | 'restored'>;
  /** Never rejects. Updates `contents` with what it has read. */
  reload(): Promise<unknown>;
  readonly open?: Open;
  readonly read?: Parameters<typeof loadConfig>[1];
  readonly times?: Partial<Times>;
}

export interface Times {
  /** How long files must be untouched to be at rest. */
  readonly restMs: number;
  /** The same if one is missing or empty: an editor may have moved it away, or be about to write it. */
  readonly oddRestMs: number;
  /** After this time, files that never come to rest are read anyway. */
  readonly longestMs: number;
  /** Between two reloads. */
  readonly distanceMs: number;
  /** Time between two looks without an event: with inotify, and without. */
  readonly seldomMs: number;
  readonly oftenMs: number;
}

const TIMES: Times = {
  restMs: 200,
  oddRestMs: 1000,
  longestMs: 10_000,
  distanceMs: 1000,
  seldomMs: 10_000,
  oftenMs: 2000,
};

/** The limits to raise when the kernel refuses more watches. */
const LIMITS: ReadonlyMap<string, string> = new Map([
  ['ENOSPC', 'fs.inotify.max_user_watches'],
  ['EMFILE', 'fs.inotify.max_user_instances'],
]);

export function createWatching(parts: WatchingParts): Watching {
  const { log, configPath, contents } = parts;
  const times = { ...TIMES, ...parts.times };
  const over = new AbortController();
  const folders = createFolders({
    touched: poke,
    failed(code, path) {
      log.warn('config.watch_polls', 'the kernel does not tell when files change; bal looks itself', {
        path,
        cause: code,
        every_ms: times.oftenMs,
        ...(LIMITS.has(code) && { do_this_now: `raise ${LIMITS.get(code)} to hear at once` }),
      });
    },
    ...(parts.open !== undefined && { open: parts.open }),
  });
  let sources: Sources = { configPath, patterns: [], included: [] };
  let seen: string | null = null;
  /** When to read the files again even if they look unchanged. */
  let againAt = Infinity;
  let isPoked = true;
  let wake: () => void = () => undefined;

  function poke(): void {
    isPoked = true;
    wake();
  }

  const pause = (ms: number): Promise<void> => sleep(ms, undefined, { signal: over.signal, ref: false });

  /** Waits until it is poked, or for `ms`. */
  async function idle(ms: number): Promise<void> {
    const early = new AbortController();
    wake = () => early.abort();
    const end = (): void => early.abort();
    over.signal.addEventListener('abort', end, { once: true });
    if (!isPoked && !over.signal.aborted)
      await sleep(ms, undefined, { signal: early.signal, ref: false }).catch(() => undefined);
    over.signal.removeEventListener('abort', end);
    wake = () => undefined;
  }

  /** Waits until the files are at rest, or for `longestMs`. Returns the last signature. */
  async function atRest(first: Signature): Promise<{ readonly text: string; readonly rests: boolean }> {
    const latest = performance.now() + times.longestMs;
    let last = first;
    let restsSince = performance.now();
    while (performance.now() < latest) {
      const wanted = last.isOdd ? times.oddRestMs : times.restMs;
      if (performance.now() - restsSince >= wanted) return { text: last.text, rests: true };
      await pause(Math.min(wanted, times.restMs) / 2);
      const now = await signatureOf(sources);
      if (now.text !== last.text) restsSince = performance.now();
      last = now;
    }
    return { text: last.text, rests: false };
  }

  /** When to retry: the machine may lack descriptors, or a disk may fail. */
  const later = (): number => performance.now() + times.seldomMs;

  async function look(): Promise<void> {
    const first = await signatureOf(sources);
    // A file may have been written after the signature was taken and before its directory was watched: look once more.
    if (await folders.follow(first.folders)) poke();
    if (first.text === seen && performance.now() < againAt) return;
    const before = await atRest(first);
    const loaded = await loadConfig(configPath, parts.read);
    // The files were touched during the read, so their content is uncertain: look again.
    if (before.rests && (await signatureOf(sources)).text !== before.text) return poke();
    seen = before.text;
    againAt = loaded.plan === null ? later() : Infinity;
    const next = sourcesOf(loaded, sources);
    // There are other files now, whose signature was not taken before the read.
    if (!isDeepStrictEqual(next, sources)) poke();
    sources = next;
    if (over.signal.aborted || !differs(loaded)) return;
    log.info('config.changed', 'the configuration has changed; it is reloaded', {
      config: configPath,
      included: loaded.included.length,
    });
    await parts.reload();
    const { serves, refused } = contents.known();
    // The reload read nothing, or something else.
    if (loaded.fingerprint !== serves && loaded.fingerprint !== refused) againAt = later();
    await pause(times.distanceMs);
  }

  function differs({ fingerprint }: Loaded): boolean {
    const { serves, refused } = contents.known();
    if (fingerprint === refused) return false;
    if (fingerprint !== serves) return true;
    if (refused !== null) {
      contents.restored();
      log.info('config.restored', 'the configuration is again the one that serves', { config: configPath });
    }
    return false;
  }

  async function run(): Promise<void> {
    while (!over.signal.aborted) {
      isPoked = false;
      await look();
      // Limit the rate: other files in these directories may be written all the time.
      await pause(times.restMs / 2);
      await idle(folders.areWatched ? times.seldomMs : times.oftenMs);
    }
  }

  let running: Promise<void> | null = null;
  let hasEnded = false;

  return {
    get status(): WatchStatus | null {
      if (running === null || hasEnded) return null;
      return { by: folders.areWatched ? 'events' : 'polling' };
    },
    begin() {
      running ??= run().catch((error: unknown) => {
        hasEnded = true;
        if (over.signal.aborted) return;
        const message = 'the configuration is not watched any more because of a defect';
        log.error('config.watch_ended', message, { error: String(error) });
      });
    },
    async close() {
      over.abort();
      folders.close();
      await running;
    },
  };
}

/** Keeps the old sources if the file cannot be parsed, since its includes are unknown. */
function sourcesOf({ configPath, patterns, included, errors }: Loaded, before: Sources): Sources {
  const isUnread = errors.length > 0 && patterns.length === 0;
  return isUnread ? before : { configPath, patterns, included };
}
