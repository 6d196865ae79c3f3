// Messages with descriptors between workers, used to hand connections over. Native engine only. The sender keeps its
// own copies of the descriptors. A message arrives whole or not at all.

import { closeSync } from 'node:fs';
import type { Addon, NativeChannel } from './addon.ts';

/** Longest message: a connection's record, its held bytes, and the policy's data. */
const MESSAGE_AT_MOST = 256 * 1024;
const DESCRIPTORS_AT_MOST = 6;
/** Pause after there was no descriptor for a waiting peer. */
const AGAIN_MS = 100;

/**
 * `full`: there is room again once the other side has received some. `over`: the other side is gone. `too_long`: this
 * message can never be sent; also if one of its descriptors is not open.
 */
export type Sent = 'sent' | 'full' | 'over' | 'too_long';
const SENT: readonly Sent[] = ['sent', 'full', 'over', 'too_long'];

export interface Received {
  /** A copy for the receiver. */
  readonly bytes: Uint8Array;
  /** The receiver must close these. */
  readonly descriptors: readonly number[];
}

export interface Channel {
  send(bytes: Uint8Array, descriptors?: readonly number[]): Sent;
  /** `over`: nothing more will come. `torn`: a message was too long or had too many descriptors, and is lost. */
  receive(): Received | 'nothing' | 'over' | 'torn';
  /** The peer's pid; 0: unknown. */
  readonly peer: number;
  /** Drops what has not been received. Idempotent. */
  close(): void;
}

export interface Channels {
  /** Calls `wake` as long as there is something to receive. Throws an Error with `code`. */
  connect(path: string, wake: () => void): Channel;
  /**
   * Listens at `path` for processes of this user; replaces a socket that is already there. `wake` means that a peer may
   * be waiting; `accept` returns it, or null if there is none. Throws an Error with `code`.
   */
  listen(path: string, wake: () => void): ChannelListener;
  /** Closes descriptors that were received, or that another process now has. */
  discard(descriptors: readonly number[]): void;
}

export interface ChannelListener {
  accept(wake: () => void): Channel | null;
  /** Leaves the file in place. Idempotent. */
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
