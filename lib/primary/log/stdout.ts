// The log on stdout. On a terminal it is lines that a person reads instead of JSON; what goes elsewhere stays JSON.
import { isJournal, journalText } from './journal.ts';
import { openStdout } from './log-file.ts';
import type { Sink } from './log.ts';
import { peopleText } from './people.ts';

/** stdout: on a terminal as people read it, into journald with priorities, else as JSON. */
export async function openTerminal(): Promise<Sink> {
  const sink = await openStdout();
  if (process.stdout.isTTY) return through(sink, peopleText);
  return isJournal(1) ? through(sink, journalText) : sink;
}

function through(sink: Sink, written: (lines: string) => string): Sink {
  return {
    write: (lines) => sink.write(written(lines.toString())),
    reopen: () => sink.reopen(),
    close: () => sink.close(),
    get dropped() {
      return sink.dropped;
    },
    get file() {
      return sink.file;
    },
    get fault() {
      return sink.fault;
    },
  };
}
