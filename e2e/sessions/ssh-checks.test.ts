// OpenSSH from 9.8 on counts a connection without data as a failed login, and refuses addresses with too many of them. bal's
// health checks are such connections, from the same address as its clients.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { startBal } from '../harness.ts';
import { ENGINES, forEngine, missing } from '../harness/engines.ts';
import { freePort } from '../../lib/testing/ports.ts';
import { thisFile } from '../../lib/testing/owner.ts';
import { run } from '../../lib/testing/program.ts';
import { noSsh, sshArguments, sshdVersion, startSshd } from '../harness/sshd.ts';
import type { Status } from '../../lib/control/protocol.ts';

const LOGINS = 10;
/** With two checks per second the first refusal came within 15 s and lasted for 15 s. */
const BETWEEN_MS = 3500;

const version = sshdVersion();
const penalises = version !== null && (version.major > 9 || (version.major === 9 && version.minor >= 8));
const name = version === null ? 'OpenSSH' : `OpenSSH ${version.major}.${version.minor}`;
const which = version === null || penalises ? name : `${name}, which is older than the penalties,`;

interface Seen {
  readonly logins: readonly string[];
  readonly status: Status;
}

const owner = thisFile();

/** Each bal has its own sshd: a shared one would be checked twice as often. */
async function logIn(engine: (typeof ENGINES)[number]): Promise<Seen> {
  const sshd = await startSshd(owner);
  const port = await freePort();
  const bal = await startBal(owner, {
    engine,
    config: { bind_address: '127.0.0.1', port, backends: [{ host: '127.0.0.1', port: sshd.port }] },
  });
  const logins: string[] = [];
  for (let count = 0; count < LOGINS; count++) {
    if (count > 0) await pause(BETWEEN_MS);
    const { code, stdout, stderr } = await run('ssh', [...sshArguments(sshd, port), 'echo in']);
    logins.push(code === 0 ? stdout.toString().trim() : stderr.trim());
  }
  return { logins, status: await bal.status() };
}

let all: Promise<ReadonlyMap<string, Seen>> | null = null;

/** Runs on all engines at the same time. */
async function logInEverywhere(): Promise<ReadonlyMap<string, Seen>> {
  const engines = ENGINES.filter((engine) => missing(engine) === null);
  return new Map(await Promise.all(engines.map(async (engine) => [engine, await logIn(engine)] as const)));
}

for (const engine of ENGINES)
  forEngine(
    engine,
    `${which} lets everybody in whom a bal with default settings sends: ${LOGINS} of ${LOGINS}`,
    async () => {
      const seen = (await (all ??= logInEverywhere())).get(engine);
      assert.ok(seen !== undefined);
      assert.deepEqual(seen.logins, Array(LOGINS).fill('in'));
      assert.equal(seen.status.backends[0]?.state, 'up');
      assert.equal(seen.status.totals?.connections_total, LOGINS);
    },
    noSsh(),
  );
