// Chooses a worker's engine: native where it was built and loads, else js, unless the configuration names one.

import type { Channels } from '../engine/channel.ts';
import type { CreateEngine } from '../engine/engine.ts';
import type { NativeLoad } from '../engine/native.ts';
import type { Board } from '../engine/scoreboard.ts';
import { ROWS } from '../engine/scoreboard.ts';
import type { Seat } from '../ipc/scoreboard.ts';
import { SCOREBOARD_FD } from '../ipc/scoreboard.ts';

export type EngineLoad =
  | {
      readonly ok: true;
      readonly name: 'native' | 'js';
      readonly create: CreateEngine;
      /** Null: workers learn about each other from the primary only. */
      readonly board: Board | null;
      /** Null: connections stay with this worker. */
      readonly channels: Channels | null;
      readonly note: string | null;
    }
  | { readonly ok: false; readonly reason: string };

/**
 * Loads an engine. `choice`: `auto`, `native` or `js`. `seat`: this worker's row on the scoreboard. `counts`: the
 * scoreboard has room for the counts of sources.ts. The note says why `auto` did not take native, or what native lacks.
 */
export async function loadEngine(choice: string, seat: Seat, counts: boolean): Promise<EngineLoad> {
  if (choice === 'js') return jsEngine(null);
  const { loadNativeEngine } = await import('../engine/native.ts');
  const native = loadNativeEngine();
  if (native.ok) {
    native.makeRoom();
    const { board, lack } = takeRow(native, seat, counts);
    const lacks = [lack, withoutRing(native.ringError())].filter((text) => text !== null);
    const note = lacks.length > 0 ? lacks.join('; ') : null;
    return { ok: true, name: 'native', create: native.create, board, channels: channelsOf(native), note };
  }
  if (choice === 'native') return { ok: false, reason: `engine: native cannot be loaded: ${native.reason}` };
  return jsEngine(native.reason);
}

/** Tests can disable channels, like other parts of the native engine. */
function channelsOf({ channels }: Extract<NativeLoad, { ok: true }>): Channels | null {
  const disabled = process.env['BAL_NATIVE_DISABLE']?.split(',') ?? [];
  return disabled.includes('handover') ? null : channels;
}

/** `lack`: null, or why the kernel distributes the clients instead. The worker serves them either way. */
function takeRow(
  native: Extract<NativeLoad, { ok: true }>,
  { row, lack }: Seat,
  counts: boolean,
): { readonly board: Board | null; readonly lack: string | null } {
  const less = 'clients may be dealt out unevenly to the workers: ';
  if (row === 0) return { board: null, lack: `${less}${lack}` };
  try {
    native.shareScoreboard(SCOREBOARD_FD, row, ROWS);
    return { board: native.openBoard(SCOREBOARD_FD, row, counts), lack: null };
  } catch (error) {
    return { board: null, lack: `${less}${error instanceof Error ? error.message : String(error)}` };
  }
}

const WHY_NO_RING: ReadonlyMap<string, string> = new Map([
  ['EPERM', 'kernel.io_uring_disabled or a seccomp filter forbids it'],
  ['ENOSYS', 'this kernel does not have it'],
  ['EINVAL', 'it needs Linux 6.1'],
  ['ENOTSUP', 'the addon was built without it'],
]);

/** Returns null, or why small messages cost more CPU: the worker does the same with more system calls. */
function withoutRing(error: string | null): string | null {
  if (error === null) return null;
  const reason = WHY_NO_RING.get(error);
  return `each message is sent by a system call of its own: there is no io_uring (${error}${reason === undefined ? '' : `: ${reason}`})`;
}

async function jsEngine(note: string | null): Promise<EngineLoad> {
  const { createJsEngine } = await import('../engine/js.ts');
  return { ok: true, name: 'js', create: createJsEngine, board: null, channels: null, note };
}
