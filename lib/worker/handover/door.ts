// The socket on which a worker listens for takers of its connections. Owns the listening channel.

import type { Channel, ChannelListener, Channels } from '../../engine/channel.ts';

export interface Door {
  /** Listens. Calls `came` when a taker may be there. Returns the errno name of a failure, or null. */
  open(path: string, came: () => void): string | null;
  /** Null: no taker is there. */
  accept(wake: () => void): Channel | null;
  readonly isOpen: boolean;
  close(): void;
}

export function createDoor(channels: Pick<Channels, 'listen'>): Door {
  let listener: ChannelListener | null = null;
  return {
    open(path, came) {
      try {
        listener ??= channels.listen(path, came);
        return null;
      } catch (error) {
        return error instanceof Error && 'code' in error ? String(error.code) : String(error);
      }
    },
    accept: (wake) => listener?.accept(wake) ?? null,
    get isOpen() {
      return listener !== null;
    },
    close() {
      listener?.close();
      listener = null;
    },
  };
}
