// The two sinks of the log: rotated files (daemon) and stdout (foreground). Both are asynchronous and bounded, and their
// failures harm nothing else.

import { closeSync, mkdirSync, openSync, stat } from 'node:fs';
import { dirname } from 'node:path';

import { pino } from 'pino';

import { type Destination, isTaken, letGo, opened } from './destination.ts';
import type { Sink } from './log.ts';
import { openRotated, type Rotated, sizeOf } from './rotation.ts';

/** Buffer for a slow disk or terminal. Lines beyond it are dropped and counted. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
const FILE_SIZE = '50m';
/** Rotated files kept besides the current one. */
const FILES_KEPT = 10;
/** How often to check whether the file still exists, or can be opened again. */
const WATCH_MS = 2000;
const LINE_FEED = 10;

interface FileOptions {
  /** `50m` */
  readonly size?: string;
  readonly watchMs?: number;
}

/** Opens log files in `dir`, rotated by size and day. */
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
    // pino calls flushSync() when the process ends, and it retries a full disk forever. close() has already written what it can.
    destination.flushSync = () => undefined;
    return { destination: await opened(destination), turn: () => undefined, tidy: () => undefined, fault: null };
  });
}

async function openSink(watchMs: number, open: () => Promise<Rotated>): Promise<Sink> {
  let files: Rotated | null = null;
  let destination: Destination | null = null;
  let dropped = 0;
  let fault: string | null = null;
  /** A write is in flight. */
  let busy = false;
  /** Lines in the buffer, and its bytes. Of a buffer that is partly written the lines are worked out from the bytes. */
  let waiting = 0;
  let waitingBytes = 0;

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
      // Ignore events of a replaced stream.
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
        waitingBytes -= (lines as Buffer).length;
        // After a fault nothing is in flight until the next attempt.
        if (fault !== null) busy = false;
      });
      listen('write', (bytes) => {
        fault = null;
        const share = waitingBytes > 0 ? Math.min(1, Number(bytes) / waitingBytes) : 1;
        waiting -= Math.floor(waiting * share);
        waitingBytes -= Math.round(waitingBytes * share);
      });
      listen('drain', () => {
        busy = false;
        waiting = waitingBytes = 0;
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

  /** sonic-boom retries only with the next line, and refuses lines while its buffer is full. An empty one is accepted. */
  function flush(stuck: Destination): void {
    if (busy) return;
    busy = true;
    stuck.write(Buffer.alloc(0));
  }

  /** Abandons the stream and the lines in its buffer. */
  function giveUp(): void {
    const last = destination;
    destination = null;
    busy = false;
    dropped += waiting;
    waiting = waitingBytes = 0;
    if (last !== null) letGo(last);
  }

  /**
   * Reopens the file under the same name, and recreates its directory: after logrotate, or when it was removed. Opens it once
   * beforehand: a stream that cannot open its file goes on writing to the old one, which nobody can read any more.
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
      // Write bytes, because most lines are records, which arrive as bytes.
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
        waitingBytes += bytes.length;
        destination.write(bytes);
      } catch (error) {
        // sonic-boom throws once it has no file (fd −1). Start over with a new stream.
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
      // Do not use flushSync(): it retries a full disk forever.
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
