// What a process is called where the kernel's name of it is shown: ps -e, ss -p, top, `bal doctor`.
import { writeFileSync } from 'node:fs';

/**
 * At most 15 bytes count. Not process.title: that overwrites the arguments, by which the installer tells whose programs run.
 * Linux only; elsewhere the name stays.
 */
export function nameProcess(name: string): void {
  try {
    if (process.platform === 'linux') writeFileSync('/proc/self/comm', name.slice(0, 15));
  } catch {
    // No /proc, or it is read-only: it is a name, nothing more.
  }
}
