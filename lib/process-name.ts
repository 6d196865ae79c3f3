// Sets the kernel's name of a process, shown by ps -e, ss -p, top and `bal doctor`.
import { writeFileSync } from 'node:fs';

/**
 * At most 15 bytes count. Does not use process.title, which overwrites the arguments by which the installer recognizes its
 * programs. Linux only; elsewhere the name stays.
 */
export function nameProcess(name: string): void {
  try {
    if (process.platform === 'linux') writeFileSync('/proc/self/comm', name.slice(0, 15));
  } catch {
    // Without a writable /proc the name stays; nothing depends on it.
  }
}
