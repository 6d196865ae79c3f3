// Guards the primary against garbage on a worker's channel. Node itself parses the channel as JSON: invalid bytes throw below a read
// event, where nothing can catch them, and an endless line is buffered until memory runs out. So the primary checks first. The
// channel's handle is not in Node's documentation; if a version keeps it elsewhere, nothing is guarded.

import type { ChildProcess } from 'node:child_process';

const LINE_FEED = 10;
/** Far more than the counters of a thousand services. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

type Read = (bytes: ArrayBuffer | undefined) => void;

interface Channel {
  /** Gets the bytes read, or undefined at the end. */
  onread: Read;
}

/** Calls `onViolation` once, with the reason, when the child's channel carries anything but messages. Ignores the channel afterwards. */
export function guardChannel(child: ChildProcess, onViolation: (reason: string) => void): void {
  let deaf = false;
  const giveUp = (reason: string): void => {
    if (deaf) return;
    deaf = true;
    onViolation(reason);
  };
  guardReading(channelOf(child), () => deaf, giveUp);
  guardInternal(child, () => deaf, giveUp);
}

function guardReading(channel: Channel | null, isDeaf: () => boolean, giveUp: (reason: string) => void): void {
  if (channel === null) return;
  const read = channel.onread;
  /** Length of the unfinished line. */
  let length = 0;
  channel.onread = (bytes) => {
    // Always pass on the end: it leads to the child's exit.
    if (bytes === undefined) return read.call(channel, bytes);
    if (isDeaf()) return;
    const last = Buffer.from(bytes).lastIndexOf(LINE_FEED);
    length = last === -1 ? length + bytes.byteLength : bytes.byteLength - last - 1;
    if (length > MAX_LINE_BYTES) return giveUp('wrote a line without end to its channel');
    try {
      read.call(channel, bytes);
    } catch {
      giveUp('wrote to its channel what is no message');
    }
  };
}

/** Guards Node's own messages on the channel (handles and their receipts). Node trusts them, and throws if they come out of turn. */
function guardInternal(child: ChildProcess, isDeaf: () => boolean, giveUp: (reason: string) => void): void {
  const emit = child.emit.bind(child) as (event: string | symbol, ...values: unknown[]) => boolean;
  child.emit = (event: string | symbol, ...values: unknown[]): boolean => {
    if (event !== 'internalMessage') return emit(event, ...values);
    if (isDeaf()) return true;
    try {
      return emit(event, ...values);
    } catch {
      giveUp("sent one of Node's own messages out of turn");
      return true;
    }
  };
}

function channelOf(child: ChildProcess): Channel | null {
  const key = Object.getOwnPropertySymbols(child).find(({ description }) => description === 'kChannelHandle');
  const channel: unknown = key === undefined ? null : Reflect.get(child, key);
  return isChannel(channel) ? channel : null;
}

function isChannel(value: unknown): value is Channel {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, 'onread') === 'function';
}
