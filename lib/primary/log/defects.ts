// A defect must not leave a PID file and a silent death behind: it is said where somebody looks, then the process goes. The workers
// notice, finish what they have, and exit.

import type { RootLog, Sink } from './log.ts';

/** `release`: what is this process' alone is let go of. Returns what ends the hearing. */
export function watchDefects(log: RootLog, sink: Sink, release: () => void): () => void {
  const fatal = (defect: Error): void => {
    log.error('bal.crashed', 'the primary ends because of a defect', { error: defect.stack ?? String(defect) });
    process.stderr.write(`bal: internal error: ${defect.stack ?? String(defect)}\n`);
    release();
    // Another defect meanwhile ends it as Node does.
    process.off('uncaughtException', fatal);
    void sink.close().then(() => process.exit(1));
  };
  process.on('uncaughtException', fatal);
  return () => process.off('uncaughtException', fatal);
}
