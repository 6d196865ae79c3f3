// Handles defects of the primary: logs the error, releases the PID file and exits. The workers notice, finish their connections
// and exit.

import type { RootLog, Sink } from './log.ts';

/** Watches for uncaught errors until the returned function is called. `release` frees what only this process owns. */
export function watchDefects(log: RootLog, sink: Sink, release: () => void): () => void {
  const fatal = (defect: Error): void => {
    log.error('bal.crashed', 'the primary ends because of a defect', { error: defect.stack ?? String(defect) });
    process.stderr.write(`bal: internal error: ${defect.stack ?? String(defect)}\n`);
    release();
    // A second defect ends the process the way Node does.
    process.off('uncaughtException', fatal);
    void sink.close().then(() => process.exit(1));
  };
  process.on('uncaughtException', fatal);
  return () => process.off('uncaughtException', fatal);
}
