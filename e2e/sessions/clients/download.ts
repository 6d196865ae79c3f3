// curl with a slow reader: 2.5 MiB per second, and the rest at once on request.
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { atEnd, atExit, type Owner } from '../../../lib/testing/owner.ts';
import { find } from '../../../lib/testing/program.ts';
import { asProgramUser } from '../../../lib/testing/program-user.ts';

const BYTES_A_TENTH = 256 * 1024;

export interface Download {
  /** Reads the rest at full speed and returns how the download ended. */
  rest(): Promise<{ readonly code: number | null; readonly stderr: string; readonly bytes: number }>;
}

export function slowDownload(owner: Owner, url: string): Download {
  const curl = spawn(find('curl') ?? 'curl', ['-sS', url], {
    cwd: tmpdir(),
    stdio: ['ignore', 'pipe', 'pipe'],
    ...asProgramUser,
  });
  let [bytes, stderr, allowed] = [0, '', BYTES_A_TENTH];
  curl.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  curl.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes >= allowed) curl.stdout.pause();
  });
  const pace = setInterval(() => {
    allowed = bytes + BYTES_A_TENTH;
    curl.stdout.resume();
  }, 100);
  const closed = new Promise<number | null>((resolve) => curl.once('close', resolve));
  const forget = atExit(() => curl.kill('SIGKILL'));
  atEnd(owner, async () => {
    clearInterval(pace);
    curl.kill('SIGKILL');
    curl.stdout.resume();
    await closed;
    forget();
  });
  return {
    async rest() {
      clearInterval(pace);
      allowed = Infinity;
      curl.stdout.resume();
      return { code: await closed, stderr, bytes };
    },
  };
}
