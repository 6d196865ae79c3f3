// Writes e2e/RELIABILITY.md: runs every backend fault on every engine and tabulates the results. Part of `npm run e2e:soak`; by
// itself: node .build/e2e/soak/reliability.js
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { describeMachine } from '../bench/machine.ts';
import { ENGINES, type EngineName, missing } from '../harness/engines.ts';
import { ROOT } from '../../lib/testing/root.ts';
import { FAULTS } from './backend-faults/faults.ts';
import { judge } from './backend-faults/judge.ts';
import { runNamed } from './backend-faults/named.ts';
import { NAME_FAULTS } from './backend-faults/name-faults.ts';
import { type Row, runFaults, SETTINGS } from './backend-faults/run.ts';
import { stormOf } from './figures.ts';
import { handoverSection } from './handover/page.ts';
import { lackingNamespace } from './namespace.ts';
import { owned } from './owned.ts';

function seen(counts: Row['alone']): string {
  return Object.entries(counts)
    .map(([outcome, count]) => `${count} ${outcome}`)
    .join(', ');
}

function line({ fault, engine, alone, beside, state, why, detectedMs, recoveredMs }: Row): string {
  const detected = detectedMs === null ? 'not by bal' : `${detectedMs.toFixed(0)} ms`;
  return `| ${[fault, engine, seen(alone), seen(beside), state, why, detected, `${recoveredMs.toFixed(0)} ms`].join(' | ')} |`;
}

/** A run of the storm as a row; one that did not run is named, not left out. */
function stormLine(engine: EngineName): string {
  const storm = stormOf(engine);
  if (storm === null) return `| ${engine} | not played in this run | | | | | |`;
  const { reloads, seconds, visits, perSecond, streams, streamedMib, slowestMs, before, after, heap } = storm;
  const cells = [
    engine,
    `${reloads} in ${seconds.toFixed(0)} s, the slowest ${slowestMs} ms`,
    `${visits} (${perSecond.toFixed(0)}/s)`,
    `${streams} (${streamedMib.toFixed(0)} MiB)`,
    before,
    after,
    heap,
  ];
  return `| ${cells.join(' | ')} |`;
}

const rows: Row[] = [];
const left: string[] = [];
for (const engine of ENGINES) {
  const reason = missing(engine);
  if (reason !== null) {
    left.push(`engine ${engine}: ${reason}`);
    continue;
  }
  const own = await owned((owner) => runFaults(owner, engine, FAULTS));
  judge(FAULTS, own);
  rows.push(...own);
  const lacking = lackingNamespace();
  if (lacking !== null) {
    left.push(`faults of names, engine ${engine}: ${lacking}`);
    continue;
  }
  const byName = await runNamed(engine);
  judge(NAME_FAULTS, byName);
  rows.push(...byName);
}
rows.sort((a, b) => a.fault.localeCompare(b.fault) || a.engine.localeCompare(b.engine));

const { commit, kernel, memoryGib } = describeMachine();
const date = new Date().toISOString().slice(0, 10);
const where = `${availableParallelism()} cores of ${cpus()[0]?.model.trim() ?? 'an unknown CPU'}, ${memoryGib.toFixed(0)} GiB, ${kernel}, Node ${process.version}`;
const [load = 0] = loadavg();
const file = join(ROOT, 'e2e', 'RELIABILITY.md');
writeFileSync(
  file,
  `# What happens when things go wrong

Written by \`npm run e2e:soak\` (\`e2e/soak/reliability.ts\`): measured, not promised. ${date}, commit ${commit}, on ${where}; load average ${load.toFixed(1)} at the end. Times include the load of all scenarios at once and of everything else on the machine.

## Backend faults

Each fault is tested with two services: one with only the faulty backend, and one that also has a healthy backend. A client connects, waits for the response and closes; \`reset\` counts connections that the client saw reset. Detection is the time from the fault until \`bal status\` says \`down\`. Recovery is the time from the repair until it says \`up\` and a client of that backend is served. The test polls every 5 ms on the way down and every 20 ms on the way up.

Settings: ${Object.entries(SETTINGS)
    .map(([key, value]) => `\`${key}: ${value}\``)
    .join(', ')}.

