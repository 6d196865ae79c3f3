// Checks that the log can be written, has room, and has lost no lines.
import { access, constants, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { quoted } from '../../../config/shell.ts';
import type { LogStatus } from '../../control/protocol.ts';
import { ok, warn, type Finding, type Patient } from './finding.ts';
import { bytes, counted } from '../../units.ts';

/** The most the rotated files take: eleven of 50 MB, rounded up. */
const ROOM = 600 * 1024 * 1024;

export async function checkLogs({ at, status, isGuest }: Patient): Promise<Finding[]> {
  const own = status === null ? [] : [...written(status.log, at.logDir), lost(status.totals)];
  const directory = isGuest ? ok('log_directory', `${at.logDir} is for the owner of bal`) : await writable(at.logDir);
  return [directory, await space(at.logDir), ...own];
}

/** Reports the instance's own view: its rights in the directory may differ from this user's. */
function written(log: LogStatus | null | undefined, dir: string): Finding[] {
  const name = 'log';
  // An older version does not report it.
  if (log === null || log === undefined) return [];
  if (log.fault === null) return [ok(name, log.file === null ? 'goes to stdout' : `goes to ${log.file}`)];
  return [
    warn(
      name,
      `${log.file === null ? 'bal has no log' : `the log in ${log.file} is not in order`}: ${log.fault}`,
      'its directory may not be written by the user of bal, is not there, or its disk is full; traffic goes on without it',
      `correct that in ${dir}; bal tries again every two seconds by itself`,
    ),
  ];
}

async function writable(dir: string): Promise<Finding> {
  try {
    const there = await existing(dir);
    if (!(await stat(there)).isDirectory()) throw new Error(`${there} is no directory`);
    await access(there, constants.W_OK | constants.X_OK);
    return ok('log_directory', there === dir ? `${dir} is writable` : `${dir} can be made`);
  } catch (error) {
    return warn(
      'log_directory',
      `${dir} cannot be written to: ${error instanceof Error ? error.message : String(error)}`,
      'it belongs to another user, or something else is in its place; traffic goes on, but the log is lost',
      `give the user of bal the right to write there: chown -R USER ${quoted(dir)}`,
    );
  }
}

async function space(dir: string): Promise<Finding> {
  try {
    const { bavail, bsize } = await statfs(await existing(dir));
    const free = bavail * bsize;
    if (free >= ROOM) return ok('log_space', `${bytes(free)} free`);
    return warn(
      'log_space',
      `${bytes(free)} free, and the log may take ${bytes(ROOM)}`,
      'the disk is nearly full; traffic goes on, but log lines are lost when it is',
      `free some space (du -xsh ${quoted(dir)}), or set log_level: warn`,
    );
  } catch (error) {
    return ok('log_space', `cannot be told: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function lost(totals: { readonly log_lines_dropped_total: number } | null): Finding {
  const count = totals?.log_lines_dropped_total ?? 0;
  if (count === 0) return ok('log_lines', 'none was lost');
  return warn(
    'log_lines',
    `${counted(count, 'log line')} lost since start`,
    'the disk was full or slow, the log directory not writable, or there was a storm of lines',
    'look at the space and the rights of the log directory, or set log_level: warn',
  );
}

/** Returns the nearest existing directory: the missing ones can be made in it. */
async function existing(path: string): Promise<string> {
  try {
    await stat(path);
    return path;
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!missing || dirname(path) === path) throw error;
    return existing(dirname(path));
  }
}
