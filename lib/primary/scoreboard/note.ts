// What a primary writes into the scoreboard for the one that is started after its death, and how that one finds it: the workers of
// the dead primary still have the scoreboard open.

import { closeSync, openSync, readlinkSync, readSync } from 'node:fs';

import { NOTE_AT, NOTE_AT_MOST } from '../../engine/sources.ts';
import { SCOREBOARD_FD } from '../../ipc/scoreboard.ts';

/** The name of a scoreboard's file, which is unlinked. */
export const NAME = 'bal-scoreboard-';
const LENGTH_BYTES = 4;

export interface Found {
  /** The caller's. */
  readonly fd: number;
  /** Not validated. */
  readonly note: unknown;
}

/** The bytes of a note; an empty one if it would be too long. */
export function noteOf(note: object): Uint8Array {
  const text = Buffer.from(JSON.stringify(note));
  const length = text.length > NOTE_AT_MOST ? 0 : text.length;
  const bytes = Buffer.alloc(LENGTH_BYTES + length);
  bytes.writeUInt32LE(length);
  text.copy(bytes, LENGTH_BYTES, 0, length);
  return bytes;
}

/** Opens the scoreboard that this process has, a worker of a dead primary. Null: it has none, or there is no note. Linux only. */
export function scoreboardOf(pid: number): Found | null {
  const path = `/proc/${pid}/fd/${SCOREBOARD_FD}`;
  let fd: number | null = null;
  try {
    // The process may be any: its pid comes from the name of a file.
    if (!readlinkSync(path).includes(NAME)) return null;
    fd = openSync(path, 'r+');
    return { fd, note: JSON.parse(read(fd)) as unknown };
  } catch {
    if (fd !== null) closeSync(fd);
    return null;
  }
}

function read(fd: number): string {
  const length = Buffer.alloc(LENGTH_BYTES);
  readSync(fd, length, 0, LENGTH_BYTES, NOTE_AT);
  const bytes = Buffer.alloc(Math.min(length.readUInt32LE(), NOTE_AT_MOST));
  return bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, NOTE_AT + LENGTH_BYTES));
}
