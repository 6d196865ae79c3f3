// Sends a worker's counters to the primary: twice a second (which is also the heartbeat), at once when asked, and a last time at
// the end. A worker at rest, which only waits for its last connections, sends them every two seconds.

import type { Exhaustion } from '../../engine/engine.ts';
import { send, trySend } from '../../ipc/channel.ts';
import { changesSince } from '../../ipc/counters.ts';
import type { Counters } from './count.ts';
import type { Evidence } from './evidence.ts';
import type { ToPrimary } from '../../ipc/messages.ts';

const INTERVAL_MS = 500;
/** With least_connections and no shared memory the other workers balance by these figures, so they must be fresh. */
const BALANCING_INTERVAL_MS = 100;
/** After a report of more values than this the next one is skipped: a report costs the primary in proportion to its values. */
const MANY_VALUES = 2000;
/** At rest a worker costs only its wake-ups; this is often enough not to be taken for hung. */
const AT_REST_MS = 2000;

let lastRss = 0;

/** Reading the RSS opens a file, and throws when no descriptors are left. */
function rss(): number {
  try {
    lastRss = process.memoryUsage.rss();
  } catch {
    // Use the last known figure: the report is the heartbeat and must go out.
  }
  return lastRss;
}

export interface Reports {
  /** Starts the periodic reports; `balancing`: other workers choose backends by them. */
  begin(balancing: boolean): void;
  /** Answers the primary's `report`. */
  answer(id: number): void;
  /** Switches to the slow interval. */
  rest(): void;
  /** Sends the last report. */
  close(): void;
}

/** The sources of a report's contents. */
interface Sources {
  /** May be the same arrays each time. */
  readonly values: () => Counters;
  /** Endpoints whose last values these are; forget() is called once they are reported. */
  readonly unused: () => readonly number[];
  readonly forget: (endpoints: readonly number[]) => void;
  /** Absolute counts. */
  readonly short: () => Exhaustion;
  /** Which endpoints were reached; reported() is called once the primary is told. */
  readonly evidence: Pick<Evidence, 'reached' | 'reported'>;
}

interface Channel {
  readonly send: (message: ToPrimary) => boolean;
  readonly trySend: (message: ToPrimary) => boolean;
}

/** `channel`: the process's, or a test's. */
export function createReports(
  { values, short, evidence, unused, forget }: Sources,
  channel: Channel = { send, trySend },
): Reports {
  let timer: NodeJS.Timeout | undefined;
  let reported: Counters = { services: new Float64Array(), endpoints: new Float64Array() };
  let reportedShort: Exhaustion = {};
  let lastWasLong = false;

  /** Sends the changes. If the channel does not take them, the next report includes the counters again. */
  function sendReport(through: (message: ToPrimary) => boolean, id: number | null): void {
    const now = values();
    const retired = unused();
    const nowShort = short();
    const more = Object.entries(nowShort).flatMap(([what, count]) => {
      const since = count - (reportedShort[what] ?? 0);
      return since > 0 ? [[what, since] as const] : [];
    });
    // An endpoint's last values must not be lost: its id may be reused.
    const endpointChanges = changesSince(reported.endpoints, now.endpoints);
    lastWasLong = endpointChanges.length > 2 * MANY_VALUES;
    const isTaken = (retired.length > 0 ? channel.send : through)({
      kind: 'counters',
      id,
      services: changesSince(reported.services, now.services),
      endpoints: endpointChanges,
      short: Object.fromEntries(more),
      rssBytes: rss(),
      reached: evidence.reached(),
      retired,
    });
    if (!isTaken) return;
    evidence.reported();
    // Both ends start at zero again.
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

/** Copies into the last copy's array if it fits. */
function copyOf(values: Float64Array, last: Float64Array): Float64Array {
  if (last.length !== values.length) return Float64Array.from(values);
  last.set(values);
  return last;
}
