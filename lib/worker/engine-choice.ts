// Which engine a worker runs: native where it was built and loads, else js, unless the configuration insists.

import type { CreateEngine } from '../engine/engine.ts';
import { SEATS } from '../engine/board.ts';
import { BOARD_FD } from '../ipc/board.ts';

export type EngineLoad =
  | { readonly ok: true; readonly name: 'native' | 'js'; readonly create: CreateEngine; readonly note: string | null }
  | { readonly ok: false; readonly reason: string };

/** `choice`: `auto`, `native` or `js`. `seat`: this worker's on the board, 0 none. The note says why `auto` did not take native. */
export async function loadEngine(choice: string, seat: number): Promise<EngineLoad> {
  if (choice === 'js') return jsEngine(null);
  const { loadNativeEngine } = await import('../engine/native.ts');
  const native = loadNativeEngine();
  if (native.ok) {
    takeSeat(native.shareBoard, seat);
    return { ok: true, name: 'native', create: native.create, note: null };
  }
  if (choice === 'native') return { ok: false, reason: `engine: native cannot be loaded: ${native.reason}` };
  return jsEngine(native.reason);
}

function takeSeat(shareBoard: (fd: number, seat: number, seats: number) => void, seat: number): void {
  if (seat === 0) return;
  try {
    shareBoard(BOARD_FD, seat, SEATS);
  } catch {
    // It serves as well, only that the kernel deals the clients out.
  }
}

async function jsEngine(note: string | null): Promise<EngineLoad> {
  const { createJsEngine } = await import('../engine/js.ts');
  return { ok: true, name: 'js', create: createJsEngine, note };
}
