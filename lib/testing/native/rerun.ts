// Runs a test file again in a process of its own, with something missing from its environment.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Runs one test file of .build/ under `wrapper`. Returns its output if it failed, else ''. */
export async function rerun(
  file: URL,
  env: NodeJS.ProcessEnv,
  args: readonly string[] = [],
  wrapper: readonly string[] = [],
): Promise<string> {
  // NODE_TEST_CONTEXT makes a test file report to a parent test runner in a different format.
  const [command, ...rest] = [...wrapper, process.execPath, ...args, fileURLToPath(file)];
  const child = spawn(command, rest, {
    env: { ...process.env, ...env, NODE_TEST_CONTEXT: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code]: unknown[] = await once(child, 'close');
  return code === 0 && /^# pass [1-9]/m.test(output) ? '' : output;
}

const SMALL_BUFFERS = `ip link set lo up && cd /proc/sys/net/ipv4 &&
  echo 4096 4096 4096 > tcp_wmem && echo 4096 4096 4096 > tcp_rmem && exec "$@"`;

/**
 * Wrapper for a command: a network of its own in which every socket has the smallest buffers, so that hardly a message
 * is sent whole.
 */
export const small = ['unshare', '-rn', 'sh', '-c', SMALL_BUFFERS, 'sh'] as const;

/** Why that is not possible here; false if it is. */
export function noSmallBuffers(): string | false {
  const isAllowed = spawnSync(small[0], [...small.slice(1), 'true']).status === 0;
  return isAllowed ? false : 'no right to make a network namespace here';
}
