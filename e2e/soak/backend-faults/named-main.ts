// Started in the namespace by named.ts: runs the name faults on one engine and prints the rows.
import type { EngineName } from '../../harness/engines.ts';
import { owned } from '../owned.ts';
import { dnsServer } from './dns-server.ts';
import { NAME_FAULTS, useNameServer } from './name-faults.ts';
import { runFaults } from './run.ts';

const engine: EngineName = process.argv[2] === 'native' ? 'native' : 'js';

await owned(async (owner) => {
  useNameServer(await dnsServer(owner));
  process.stdout.write(JSON.stringify(await runFaults(owner, engine, NAME_FAULTS)));
});
