// The two places a log can go, rotated files (daemon) and stdout (foreground): both asynchronous, bounded, and harmless
// to the rest when they fail.

import { closeSync, mkdirSync, openSync, stat } from 'node:fs';
import { dirname } from 'node:path';

import { pino } from 'pino';

import { type Destination, isTaken, letGo, opened } from './destination.ts';
import type { Sink } from './log.ts';
import { openRotated, type Rotated, sizeOf } from './rotation.ts';

/** What may wait in memory for a disk or terminal that does not take it; beyond it lines are dropped and counted. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
const FILE_SIZE = '50m';
/** Rotated files kept besides the current one. */
const FILES_KEPT = 10;
/** How often to look whether the file is still there, or can be opened again. */
const WATCH_MS = 2000;
const LINE_FEED = 10;

interface FileOptions {
  /** `50m` */
  readonly size?: string;
  readonly watchMs?: number;
}

/** Rotated by size and day below `dir`. */
export function openFiles(
  dir: string,
  { size = process.env['BAL_LOG_SIZE'] ?? FILE_SIZE, watchMs = WATCH_MS }: FileOptions = {},
): Promise<Sink> {
  return openSink(watchMs, async () => {
    return openRotated(dir, { bytes: sizeOf(size), kept: FILES_KEPT, waitingBytes: MAX_WAITING_BYTES });
  });
}

export function openStdout(): Promise<Sink> {
  return openSink(WATCH_MS, async () => {
    const options = { fd: 1, sync: false, maxLength: MAX_WAITING_BYTES, contentMode: 'buffer' } as const;
    const destination = pino.destination(options) as unknown as Destination;
    // pino calls it when the process ends. It tries a full disk again and again, for ever; close() has done what can be done.
    destination.flushSync = () => undefined;
    return { destination: await opened(destination), turn: () => undefined, tidy: () => undefined, fault: null };
  });
}

async function openSink(watchMs: number, open: () => Promise<Rotated>): Promise<Sink> {
  let files: Rotated | null = null;
  let destination: Destination | null = null;
  let dropped = 0;
  let fault: string | null = null;
  /** A write is under way. */
  let busy = false;
  /** At most so many lines wait for the disk. */
  let waiting = 0;

  function failed(error: unknown): void {
    busy = false;
    fault = error instanceof Error ? error.message : String(error);
  }

  async function attempt(): Promise<void> {
    try {
      files = await open();
      const fresh = files.destination;
      destination = fresh;
      fault = null;
      // One that was given up has its last words unheard.
      const listen = (event: 'error' | 'drop' | 'write' | 'drain', handler: (argument: unknown) => void): void => {
        fresh.on(event, (argument) => {
          if (destination === fresh) handler(argument);
        });
      };
      listen('error', failed);
      listen('drop', (lines) => {
        const count = linesIn(lines as Buffer);
        dropped += count;
        waiting -= count;
        // After a fault nothing is under way until somebody tries again.
        if (fault !== null) busy = false;
      });
      listen('write', () => {
        fault = null;
      });
      listen('drain', () => {
        busy = false;
        waiting = 0;
      });
    } catch (error) {
      failed(error);
    }
  }

  let watching = false;
  async function watch(): Promise<void> {
    if (watching) return;
    watching = true;
    const file = destination?.file ?? null;
    if (destination === null) await attempt();
    else if (file !== null && !(await isThere(file))) reopen();
    else if (fault !== null) flush(destination);
    else if (files !== null && files.fault !== null) files.tidy();
    watching = false;
  }

  /** sonic-boom tries again with the next line only, and with a full buffer it takes none: nothing, as a line, it takes. */
  function flush(stuck: Destination): void {
    if (busy) return;
    busy = true;
    stuck.write(Buffer.alloc(0));
  }

  /** What waits is lost with it. */
  function giveUp(): void {
    const last = destination;
    destination = null;
    busy = false;
    dropped += waiting;
    waiting = 0;
    if (last !== null) letGo(last);
  }

  /**
   * Opens the file anew under the same name (and makes its directory): after logrotate, or when it was removed. Tried out
   * first: a stream that cannot open its file goes on writing to the old one, which nobody can read any more.
   */
  function reopen(): void {
    if (destination === null) return void watch();
    const { file } = destination;
    if (file === null) return;
    try {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      closeSync(openSync(file, 'a', 0o600));
      destination.reopen();
    } catch (error) {
      failed(error);
      giveUp();
    }
  }

  await attempt();
  const timer = setInterval(() => void watch(), watchMs);
  timer.unref();

  return {
    write(text) {
      // Bytes, because most of what is written are records, which come as bytes.
      const bytes = typeof text === 'string' ? Buffer.from(text) : text;
      const lines = linesIn(bytes);
      if (destination === null) {
        dropped += lines;
        return;
      }
      try {
        files?.turn();
        busy = true;
        waiting += lines;
        destination.write(bytes);
      } catch (error) {
        // sonic-boom throws once it has no file (fd −1): start over with a new one.
        failed(error);
        giveUp();
      }
    },
    reopen,
    async close() {
      clearInterval(timer);
      const last = destination;
      destination = null;
      if (last === null) return;
      // Not flushSync(): it tries a full disk again and again, for ever.
      if (!busy && waiting > 0) flush(last);
      if (busy) await isTaken(last);
    },
    get dropped() {
      return dropped;
    },
    get file() {
      return destination?.file ?? null;
    },
    get fault() {
      return fault ?? files?.fault ?? null;
    },
  };
}

function isThere(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    stat(file, (error) => resolve(error === null));
  });
}

/** Every line ends with a line feed. */
function linesIn(text: Buffer): number {
  let count = 0;
  for (let at = text.indexOf(LINE_FEED); at !== -1; at = text.indexOf(LINE_FEED, at + 1)) count++;
  return count;
}
