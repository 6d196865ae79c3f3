// Runs the whole benchmark in its own network namespace where that is allowed: a private loopback interface without other
// programs' packet filters and TIME_WAIT connections, and with more ports for outgoing connections.
import { spawnSync } from 'node:child_process';
import { searchPath } from './proxies/proxy.ts';

const INSIDE = 'BENCH_OWN_NETWORK';
const SET_UP = 'ip link set lo up && echo "20480 65535" >/proc/sys/net/ipv4/ip_local_port_range';

export function hasOwnNetwork(): boolean {
  return process.env[INSIDE] === '1';
}

/** Runs this program again in a network namespace. Returns its exit code; null if that is not possible. */
export function runInOwnNetwork(): number | null {
  const env = { ...process.env, PATH: searchPath() };
  const unshare = (script: string, ...args: readonly string[]) =>
    spawnSync('unshare', ['--net', 'sh', '-c', `${SET_UP} && ${script}`, 'sh', ...args], {
      env: { ...env, [INSIDE]: '1' },
      stdio: args.length > 0 ? 'inherit' : 'ignore',
    });
  if (process.getuid?.() !== 0 || unshare('true').status !== 0) return null;
  return unshare('exec "$@"', process.execPath, ...process.execArgv, ...process.argv.slice(1)).status ?? 1;
}
