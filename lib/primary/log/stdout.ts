// The log on stdout, in a format that depends on where stdout goes.
import { isJournal, journalText } from './journal.ts';
import { openStdout } from './log-file.ts';
import type { Sink } from './log.ts';
import { peopleText } from './people.ts';

/** Opens stdout as a sink: readable text on a terminal, JSON with priorities for journald, else JSON. */
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
