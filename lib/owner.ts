// To whom a file belongs, by name.
import { readFileSync, statSync } from 'node:fs';

/** Null: it cannot be looked at, or its user has no name here. */
export function ownerOf(path: string): string | null {
  try {
    const uid = String(statSync(path).uid);
    const users = readFileSync('/etc/passwd', 'utf8').split('\n');
    return users.map((line) => line.split(':')).find((fields) => fields[2] === uid)?.[0] ?? null;
  } catch {
    return null;
  }
}
