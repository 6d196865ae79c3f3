// A crowd in its own process: the test holds the backend's ends, and its descriptors would not suffice for both.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { atEnd, type Owner } from '../../lib/testing/owner.ts';
import { within } from '../../lib/testing/until.ts';
import type { CrowdReport, CrowdTask } from './idle-crowd-main.ts';

export const PATIENCE_MS = 60_000;

export function crowdProcess(t: Owner): (task: CrowdTask) => Promise<CrowdReport> {
  const child = fork(fileURLToPath(new URL('./idle-crowd-main.js', import.meta.url)), { execArgv: [] });
  atEnd(t, () => child.kill('SIGKILL'));
  return (task) => {
    const answered = new Promise<CrowdReport>((resolve) => {
      child.once('message', (report: CrowdReport) => resolve(report));
    });
    child.send(task);
    return within(`the crowd did ${task.kind}`, answered, PATIENCE_MS);
  };
}
