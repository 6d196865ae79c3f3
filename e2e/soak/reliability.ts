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

Written by \`npm run e2e:soak\` (\`e2e/soak/reliability.ts\`): measured, not promised. ${date}, commit ${commit}, on ${where}; load average ${load.toFixed(1)} at the end. Times include the load of all scenarios at once and of whatever else the machine did.

## Backend faults

Each fault has a service with the faulty backend alone and one with a healthy backend beside it. A client connects, waits for the answer and closes; \`reset\` is a connection that the client saw reset. Detection counts from the fault until \`bal status\` says \`down\`, recovery from the repair until it says \`up\` and a client of that backend is served. The clock looks every 5 ms on the way down and every 20 ms on the way up.

Settings: ${Object.entries(SETTINGS)
    .map(([key, value]) => `\`${key}: ${value}\``)
    .join(', ')}.

| fault | engine | clients, faulty backend alone | clients, healthy one beside it | \`status\` | \`why\` | detected after | recovered after |
|---|---|---|---|---|---|---|---|
${rows.map(line).join('\n')}

bal looks at connects. What goes wrong on an open connection (a reset, silence, a wrong answer) it passes on as it is and does not hold against the backend: a TCP load balancer cannot tell a broken backend from one that means it.
${left.length === 0 ? '' : `\nNot run here: ${left.join('; ')}.\n`}
## The storm of reloads

Clients in a closed loop and checksummed streams through reload after reload (\`e2e/soak/reload-storm.test.ts\`, which fails when one is refused, reset or gets a wrong byte): 0 refused, 0 reset, 0 wrong.

| engine | reloads | visits | streams | before | after | heap |
|---|---|---|---|---|---|---|
${ENGINES.map(stormLine).join('\n')}

${handoverSection()}
## What else is proved, and where

| promise | scenario |
|---|---|
| reloads under load: nobody refused, nobody reset, no wrong byte; memory and descriptors as before; only what outlives the drain time is cut, and counted | \`e2e/soak/reload-storm.test.ts\` |
| reloads that meet a dying worker, another reload, a stop, a switch of the address, half-closed connections, a removed service | \`e2e/soak/reload-races.test.ts\` |
| connections go from old workers to new ones, whatever they do and whoever dies: none has two owners, none is lost but with its process | \`e2e/handover.test.ts\`, \`lib/worker/handover/handover.model.test.ts\`, \`lib/engine/channel.test.ts\` |
| connections of all kinds while workers are replaced, added, removed and killed, the primary is killed, and another one takes its place | \`e2e/soak/handover/storm.test.ts\` |
| workers end up even after one was killed, and after a change of their number | \`e2e/evenness.test.ts\`, \`lib/primary/evenness/spread.test.ts\` |
| health, cool-down, protection, counters and the round survive a reload; no client before a check has passed | \`e2e/soak/state-across-reload.test.ts\` |
| a hung worker is noticed, replaced, its clients counted | \`e2e/soak/hung-worker.test.ts\` |
| workers that crash at start; a crash loop backs off, is reported, and heals | \`e2e/soak/broken-worker.test.ts\` |
| workers killed one by one and all at once, under load | \`e2e/soak/killed-workers.test.ts\` |
| the primary killed under load: the port is free for a new start, open connections finish, no orphans | \`e2e/soak/killed-primary.test.ts\` |
| PID files and sockets that are not ours | \`e2e/soak/foreign-files.test.ts\` |
| 1, 2 and 5 times as many clients as the limit: who is in goes on, the refused are counted one by one | \`e2e/soak/beyond-the-limit.test.ts\` |
| descriptors that end before the limit: said beforehand, counted, nothing spins | \`e2e/soak/descriptors.test.ts\` |
| readers that stand still before fast senders cost bounded memory | \`e2e/soak/slow-readers.test.ts\` |
| very many idle connections beside traffic | \`e2e/soak/idle-crowd.test.ts\` |
| clients that connect and say nothing; connections that never complete | \`e2e/soak/silent-clients.test.ts\`, \`e2e/soak/half-open.test.ts\` |
| a wall clock that jumps by hours under traffic | \`e2e/soak/clock-step.test.ts\`, \`lib/primary/upstream/clock.test.ts\` |
| a worker that says nonsense to the primary, or writes to its channel what is no message | \`e2e/soak/rogue-worker.test.ts\`, \`lib/primary/stats/rogue-worker.test.ts\`, \`lib/primary/workers/channel-guard.test.ts\`, \`lib/ipc/incoming.test.ts\` |
| never zero workers that listen, never more clients than the limit, one record for each connection, under any order of faults | \`lib/primary/workers/fleet.model.test.ts\`, \`lib/worker/policy.model.test.ts\`, \`lib/primary/limits/leases.network.test.ts\` |
| a full log disk, room again, a stop on a full one | \`e2e/soak/disk-full.test.ts\`, \`lib/primary/log/log-file.test.ts\` |
| hostile clients of the control socket; nothing that passes through is told | \`e2e/soak/hostile.test.ts\`, \`e2e/soak/secrets.test.ts\` |
| very many short connections leave nothing behind | \`e2e/soak/short-connections.test.ts\` |

## Not proved here

- Several hosts: backends, clients and bal share one kernel and the loopback device. Real packet loss, reordering, MTU trouble, and a cable that is pulled (where neither FIN nor RST arrives) are not tested.
- A slow network is not tested here: it takes \`tc netem\`, which the kernel of this machine does not have.
- A name server that is slow, or answers differently from query to query, is not tested; one that says "no such name" is.
- A hung primary (SIGSTOP) is not replaced by anything: it is a promise of the service manager, not of bal. The workers go on with what they last knew; that is not tested for long times.
- A kernel that runs out of memory and kills a process of bal is tested only as the SIGKILL that it sends.
- A client that a worker had accepted at the instant it was killed is lost with it, as promised; how many that can be at most is not bounded by a test, only reported.
- A worker that asks the primary, in the words of \`node:cluster\` itself, to bind a socket for it: Node believes it. What throws is caught and ends that worker; what such a request binds is not watched.
- With the js engine, a worker whose descriptors are used up by something other than its connections: libuv then closes waiting clients without telling anybody, so they are not counted. Where the limit is set below the descriptors already open, a js worker takes a whole core.
`,
);
console.log(`${file} is written`);
