// A private network and mount namespace, in which port 53 and /etc/resolv.conf can be what a scenario needs.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const SCRIPT = 'ip link set lo up && mount --bind "$0" /etc/resolv.conf && exec "$@"';

/** Why no such namespace can be made here, or null. */
export function lackingNamespace(): string | null {
  if (process.platform !== 'linux') return 'namespaces are for Linux';
  if (process.getuid?.() !== 0) return 'not root';
  try {
    if (!/^hosts:.*\bdns\b/m.test(readFileSync('/etc/nsswitch.conf', 'utf8')))
      return 'names are not resolved by DNS here';
  } catch {
    // Without the file DNS is used.
  }
  const tried = spawnSync('unshare', ['-nm', 'sh', '-c', SCRIPT, '/etc/resolv.conf', 'true'], { encoding: 'utf8' });
  return tried.status === 0 ? null : 'no network and mount namespaces';
}

/** Runs a compiled script in such a namespace with `resolvConf` as /etc/resolv.conf; returns its output once it has succeeded. */
export function runInNamespace(
  resolvConf: string,
  script: string,
  args: readonly string[],
  timeout = 90_000,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('unshare', ['-nm', 'sh', '-c', SCRIPT, resolvConf, process.execPath, script, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout,
    });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve(out) : reject(new Error(`Cannot run in a namespace: ${err}${out}`)),
    );
  });
}
