// Checks that this version of Node is supported.
import { ok, warn, type Finding } from './finding.ts';

/** Date of the last security fix of each line of Node (nodejs/Release schedule.json). */
const END_OF_LIFE: Readonly<Record<number, string>> = {
  20: '2026-04-30',
  21: '2024-06-01',
  22: '2027-04-30',
  23: '2025-06-01',
  24: '2028-04-30',
  25: '2026-06-01',
  26: '2029-04-30',
};

export function checkNode(versions: NodeJS.ProcessVersions = process.versions, today = new Date()): Finding[] {
  return [release(versions.node, today), library(versions.uv)];
}

function release(version: string, today: Date): Finding {
  const end = END_OF_LIFE[Number.parseInt(version, 10)];
  if (end === undefined || today < new Date(end)) {
    return ok('node', `Node.js ${version}${end === undefined ? '' : `, supported until ${end}`}`);
  }
  return warn(
    'node',
    `Node.js ${version} has had no security fixes since ${end}`,
    'this release line is end-of-life',
    'install the newest LTS release of Node.js and restart bal',
  );
}

/** Only a note, because bal works around it. */
function library(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const old = major < 1 || (major === 1 && minor < 52);
  const note = 'reports some resets as a clean end; bal works around that';
  return ok('libuv', old ? `libuv ${version} ${note}` : `libuv ${version}`);
}
