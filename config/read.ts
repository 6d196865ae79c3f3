// Reads a configuration file, or returns why not. Never blocks: a FIFO or a device would hang a command or a reload.
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { problemAt, type Problem } from './problem.ts';
import { quoted } from './shell.ts';

export const MAX_BYTES = 1024 * 1024;

export type ReadResult =
  { readonly ok: true; readonly text: string } | { readonly ok: false; readonly problem: Problem };

export async function readConfig(path: string): Promise<ReadResult> {
  let file: FileHandle | undefined;
  try {
    // O_NONBLOCK: opening a FIFO without a writer would block a thread of the pool.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await file.stat();
    if (!stat.isFile()) return failed(`cannot read: it is ${kindOf(stat)}, not a regular file`);
    if (stat.size > MAX_BYTES) return failed(...tooLarge(stat.size));
    return decode(await atMost(file));
  } catch (error) {
    return failed(...why(error, path));
  } finally {
    await file?.close().catch(() => undefined); // opened read-only, so an error loses nothing
  }
}

/** The file may grow during the read: one byte more than allowed is enough to detect it. */
async function atMost(file: FileHandle): Promise<Buffer> {
  const buffer = Buffer.alloc(MAX_BYTES + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}

/** Strict UTF-8; drops a byte order mark. */
export function decode(bytes: Uint8Array): ReadResult {
  if (bytes.length > MAX_BYTES) return failed(...tooLarge(bytes.length));
  try {
    return { ok: true, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    const lines = Buffer.from(bytes.subarray(0, validLength(bytes)))
      .toString('utf8')
      .split('\n');
    const mark = { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1, offset: 0 };
    return { ok: false, problem: problemAt(mark, [], 'not UTF-8', 'save the file as UTF-8 text') };
  }
}

/** Returns the length of the longest valid UTF-8 prefix. */
function validLength(bytes: Uint8Array): number {
  let [good, bad] = [0, bytes.length + 1];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, middle), { stream: true });
      good = middle;
    } catch {
      bad = middle;
    }
  }
  return good;
}

function failed(message: string, hint: string | null = null): ReadResult {
  return { ok: false, problem: problemAt(null, [], message, hint) };
}

function tooLarge(bytes: number): [string, string] {
  return [
    `too large: ${bytes} bytes, at most ${MAX_BYTES} are read`,
    'a configuration is far smaller: is this the right file?',
  ];
}

function kindOf(stat: { isDirectory(): boolean; isFIFO(): boolean; isSocket(): boolean }): string {
  if (stat.isDirectory()) return 'a directory';
  if (stat.isFIFO()) return 'a FIFO';
  return stat.isSocket() ? 'a socket' : 'a device';
}

function why(error: unknown, path: string): [string, string | null] {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  switch (code) {
    case 'ENOENT':
      return [
        'no such file',
        `make one: mkdir -p ${quoted(dirname(path))} && ` +
          `printf 'port: 9295\\nbackends:\\n  - host: "127.0.0.1"\\n    port: 9000\\n' > ${quoted(path)}`,
      ];
    case 'ENOTDIR':
      return ['no such file', 'a part of the path is a file, not a directory'];
    case 'EACCES':
    case 'EPERM':
      return ['cannot read: permission denied', 'let the user that runs bal read it'];
    case 'ENXIO':
      return ['cannot read: it is a socket, not a regular file', null];
    case 'ELOOP':
      return ['cannot read: symbolic links that lead back to themselves', null];
    default:
      return [`cannot read: ${code === '' ? String(error) : code}`, null];
  }
}
