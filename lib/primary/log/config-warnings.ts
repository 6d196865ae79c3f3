// Logs the warnings about a configuration that was just taken over: it works but deserves a look. Examples are a limit above the
// available descriptors, or a port that this user may not bind. `bal check` prints them too, but perhaps nobody ran it.

import type { Problem } from '../../../config/problem.ts';
import { formatProblem } from '../../../config/problem.ts';
import type { Log } from './log.ts';

export function logWarnings(log: Log, warnings: readonly Problem[], configPath: string): void {
  for (const warning of warnings) {
    log.warn('config.warning', formatProblem({ ...warning, hint: null }, configPath), {
      path: warning.path,
      line: warning.line,
      ...(warning.file !== undefined && { file: warning.file }),
      what_happened: `${warning.path === '' ? 'the configuration' : warning.path}: ${warning.message}`,
      why_likely: 'the configuration works, but not in all situations',
      do_this_now: warning.hint ?? "run 'bal check' and correct the lines it names",
    });
  }
}
