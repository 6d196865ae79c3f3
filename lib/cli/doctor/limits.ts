// Checks that the file descriptors suffice for max_concurrent_connections.
import { readFileSync } from 'node:fs';
import { descriptorsFor } from '../../../config/advice.ts';
import { hardLimit, thisMachine } from '../../../config/machine.ts';
import { ok, warn, type Finding, type Patient } from './finding.ts';

export function checkLimits({ status, running, disk }: Patient): Finding[] {
  const plan = running ?? disk.plan;
  const connections = status?.max_connections ?? plan?.maxConnections;
  if (plan === null || connections === undefined) return [];
  // A worker of the running instance may have another limit than this shell.
  const worker = status?.workers.find(({ state }) => state === 'ready');
  const limit = worker === undefined ? thisMachine().descriptors : limitOf(worker.pid);
  const needed = descriptorsFor(connections, plan.services.length);
  const summary = `${connections} connections can need ${needed}, the limit is ${limit ?? 'none or unknown'}`;
  if (limit === null || needed <= limit) return [ok('descriptors', summary)];
  return [
    warn(
      'descriptors',
      summary,
      'the limit of open files of this user or systemd unit is low',
      'raise it (ulimit -Hn, LimitNOFILE= of systemd) and restart bal, or lower max_concurrent_connections',
    ),
  ];
}

/** Node raises the soft limit to the hard one, so the hard one counts. */
function limitOf(pid: number): number | null {
  try {
    return hardLimit(readFileSync(`/proc/${pid}/limits`, 'utf8'));
  } catch {
    return null;
  }
}
