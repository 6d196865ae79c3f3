import { readlinkSync } from 'node:fs';

/** Where a symbolic link leads; '' when it is gone. */
export function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
