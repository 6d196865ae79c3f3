// A worker's counters on their way to the primary: twice a second by themselves (which is also the heartbeat), at once
// when asked, and a last time at the end. A worker that only waits for its last connections sends them every two seconds.

import type { Exhaustion } from '../../engine/engine.ts';
import { send, trySend } from '../../ipc/channel.ts';
import { changesSince } from '../../ipc/counters.ts';
import type { Counters } from './count.ts';
import type { ToPrimary } from '../../ipc/messages.ts';

const INTERVAL_MS = 500;
/** With least_connections, and no memory that they share, the other workers balance by these figures, so that they must not be old. */
const BALANCING_INTERVAL_MS = 100;
/** A report of more values than this comes at most every second time: what it costs the primary goes with their number. */
const MANY_VALUES = 2000;
/** At rest waking up is all that a worker costs; often enough not to be taken for hung. */
const AT_REST_MS = 2000;

let lastRss = 0;

/** Reading it opens a file, and throws when the descriptors have run out. */
function rss(): number {
  try {
    lastRss = process.memoryUsage.rss();
  } catch {
    // The last known figure has to do: a report is the heartbeat, and nothing to die for.
  }
  return lastRss;
}

export interface Reports {
  /** Begins to report by itself; `balancing`: other workers choose backends by it. */
  begin(balancing: boolean): void;
  /** Answers the primary's `report`. */
  answer(id: number): void;
  /** From now on seldom. */
  rest(): void;
  /** Sends the last report. */
  close(): void;
}

/** What reports are made of. */
interface Sources {
  /** May be the same arrays each time. */
  readonly values: () => Counters;
  /** Endpoints whose last values these are; forget() is called when they are told. */
  readonly unused: () => readonly number[];
  readonly forget: (endpoints: readonly number[]) => void;
  /** Absolute counts. */
  readonly short: () => Exhaustion;
  /** Gives each news once. */
  readonly takeReached: () => readonly number[];
}

interface Channel {
  readonly send: (message: ToPrimary) => boolean;
  readonly trySend: (message: ToPrimary) => boolean;
}

/** `channel` is that of the process, or a test's. */
export function createReports(
  { values, short, takeReached, unused, forget }: Sources,
  channel: Channel = { send, trySend },
): Reports {
  let timer: NodeJS.Timeout | undefined;
  let reported: Counters = { services: new Float64Array(), endpoints: new Float64Array() };
  let reportedShort: Exhaustion = {};
  let lastWasLong = false;

  /** What has changed, through a channel that may not take it: then it is told with the next. */
  function sendReport(through: (message: ToPrimary) => boolean, id: number | null): void {
    const now = values();
    const retired = unused();
    const nowShort = short();
    const more = Object.entries(nowShort).flatMap(([what, count]) => {
      const since = count - (reportedShort[what] ?? 0);
      return since > 0 ? [[what, since] as const] : [];
    });
    // The last values of an endpoint must not be lost: its id may be another's next.
    const endpointChanges = changesSince(reported.endpoints, now.endpoints);
    lastWasLong = endpointChanges.length > 2 * MANY_VALUES;
    const isTaken = (retired.length > 0 ? channel.send : through)({
      kind: 'counters',
      id,
      services: changesSince(reported.services, now.services),
      endpoints: endpointChanges,
      short: Object.fromEntries(more),
      rssBytes: rss(),
      reached: takeReached(),
      retired,
    });
    if (!isTaken) return;
    // Both begin at zero again.
    if (retired.length > 0) forget(retired);
    reported = {
      services: copyOf(now.services, reported.services),
      endpoints: copyOf(now.endpoints, reported.endpoints),
    };
    reportedShort = nowShort;
  }

  return {
    begin(balancing) {
      const interval = balancing ? BALANCING_INTERVAL_MS : INTERVAL_MS;
      timer ??= setInterval(() => {
        if (lastWasLong) lastWasLong = false;
        else sendReport(channel.trySend, null);
      }, interval).unref();
    },
    rest() {
      clearInterval(timer);
      timer = setInterval(() => {
        sendReport(channel.trySend, null);
      }, AT_REST_MS).unref();
    },
    answer(id) {
      sendReport(channel.send, id);
    },
    close() {
      clearInterval(timer);
      sendReport(channel.send, null);
    },
  };
}

/** In the array of the last copy where it fits. */
function copyOf(values: Float64Array, last: Float64Array): Float64Array {
  if (last.length !== values.length) return Float64Array.from(values);
  last.set(values);
  return last;
}