| fault | engine | clients, only the faulty backend | clients, with a healthy backend | \`status\` | \`why\` | detected after | recovered after |
|---|---|---|---|---|---|---|---|
${rows.map(line).join('\n')}

bal judges backends by their connects. It passes on unchanged what goes wrong on an open connection (a reset, silence, a wrong answer), and apart from [early failures](../lib/BEHAVIOUR.md#connections) does not hold it against the backend: a TCP load balancer cannot tell whether a backend is broken or behaves as intended.
${left.length === 0 ? '' : `\nNot run here: ${left.join('; ')}.\n`}
## Reload storm

Clients in a closed loop and checksummed streams run through reload after reload (\`e2e/soak/reload-storm.test.ts\` fails if one is refused, reset or gets a wrong byte): 0 refused, 0 reset, 0 wrong.

| engine | reloads | visits | streams | before | after | heap |
|---|---|---|---|---|---|---|
${ENGINES.map(stormLine).join('\n')}

${handoverSection()}
## What else is tested, and where

| promise | test |
|---|---|
| reloads under load: no client refused or reset, no wrong byte; memory and descriptors as before; only connections that outlive the drain timeout are cut, and counted | \`e2e/soak/reload-storm.test.ts\` |
| reloads during a worker death, another reload, a stop, a change of address; with half-closed connections; with a removed service | \`e2e/soak/reload-races.test.ts\` |
| connections move from old workers to new ones, whatever they do and whichever process dies: none has two owners, and none is lost unless its process dies | \`e2e/handover.test.ts\`, \`lib/worker/handover/handover.model.test.ts\`, \`lib/engine/channel.test.ts\` |
| connections of all kinds while workers are replaced, added, removed and killed, and the primary is killed and replaced | \`e2e/soak/handover/storm.test.ts\` |
| connections end up spread evenly after a worker is killed, and after a change of the number of workers | \`e2e/evenness.test.ts\`, \`lib/primary/evenness/spread.test.ts\` |
| health, cool-down, protection, counters and the round-robin position survive a reload; no client before a check has passed | \`e2e/soak/state-across-reload.test.ts\` |
| a hung worker is detected and replaced, and its clients are counted | \`e2e/soak/hung-worker.test.ts\` |
| workers that crash at start; a crash loop backs off, is reported, and recovers | \`e2e/soak/broken-worker.test.ts\` |
| workers killed one by one and all at once, under load | \`e2e/soak/killed-workers.test.ts\` |
| the primary killed under load: the port is free for a new start, open connections finish, no orphans | \`e2e/soak/killed-primary.test.ts\` |
| PID files and sockets that belong to others | \`e2e/soak/foreign-files.test.ts\` |
| 1, 2 and 5 times as many clients as the limit: accepted clients continue, and each refused client is counted | \`e2e/soak/beyond-the-limit.test.ts\` |
| descriptors run out before the limit: warned beforehand, counted, nothing spins | \`e2e/soak/descriptors.test.ts\` |
| stalled readers with fast senders use bounded memory | \`e2e/soak/slow-readers.test.ts\` |
| very many idle connections alongside traffic | \`e2e/soak/idle-crowd.test.ts\` |
| clients that connect and send nothing; connections that never complete | \`e2e/soak/silent-clients.test.ts\`, \`e2e/soak/half-open.test.ts\` |
| a wall clock that jumps by hours under traffic | \`e2e/soak/clock-step.test.ts\`, \`lib/primary/upstream/clock.test.ts\` |
| a worker that sends the primary nonsense, or writes something to its channel that is not a message | \`e2e/soak/rogue-worker.test.ts\`, \`lib/primary/stats/rogue-worker.test.ts\`, \`lib/primary/workers/channel-guard.test.ts\`, \`lib/ipc/incoming.test.ts\` |
| always at least one listening worker, never more clients than the limit, one record per connection, under any order of faults | \`lib/primary/workers/fleet.model.test.ts\`, \`lib/worker/policy.model.test.ts\`, \`lib/primary/limits/leases.network.test.ts\` |
| a full log disk, space again, a stop while the disk is full | \`e2e/soak/disk-full.test.ts\`, \`lib/primary/log/log-file.test.ts\` |
| hostile clients of the control socket; relayed data is never disclosed | \`e2e/soak/hostile.test.ts\`, \`e2e/soak/secrets.test.ts\` |
| very many short connections leave nothing behind | \`e2e/soak/short-connections.test.ts\` |

## Not tested here

- Several hosts: backends, clients and bal share one kernel and the loopback device. Real packet loss, reordering, MTU problems and a pulled cable (neither FIN nor RST arrives) are not tested.
- A slow network: it needs \`tc netem\`, which the kernel of this machine does not have.
- A name server that is slow, or answers differently from query to query. One that answers "no such name" is tested.
- A hung primary (SIGSTOP): nothing in bal replaces it; that is up to the service manager. The workers continue with what they last knew; this is not tested over long periods.
- A kernel that runs out of memory and kills a bal process: only the SIGKILL that it sends is tested.
- How many clients are lost with a killed worker: a client that it had accepted at that instant is lost with it, as documented. Tests report the number but set no upper bound.
- A worker that uses the protocol of \`node:cluster\` itself to ask the primary to bind a socket: Node trusts it. If that throws, the error is caught and ends the worker; what such a request binds is not monitored.
- With the js engine, a worker whose descriptors are used up by something other than its connections: libuv then closes waiting clients silently, so they are not counted. If the limit is set below the number of descriptors already open, a js worker uses a whole core.
`,
);
console.log(`${file} is written`);
