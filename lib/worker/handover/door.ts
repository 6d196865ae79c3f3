// Where a worker listens for those that take its connections. Owner of the listening channel.

import type { Channel, ChannelListener, Channels } from '../../engine/channel.ts';

export interface Door {
  /** `came`: somebody may be there. Returns why that cannot be, by errno name, or null. */
  open(path: string, came: () => void): string | null;
  /** Null: nobody is there. */
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
