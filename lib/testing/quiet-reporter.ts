// A reporter that does nothing.
import type { Reporter } from '../worker/report/reporter.ts';

export const quietReporter: Reporter = {
  connectFailed: () => undefined,
  earlyFailures: () => undefined,
  log: () => undefined,
  flush: () => undefined,
  close: () => undefined,
};
