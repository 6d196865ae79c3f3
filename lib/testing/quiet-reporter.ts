// A reporter that tells nobody.
import type { Reporter } from '../worker/report/reporter.ts';

export const quietReporter: Reporter = {
  connectFailed: () => undefined,
  earlyFailures: () => undefined,
  log: () => undefined,
  flush: () => undefined,
  close: () => undefined,
};
