// A way from worker to worker for messages that carry descriptors, such as those of a connection that is handed over.
// Native engine only. Whoever sends a descriptor keeps its own copy; a message arrives whole or not at all.

import { closeSync } from 'node:fs';
import type { Addon, NativeChannel } from './addon.ts';

/** Longest message: a connection's record with all that is held of it, and what its policy says. */
const MESSAGE_AT_MOST = 256 * 1024;
const DESCRIPTORS_AT_MOST = 6;
/** After there was no descriptor for who waits. */
const AGAIN_MS = 100;

/** `full`: when the other side has taken some there is room again. `over`: it takes nothing any more. */
export type Sent = 'sent' | 'full' | 'over' | 'too_long';
const SENT: readonly Sent[] = ['sent', 'full', 'over', 'too_long'];

export interface Received {
  /** The receiver's own. */
  readonly bytes: Uint8Array;
  /** Likewise: to be closed by it. */
  readonly descriptors: readonly number[];
}

export interface Channel {
  send(bytes: Uint8Array, descriptors?: readonly number[]): Sent;
  /** `over`: nothing more will come. `torn`: a message was too long, or had too many descriptors; it is gone. */
  receive(): Received | 'nothing' | 'over' | 'torn';
  /** The pid of the process that has connected; 0: nobody knows. */
  readonly peer: number;
  /** What has not been received is lost. More than once does nothing. */
  close(): void;
}

export interface Channels {
  /** `wake` is called as long as there is something to receive. Throws an Error with `code`. */
  connect(path: string, wake: () => void): Channel;
  /**
   * Listens at `path` for processes of this user, in place of a socket that is there. `accept` gives the next one,
   * null when nobody is there; `wake` says that somebody may be. Throws an Error with `code`.
   */
  listen(path: string, wake: () => void): ChannelListener;
  /** Closes descriptors that were received, or are somebody else's now. */
  discard(descriptors: readonly number[]): void;
}

export interface ChannelListener {
  accept(wake: () => void): Channel | null;
  /** The file stays. More than once does nothing. */
  close(): void;
}

export function channelsOf(addon: Pick<Addon, 'openChannel'>): Channels {
  return {
    discard: (descriptors) => descriptors.forEach((fd) => closeSync(fd)),
    connect: (path, wake) => over(addon.openChannel(path, 0, wake)),
    listen(path, wake) {
      let native: NativeChannel | null = addon.openChannel(path, 1, wake);
      let again: NodeJS.Timeout | undefined;
      const tryAgain = (): void => {
        again = undefined;
        wake();
      };
      return {
        accept(wakePeer) {
          const peer = native?.accept(wakePeer);
          if (peer === null) again ??= setTimeout(tryAgain, AGAIN_MS);
          return peer === undefined || peer === null ? null : over(peer);
        },
        close() {
          clearTimeout(again);
          native?.close();
          native = null;
        },
      };
    },
  };
}

function over(opened: NativeChannel): Channel {
  let native: NativeChannel | null = opened;
  const room = new Uint8Array(MESSAGE_AT_MOST);
  const fds = new Int32Array(DESCRIPTORS_AT_MOST);
  return {
    send: (bytes, descriptors = []) => SENT[native?.send(bytes, Int32Array.from(descriptors)) ?? 2] ?? 'over',
    receive() {
      const length = native?.receive(room, fds) ?? -1;
      if (length > 0) return { bytes: room.slice(0, length), descriptors: [...fds].filter((fd) => fd >= 0) };
      if (length === 0) return 'nothing';
      return length === -1 ? 'over' : 'torn';
    },
    get peer() {
      return native?.peer() ?? 0;
    },
    close() {
      native?.close();
      native = null;
    },
  };
}
