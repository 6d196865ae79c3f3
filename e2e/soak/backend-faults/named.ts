// Runs the name faults in their own namespace.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EngineName } from '../../harness/engines.ts';
import { runInNamespace } from '../namespace.ts';
import type { Row } from './run.ts';

export async function runNamed(engine: EngineName): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bal-e2e-names-'));
  try {
    const resolvConf = join(folder, 'resolv.conf');
    writeFileSync(resolvConf, 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n');
    const rows: Row[] = JSON.parse(
      await runInNamespace(resolvConf, join(import.meta.dirname, 'named-main.js'), [engine]),
    );
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
