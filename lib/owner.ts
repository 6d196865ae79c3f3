// The owner of a file, by name.
import { readFileSync, statSync } from 'node:fs';

/** Null if the file cannot be accessed, or the user has no name on this machine. */
export function ownerOf(path: string): string | null {
  try {
    const uid = String(statSync(path).uid);
    const users = readFileSync('/etc/passwd', 'utf8').split('\n');
    return users.map((line) => line.split(':')).find((fields) => fields[2] === uid)?.[0] ?? null;
  } catch {
    return null;
  }
}
