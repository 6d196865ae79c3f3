// Settings of a backend that contradict `discover`.
import { isIP } from 'node:net';
import type { BackendDraft } from './draft.ts';
import { problemAt, type Problem } from './problem.ts';

export function discoverConflicts({ path, discover, unix, tcp, weight, canonical }: BackendDraft): Problem[] {
  if (!discover.sound || discover.value === 'address' || unix.path !== null) return [];
  const problems: Problem[] = [];
  if (isIP(canonical) !== 0) {
    const message = `${tcp.host.value} is an address, and "${discover.value}" needs a name`;
    problems.push(problemAt(discover.mark, discover.path ?? path, message, 'write a name as "host", or remove it'));
  }
  if (discover.value !== 'srv') return problems;
  for (const [key, { path: written, mark }] of Object.entries({ port: tcp.port, weight })) {
    if (written === null) continue;
    problems.push(problemAt(mark, [...path, key], `SRV records say the ${key}`, 'remove it, or "discover"'));
  }
  return problems;
}
